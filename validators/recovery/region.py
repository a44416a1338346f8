"""The value of one key or list item in a broken text: where it stands, and whether YAML can read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from validators.limits import Limits
from validators.model import Edit
from validators.recovery.lines import Line, Lines
from validators.recovery.patch import Fault, Mended, joined
from validators.source import Source
from validators.yamlhelp import Problem
from validators.yamltree import YamlError, parse


@dataclass(slots=True)
class Region:
    """A value. `column` is that of its key (or hyphen) once mended, `raw` where the author wrote it."""

    lines: Lines
    name: str
    """The key; for a list's item the key of the list."""
    item: bool
    column: int
    raw: int
    index: int
    """The number of its first line."""
    after: int
    """The place right behind the key's colon, or behind the hyphen."""
    start: int
    """The place of the value's first sign."""
    stop: int
    """The end of the value's last sign."""
    glue: tuple[Edit, ...] = ()
    """Edits right behind the colon that another fault makes."""
    glued: Fault | None = None
    """That fault."""
    owner: Fault | None = None
    """The fault by which the key has moved."""
    more: list[Line] = field(default_factory=list)
    """The further lines of the value, blank ones left out."""
    low: list[Line] = field(default_factory=list)
    """Those among them that are not indented as the value's lines must be."""
    broken: bool = False
    """Whether one of them stands no further right than the key."""
    next: int = 0
    """The number of the first line behind the value."""
    stop_of_line: int = 0
    """The end of the first line's last sign."""

    @property
    def text(self) -> str:
        """The value as it is written."""
        return self.lines.text[self.start : self.stop]

    @property
    def called(self) -> str:
        """How messages name the value."""
        return f"`{self.name[:40]}`" if self.name else "this value"

    @property
    def step(self) -> int:
        """The column at which the lines of a text below the key begin."""
        return self.column + 2

    def refusal(self, edits: Sequence[Edit], limits: Limits) -> Problem | None:
        """Why YAML cannot read the value as one scalar or flow collection once `edits` are made; None if it can.

        The problem's places are those of the whole text.
        """
        head = " " * self.column + ("-" if self.item else "k:")
        inside = [edit for edit in (*self.glue, *edits) if self.after <= edit.start and edit.end <= self.stop]
        moved = (Edit(e.start - self.after, e.end - self.after, e.text) for e in joined(inside))
        mended = Mended(self.lines.text[self.after : self.stop], moved)
        try:
            root = parse(Source(head + mended.text), limits)
        except YamlError as error:
            found = error.problem
            if found.fix:
                return None  # a tab: the parser itself says how to mend it, once the rest can be read
            start, end = (self.after + mended.back(max(place - len(head), 0)) for place in (found.start, found.end))
            return Problem(found.rule, found.message, found.help, start, end)
        values = root.items if root and self.item else [value for _, value in root.entries] if root else []
        if len(values) == 1 and (values[0].kind == "scalar" or values[0].style is not None):
            return None
        return Problem("yaml-syntax", "this is no single text", "", self.start, self.stop)

    def indented(self, lines: Sequence[Line], column: int) -> list[Edit]:
        """Edits that move `lines` together so that the leftmost begins at `column`."""
        by = column - min((line.column() for line in lines), default=0)
        edits = (Edit(line.start, line.lead, " " * (line.column() + by)) for line in lines)
        return [edit for edit in edits if self.lines.text[edit.start : edit.end] != edit.text]

    def raised(self) -> list[Edit]:
        """Edits that indent the lines that stand too far left, each run of them together."""
        edits: list[Edit] = []
        run: list[Line] = []
        low = {line.index for line in self.low}
        for line in self.more:
            if line.index in low:
                run.append(line)
            elif run:
                edits += self.indented(run, self.step)
                run = []
        return edits + (self.indented(run, self.step) if run else [])
