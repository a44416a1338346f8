"""Whether a quote stands in the text that it is said to be from."""

from __future__ import annotations

import re

FOUND = 0.9  # a model that copies slips now and then: a lost comma, a straightened quotation mark
LEAST = 8  # characters; a shorter quote stands in any text
_MARKUP = re.compile(r"[*_`|\\]+")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def quoted(quote: str, text: str) -> float:
    """How much of `quote` stands in `text` in one piece, 0 to 1; white space, case and Markdown marks do not count.

    0 where it is too short to say anything, or holds a number that the text does not: one wrong digit in a long quote
    would pass as a slip. (Similarity: the best of all windows of the text, normalised Indel distance as in rapidfuzz.)
    """
    from rapidfuzz import fuzz

    wanted, source = _plain(quote), _plain(text)
    if len(wanted) < LEAST or len(wanted) > 1.2 * len(source) or not numbers(wanted) <= numbers(source):
        return 0.0
    return 1.0 if wanted in source else round(fuzz.partial_ratio(wanted, source) / 100, 4)


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text that are written in digits."""
    return frozenset(_NUMBER.findall(text))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", _MARKUP.sub("", text)).strip().casefold()
