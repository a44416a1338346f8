"""The gate on prompt echo: a teacher that repeats what it was told."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeline.quality.lexical import words
from pipeline.quality.rows import Row

RUN = 8  # words of a prompt in a row that a text repeats
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|^== [a-z ]+ ==$", re.DOTALL | re.MULTILINE)

Grams = frozenset[tuple[str, ...]]


def echo(row: Row) -> str | None:
    """Eight words in a row of the prompts' own text, unless the seeds or the document say them, too."""
    prompts = row.material.prompts
    told = _told(tuple(prompts.get(name).source for name in row.flow.prompts))
    for part, text in row.parts:
        repeated = runs(text) & told
        if repeated and not all(" ".join(run) in _joined(row.seeds.text + row.source) for run in repeated):
            said = " ".join(min(repeated))
            return f"{part}: it repeats the prompt ({said!r})"
    return None


def runs(text: str, size: int = RUN) -> Grams:
    """All runs of `size` words."""
    said = words(text)
    return frozenset(said[at : at + size] for at in range(len(said) - size + 1))


@lru_cache(maxsize=32)
def _told(sources: tuple[str, ...]) -> Grams:
    """The runs of words in what templates say themselves; what is filled in belongs to seeds and documents."""
    fragments = (fragment for source in sources for fragment in _TEMPLATE.split(source))
    return frozenset[tuple[str, ...]]().union(*(runs(fragment) for fragment in fragments))


def _joined(text: str) -> str:
    return " ".join(words(text))
