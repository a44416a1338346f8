"""Faults with their mends, and the way back from a mended text to the text as it was."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from validators.model import Edit, Fix
from validators.yamlhelp import Problem


@dataclass(slots=True)
class Fault:
    """One error: the characters from `start` up to `end`, what is wrong with them, and edits that let a reader go on.

    Only where `sure` are the edits what the author evidently meant; otherwise they serve the reading alone.
    """

    message: str
    help: str
    start: int
    end: int
    title: str = ""
    meaning: str = ""
    rule: str = "yaml-syntax"
    sure: bool = True
    edits: list[Edit] = field(default_factory=list)

    def moved(self, back: Callable[[int], int]) -> Fault:
        """The same in terms of the text that `back` leads to, and with no edits but those that make a fix."""
        edits = [Edit(back(edit.start), back(edit.end), edit.text) for edit in sorted(self.edits) if self.sure]
        return replace(self, start=back(self.start), end=back(self.end), edits=edits)

    def problem(self) -> Problem:
        """The fault as a finding, with a fix where one is sure."""
        fix = Fix(self.title, tuple(self.edits), meaning=self.meaning) if self.sure and self.edits else None
        return Problem(self.rule, self.message, self.help, self.start, self.end, fix)


class Mended:
    """`text` with edits made in it. The edits may touch each other, but not overlap."""

    def __init__(self, text: str, edits: Iterable[Edit]) -> None:
        pieces: list[str] = []
        # Where each piece begins here; the characters of the old text that it stands for.
        self._starts: list[int] = []
        self._old: list[tuple[int, int]] = []
        self._length = 0
        done = 0
        for edit in sorted(edits):
            self._piece(pieces, text[done : edit.start], done, edit.start)
            self._piece(pieces, edit.text, edit.start, edit.end)
            done = edit.end
        self._piece(pieces, text[done:], done, len(text))
        self.text = "".join(pieces)

    def _piece(self, pieces: list[str], text: str, start: int, end: int) -> None:
        if text:
            pieces.append(text)
            self._starts.append(self._length)
            self._old.append((start, end))
            self._length += len(text)

    def back(self, index: int) -> int:
        """The place in the old text of the character at `index`; its end for the end of this text."""
        at = bisect_right(self._starts, index) - 1
        if at < 0:
            return 0
        start, end = self._old[at]
        return min(start + index - self._starts[at], end)


def joined(edits: Iterable[Edit]) -> list[Edit]:
    """The edits by place; insertions at one place become one, in the order in which they were given."""
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if result and edit.start == edit.end == result[-1].end and result[-1].start == result[-1].end:
            result[-1] = Edit(edit.start, edit.end, result[-1].text + edit.text)
        else:
            result.append(edit)
    return result


def compatible(faults: Iterable[Fault]) -> list[Fault]:
    """The faults by place. One whose edits collide with those of an earlier one keeps its words alone."""
    kept = sorted(faults, key=lambda fault: (fault.start, fault.end))
    spans = sorted((edit.start, edit.end, number) for number, fault in enumerate(kept) for edit in fault.edits)
    dropped: set[int] = set()
    last, owner = (-1, -1), -1
    for start, end, number in spans:
        if number in dropped:
            continue
        if start < last[1] or (start, end) == last:
            dropped.add(max(number, owner) if number != owner else number)
        if number not in dropped:
            last, owner = (start, end), number
    for number in dropped:
        kept[number].edits = []
    return kept
