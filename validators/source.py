"""A file's text with its line table: turns character indexes into positions and back into lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from validators.model import Span

_BREAK = re.compile(r"\r\n|\r|\n")


class Source:
    """Text and the places of its lines.

    A line ends with LF, CR LF or CR, as editors see it; YAML's rarer breaks (NEL, LS, PS) do not count.
    Indexes count code points of `text`, from 0; positions count from 1.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        breaks = [match.span() for match in _BREAK.finditer(text)]
        self._starts = [0, *(end for _, end in breaks)]
        self._ends = [*(start for start, _ in breaks), len(text)]

    @property
    def line_count(self) -> int:
        """Lines, counting the empty one after a final line break."""
        return len(self._starts)

    def lines(self) -> Iterator[tuple[int, str]]:
        """(index of its first character, line without its break), from the first line to the last."""
        for start, end in zip(self._starts, self._ends, strict=True):
            yield start, self.text[start:end]

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its break; "" beyond the end."""
        if not 1 <= number <= len(self._starts):
            return ""
        return self.text[self._starts[number - 1] : self._ends[number - 1]]

    def start_of(self, number: int) -> int:
        """Index of the first character of line `number` (from 1); the end of the text beyond the last line."""
        return self._starts[number - 1] if number <= len(self._starts) else len(self.text)

    def position(self, index: int) -> tuple[int, int]:
        """(line, column) of the character at `index`; clamped to the text and to the line's end."""
        index = min(max(index, 0), len(self.text))
        row = bisect_right(self._starts, index) - 1
        return row + 1, min(index, self._ends[row]) - self._starts[row] + 1

    def span(self, start: int, end: int) -> Span:
        """Positions from index `start` up to `end`; at least one character wide where the line has one there."""
        line, column = self.position(start)
        end_line, end_column = self.position(max(start, end))
        if (line, column) == (end_line, end_column) and start < self._ends[line - 1]:
            end_column += 1
        return Span(line, column, end_line, end_column)

    def line_span(self, index: int) -> Span:
        """The visible part of the line that holds `index`."""
        line, _ = self.position(index)
        text = self.line(line)
        column = len(text) - len(text.lstrip()) + 1
        return Span(line, column, line, max(column, len(text.rstrip()) + 1))
