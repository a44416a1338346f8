"""How far an answer agrees with its reference, by words alone."""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"\w+(?:[.,:]\d+)*")  # "12.5", "1,000" and "10:30" are one word each


def agreement(answer: str, reference: str) -> float:
    """0..1. A reference of one word or number is said or not; a longer one is compared by token F1."""
    wanted = _words(reference)
    return float(wanted[0] in _words(answer)) if len(wanted) == 1 else f1(answer, reference)


def f1(answer: str, reference: str) -> float:
    """Token F1, 0..1: words in common, case and punctuation aside (as SQuAD does, articles kept)."""
    said, wanted = (Counter(re.findall(r"\w+", text.lower())) for text in (answer, reference))
    common = sum((said & wanted).values())
    return round(2 * common / (said.total() + wanted.total()), 6) if common else 0.0


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
