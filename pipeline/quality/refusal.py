"""Gates on what a teacher says instead of doing its work: refusals, and talk about the prompt.

Plain flows have their own.
"""

from __future__ import annotations

import re

from pipeline.quality.lexical import refuses
from pipeline.quality.rows import Row

HEAD = 200  # characters: a large teacher that refuses says so first
_ANYWHERE = re.compile(r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b", re.IGNORECASE)
_SOURCE = re.compile(
    r"\b(?:the|this|given|above|provided|preceding) (?:passage|text|excerpt|chunk|context|paragraph|document)\b|"
    r"\baccording to the (?:passage|text|document|article|author)\b",
    re.IGNORECASE,
)


def refusal(row: Row) -> str | None:
    """A refusal, an apology or "I do not know" at the head of a text, or a model that names itself, anywhere."""
    if row.flow.form == "plain":
        return None
    for part, text in row.parts:
        if _says_no(text) and not any(_says_no(seed) for seed in row.seeds.of(part)):
            return f"{part}: the teacher refused, apologised or said that it does not know"
    return None


def about_the_prompt(row: Row) -> str | None:
    """A question or answer of a knowledge leaf that leans on "the passage", which nobody sees who is asked it."""
    if row.flow.form == "plain" or row.flow.kind != "knowledge" or row.draft.task not in ("qa", "choice"):
        return None
    for part, text in row.parts:
        found = _SOURCE.search(text)
        if found and not any(_SOURCE.search(seed) for seed in row.seeds.of(part)):
            return f"{part}: it speaks of {found.group()!r}, which whoever reads the {part} does not have"
    return None


def _says_no(text: str) -> bool:
    return refuses(text[:HEAD]) or bool(_ANYWHERE.search(text))
