"""Reads a broken YAML text line by line as its author meant it, and notes every fault on the way."""

from __future__ import annotations

from dataclasses import dataclass

from validators.limits import Limits
from validators.model import Edit
from validators.recovery import blocks, litter, plain, quotes
from validators.recovery.bounds import Bounds
from validators.recovery.contract import CHILD, TEXT
from validators.recovery.frames import Spot
from validators.recovery.lines import Line, Lines, Split, split_at
from validators.recovery.patch import Fault
from validators.recovery.region import Region
from validators.yamlhelp import Problem

# Bounds on the work that a hostile text can make.
_FAULTS = 1000
_CHECKS = 1_500


@dataclass(frozen=True, slots=True)
class Entry:
    """A line with a key or hyphen, for whoever must take its value out: characters of line, value and end."""

    start: int
    value: int
    stop: int


class Reader:
    """One pass over the text. `faults` are in the order in which they were found."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self.lines = Lines(text)
        self.bounds = Bounds(self.lines)
        self.faults: list[Fault] = []
        self.entries: list[Entry] = []
        self._checks = 0

    def read(self) -> None:
        """Read to the end, or until there are more faults than anybody will read."""
        line = self.lines.next(0)
        while line is not None and len(self.faults) < _FAULTS:
            line = self.lines.next(max(self._line(line), line.index + 1))

    def add(self, fault: Fault) -> Fault:
        """Note a fault."""
        self.faults.append(fault)
        return fault

    def refusal(self, region: Region, edits: list[Edit]) -> Problem | None:
        """`Region.refusal`, as long as there is work left to spend on it."""
        self._checks += 1
        return region.refusal(edits, self.limits) if self._checks <= _CHECKS else None

    # --- one line

    def _line(self, line: Line) -> int:
        """Read what begins at `line`; the number of the line behind it."""
        if (line.comment and not line.odd) or (line.text[0] == "%" and not self.entries):
            return line.index + 1
        if line.marker:
            return litter.marker(self, line)
        if litter.foreign(self, line):
            return line.index + 1
        split = self.bounds.split(line)
        if not split.dashes and not split.name:
            return litter.stray(self, line)
        return self._placed(line, split)

    def _placed(self, line: Line, split: Split) -> int:
        """Give the line its place, mend its indentation and key, and read its value."""
        if not split.dashes:
            self.bounds.frames.begin(line.column())
        spot, raw = self.bounds.exact(line, split)
        owner = None
        lost = self._lost_dash(line, split, raw)
        if lost or spot is None or self.bounds.is_stranger(line, split, spot):
            spot, owner = self._misplaced(line, split, raw, lost)
            if spot is None:
                return litter.stray(self, line)
        elif line.odd:
            owner = self._odd_blank(line)
        elif spot.column != raw:
            owner = self.bounds.frames.frames[spot.depth].fault
        if owner and (spot.column != raw or spot.dash or line.odd):
            owner.edits.append(Edit(line.start, line.lead, " " * spot.column + "- " * spot.dash))
        badly = self._badly_written(split)
        self.bounds.frames.enter(spot, split, line.lead, raw, owner or badly)
        return self._value(line, split, badly, owner)

    def _lost_dash(self, line: Line, split: Split, raw: int) -> Spot | None:
        frames = self.bounds.frames
        if not split.known or split.dashes or not frames.frames or not frames.top.open:
            return None
        return frames.lost_dash(split, raw, *self.bounds.coming(line))

    def _misplaced(self, line: Line, split: Split, raw: int, lost: Spot | None) -> tuple[Spot | None, Fault | None]:
        """Where a line belongs that YAML has no place for, or a wrong one, and the fault."""
        if self.bounds.lacks_seeds(split, raw):
            return self._seeds_line(line, raw)
        frames = self.bounds.frames
        spot = lost or frames.meant(split, raw, self.bounds.coming(line)[0] if split.known else "")
        sure = spot is not None
        if spot is None:
            spot = frames.nearest(raw, bool(split.dashes))
            sure = spot is not None and abs(spot.column - raw) == 1 and split.name in self.bounds.own
        if spot is None:
            return None, None
        fault = self.add(_misplacement(line, split, spot, raw))
        fault.sure = sure
        return spot, fault

    def _seeds_line(self, line: Line, raw: int) -> tuple[Spot, Fault]:
        message = "the line `seed_examples:` above the first example is missing"
        frames = self.bounds.frames.frames
        top = frames[0]
        del frames[1:]
        top.keys.add("seed_examples")
        top.last, top.open = "seed_examples", True
        fault = Fault(message, "Write it on a line of its own.", line.lead, line.lead + 1, "add `seed_examples:`")
        fault.edits = [Edit(line.start, line.start, " " * top.column + "seed_examples:" + self.lines.newline)]
        return Spot(0, raw, new=True), self.add(fault)

    def _odd_blank(self, line: Line) -> Fault:
        sign = "a tab" if "\t" in line.blank else "a space that is none to YAML"
        start = line.start + line.spaces
        remedy = "YAML is indented with spaces only; put spaces here, as many as the lines beside it have."
        return self.add(Fault(f"{sign} is used as indentation", remedy, start, line.lead, "indent with spaces"))

    def _badly_written(self, split: Split) -> Fault | None:
        """A key or hyphen that YAML does not take for one."""
        if not split.edits:
            return None
        name, start, end = split.name[:40], split.at, split.value
        shown = self.text[start:end]
        if split.form == "bare":
            fault = Fault(f"the colon after `{name}` is missing", f"Write `{name}:`.", start, end, "add the colon")
        elif split.form == "glued":
            message, remedy = f"the space after `{name}:` is missing", f"Write `{name}: ` and then the value."
            fault = Fault(message, remedy, end - 1, end, "add the space")
        elif split.form == "odd":
            message, remedy = f"`{shown}` is not written as YAML writes a key", f"Write `{name}:`, with a plain colon."
            fault = Fault(message, remedy, start, end, f"write `{name}:`")
        else:
            start, end = split.edits[0].start, split.edits[0].end
            start -= start == end
            fault = Fault("a list's item begins with a hyphen and a space", "Write `- `.", start, end, "write `- `")
        if split.form == "tagged":
            message = f"anchors and tags such as `{self.text[start:end].strip()[:40]}` are not allowed"
            fault = Fault(message, "Delete it.", start, end, rule="yaml-unsafe", sure=False)
        fault.edits = list(split.edits)
        return self.add(fault)

    # --- values

    def _value(self, line: Line, split: Split, badly: Fault | None, owner: Fault | None) -> int:
        """Read the value behind the key or hyphen of `line`."""
        region = self._region(line, split, owner)
        region.glued = badly if region.glue else None
        self.entries.append(Entry(line.start, region.after, line.stop))
        at = len(self.entries) - 1
        if region.start >= line.stop or (self.text[region.start] == "#" and region.start > region.after):
            following = self._empty(region)
        else:
            self.bounds.frames.top.open = False
            following = self._full(line, region)
        self.entries[at] = Entry(line.start, region.after, max(region.stop, line.stop))
        return following

    def _region(self, line: Line, split: Split, owner: Fault | None) -> Region:
        frames = self.bounds.frames
        item = not split.name
        rest = self.text[split.value : line.stop]
        return Region(
            self.lines,
            name=split.name or next((frame.last for frame in reversed(frames.frames) if frame.kind == "map"), ""),
            item=item,
            column=frames.top.column,
            raw=frames.top.raw,
            index=line.index,
            after=(split.dashes[-1] if split.dashes else line.lead) + 1 if item else split.value,
            start=split.value + len(rest) - len(rest.lstrip(" \t\u00a0\u200b\ufeff")),
            stop=line.stop,
            stop_of_line=line.stop,
            glue=tuple(edit for edit in split.edits if edit.start == split.value and edit.text == " "),
            owner=owner,
        )

    def _full(self, line: Line, region: Region) -> int:
        first = self.text[region.start]
        nested = self._nested(line, region)
        if nested is not None:
            return nested
        if first in "|>" and blocks.is_block(region):
            return blocks.read(self, region)
        if first in "\"'":
            return quotes.read(self, region)
        return plain.read(self, region)

    def _nested(self, line: Line, region: Region) -> int | None:
        """What should stand below the key stands behind it, or signs do: `seed_examples: - question: …`."""
        if region.name not in CHILD or region.item:
            return None
        following = self.lines.next(line.index + 1)
        below = following.column() if following else 0
        if region.text in ("|", ">", "|-", ">-", "-") and following and below <= region.raw + 2:
            return self._sign_before_list(region) if self.lines.split(following).dashes else None
        column = max(below - 2, region.column + 2)
        inner = Line(line.index, region.start, line.end, region.start, line.stop, region.text, " " * column)
        split = split_at(self.text, inner)
        if split.form == "bare" or not self.bounds.is_child(region.name, split):
            return None
        message = f"what belongs below `{region.name}:` begins on the same line"
        remedy = f"Begin a new line after `{region.name}:`, indented by {column} spaces."
        fault = self.add(Fault(message, remedy, region.start, region.start + 1, "begin a new line"))
        fault.edits = [Edit(region.after, region.start, self.lines.newline + " " * column)]
        self.bounds.frames.top.open = True
        return self._placed(inner, split)

    def _sign_before_list(self, region: Region) -> int:
        message = f"signs stand where the list of `{region.name}` begins on the next line"
        fault = self.add(Fault(message, "Delete them.", region.start, region.stop, "delete the signs"))
        fault.edits = [Edit(region.after, region.stop, "")]
        self.bounds.frames.top.open = True
        return region.index + 1

    def _empty(self, region: Region) -> int:
        """A key or hyphen with nothing behind it: lines with items or keys follow, or a text does."""
        frame = self.bounds.frames.top
        line = self.lines.next(region.index + 1)
        while line is not None and line.comment:
            line = self.lines.next(line.index + 1)
        region.stop = region.start = region.after
        if line is None or region.name in CHILD or region.item:
            frame.open = True
            return region.index + 1
        split = self.lines.split(line)
        nested = bool(split.dashes or split.name) and line.column() >= region.raw + (not split.dashes)
        frame.open = False
        frame.open = self.bounds.ends(line, False) or (nested and region.name not in TEXT)
        return region.index + 1 if frame.open else plain.read_below(self, region, line)


def _misplacement(line: Line, split: Split, spot: Spot, raw: int) -> Fault:
    """The fault of a line that stands at column `raw` and belongs at that of `spot`."""
    name = split.name[:40]
    if spot.dash:
        message = f"the hyphen before `{name}` is missing"
        remedy = f"Begin the example with `- {name}:`, indented by {_count(spot.column)}."
        return Fault(message, remedy, split.at, split.at + len(split.name), "add the hyphen")
    shown = f"`- {name}`" if split.dashes and name else "`-`" if split.dashes else f"`{name}`"
    message = f"{shown} is indented by {_count(raw)}, the lines beside it by {_count(spot.column)}"
    start, end = (line.start, line.lead) if raw else (line.lead, line.lead + 1)
    return Fault(message, f"Indent it by {_count(spot.column)}.", start, end, f"indent by {_count(spot.column)}")


def _count(spaces: int) -> str:
    return "no spaces" if not spaces else "1 space" if spaces == 1 else f"{spaces} spaces"
