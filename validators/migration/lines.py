"""Whole lines of a YAML text: found, moved sideways, turned into comments.

Lines are those of YAML 1.1, where NEL, LS and PS end a line too: a comment ends there, and indentation begins anew.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_BREAKS = "\n\r\x85\u2028\u2029"
_LINE = re.compile(f"[^{_BREAKS}]*(?:\r\n|[{_BREAKS}])|[^{_BREAKS}]+")


class Rows:
    """Where the lines of `text` begin and end; indexes count code points from 0."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._starts = [0, *(match.end() for match in _LINE.finditer(text))]

    def start(self, index: int) -> int:
        """Index of the first character of the line that holds `index`."""
        return self._starts[bisect_right(self._starts, index) - 1]

    def after(self, index: int) -> int:
        """Index of the first character behind that line and its break."""
        row = bisect_right(self._starts, index)
        return self._starts[row] if row < len(self._starts) else self._length

    def column(self, index: int) -> int:
        """Characters of the line before `index`."""
        return index - self.start(index)


def split(text: str, start: int = 0) -> Iterator[str]:
    """The lines of `text` from index `start` on, with their breaks; the last may have none."""
    for match in _LINE.finditer(text, start):
        yield match.group()


def ended(text: str) -> str:
    """`text` with a line break at its end, unless it is empty."""
    return text if not text or text[-1] in _BREAKS else text + "\n"


def shifted(text: str, by: int) -> str:
    """Whole lines, indented by `by` more spaces (fewer if negative); empty lines stay empty."""
    return "".join(_shift(line, by) for line in split(text))


def _shift(line: str, by: int) -> str:
    if line[0] in _BREAKS:
        return line
    if by >= 0:
        return " " * by + line
    leading = len(line) - len(line.lstrip(" "))
    return line[min(leading, -by) :]


def commented(text: str, column: int, at: int | None = None) -> str:
    """Whole lines that begin at `column` as comments at column `at` (default: the same); further indentation stays."""
    lead = " " * (column if at is None else at)
    said = (line[column:] if not line[:column].strip() else line.lstrip() for line in split(text))
    return "".join(f"{lead}# {line.rstrip()}".rstrip() + "\n" for line in said)
