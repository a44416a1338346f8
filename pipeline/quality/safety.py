"""The gate on unsafe words: a short list of slurs, threats and obscenities. It counts words and understands nothing.

Packages were looked at and left out: better-profanity (2020) flags "breast" and "weed", alt-profanity-check unpickles
a model that nobody can read. Whether a text does harm is the judges' question; this catches what needs no judgement.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from pipeline.quality.rows import Row

LIST = Path(__file__).parent.parent / "data" / "unsafe.txt"
KINDS = {
    "slur": "a slur",
    "hate": "hatred of a group",
    "sexual": "an obscenity",
    "violence": "a threat or a guide to violence",
    "self-harm": "an urge to self-harm",
}


def unsafe_words(row: Row) -> str | None:
    """Words of the list `LIST`, unless the seeds or the document hold words of the same kind."""
    for part, text in row.parts:
        for kind in sorted(unsafe_kinds(text) - _known(f"{row.seeds.text}\n{row.source}")):
            return f"{part}: it holds {KINDS[kind]}, by a list of words ({kind})"
    return None


def unsafe_kinds(text: str) -> frozenset[str]:
    """Kinds (`KINDS`) of which `text` holds a word."""
    any_kind, by_kind = _patterns()
    if not any_kind.search(text):
        return frozenset()
    return frozenset(kind for kind, pattern in by_kind.items() if pattern.search(text))


_known = lru_cache(maxsize=64)(unsafe_kinds)


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], dict[str, re.Pattern[str]]]:
    """One pattern for all, and one for each kind."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, _, pattern = line.partition(": ")
            by_kind[kind].append(pattern)
    every = [pattern for patterns in by_kind.values() for pattern in patterns]
    return _whole_words(every), {kind: _whole_words(patterns) for kind, patterns in by_kind.items()}


def _whole_words(patterns: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", re.IGNORECASE)
