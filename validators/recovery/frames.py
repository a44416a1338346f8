"""The open lists and mappings while a broken text is read line by line, and where a line belongs among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from validators.recovery.contract import BEGIN, CHILD, ITEM, LEVELS, fits
from validators.recovery.lines import Split
from validators.recovery.patch import Fault

Kind = Literal["map", "list"]


@dataclass(slots=True)
class Frame:
    """An open list or mapping. `column` is where it stands once mended, `raw` where its author wrote it."""

    kind: Kind
    column: int
    raw: int
    level: str = ""
    keys: set[str] = field(default_factory=set)
    last: str = ""
    """The newest key."""
    open: bool = False
    """Whether the newest key, or item, still waits for its value."""
    fault: Fault | None = None
    """The fault by which its author's column is not its own."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a line belongs: to the frame at `depth`, at `column`, or (`new`) to a frame that it opens below that."""

    depth: int
    column: int
    new: bool = False
    dash: bool = False
    """Whether the hyphen of the list's item is missing."""


class Frames:
    """A stack of frames, the innermost last."""

    def __init__(self, top: int) -> None:
        """`top`: the column of the outermost mapping; -1 where no line says so."""
        self.frames: list[Frame] = [Frame("map", top, top, "top")] if top >= 0 else []

    @property
    def top(self) -> Frame:
        """The innermost frame."""
        return self.frames[-1]

    def _inwards_out(self, kind: Kind) -> Iterator[tuple[int, Frame]]:
        for depth in range(len(self.frames) - 1, -1, -1):
            if self.frames[depth].kind == kind:
                yield depth, self.frames[depth]

    def begin(self, column: int) -> None:
        """The first key stands at `column`: none of the top level stands further right."""
        if len(self.frames) == 1 and not self.top.keys and column < self.top.column:
            self.top.column = self.top.raw = column

    def exact(self, column: int, dash: bool) -> Spot | None:
        """Where YAML itself would put a line at `column`, or would if its neighbours had stood right."""
        if not self.frames:
            return Spot(-1, column, new=True)
        top = self.top
        compact = dash and top.kind == "map"
        if top.open and column + compact > min(top.column, top.raw):
            stays = column + compact > top.column
            return Spot(len(self.frames) - 1, column if stays else column + top.column - top.raw, new=True)
        frames = list(self._inwards_out("list" if dash else "map"))
        stands = [Spot(depth, frame.column) for depth, frame in frames if frame.column == column]
        stands += [Spot(depth, frame.column) for depth, frame in frames if frame.raw == column]
        return stands[0] if stands else None

    def meant(self, split: Split, column: int, coming: str = "") -> Spot | None:
        """Where a line with a key of the contract belongs although it stands at the wrong column.

        `coming`: the key of the next line, if that stands further right.
        """
        if not split.known or not self.frames:
            return None
        if split.dashes:
            return self._meant_item(split.name, column)
        return self._meant_key(split.name, column, coming)

    def lost_dash(self, split: Split, column: int, coming: str, dash_below: bool) -> Spot | None:
        """Where a list begins whose first hyphen is missing: what comes below would not fit otherwise."""
        if not self.frames or not self.top.open or column < self.top.column:
            return None
        begin = BEGIN.get(CHILD.get(self.top.last, ""), frozenset())
        if split.dashes or split.name not in begin or not (dash_below or coming in begin - {split.name}):
            return None
        return Spot(len(self.frames) - 1, column, new=True, dash=True)

    def _meant_key(self, name: str, column: int, coming: str) -> Spot | None:
        if self.top.open and CHILD.get(self.top.last) in LEVELS[name]:
            return Spot(len(self.frames) - 1, self.top.column + 2, new=True)
        for depth in range(len(self.frames) - 1, -1, -1):
            frame = self.frames[depth]
            if frame.kind == "map" and fits(name, frame.level, frame.keys) and coming not in frame.keys:
                return Spot(depth, frame.column)
            inside = self.frames[depth + 1].raw if depth + 1 < len(self.frames) else -1
            if name in BEGIN.get(frame.level, ()) and frame.kind == "list" and frame.raw - 1 <= column < inside:
                return Spot(depth, frame.column, dash=True)
        return None

    def _meant_item(self, name: str, column: int) -> Spot | None:
        spots = [
            (abs(frame.raw - column), -depth, Spot(depth, frame.column))
            for depth, frame in self._inwards_out("list")
            if name in BEGIN.get(frame.level, ())
        ]
        top = self.top
        if top.open and name in BEGIN.get(CHILD.get(top.last, ""), ()):
            spots.append(
                (abs(top.raw - column), -len(self.frames), Spot(len(self.frames) - 1, top.column + 2, new=True))
            )
        return min(spots)[2] if spots else None

    def nearest(self, column: int, dash: bool) -> Spot | None:
        """The frame of the right kind whose column is nearest."""
        frames = self._inwards_out("list" if dash else "map")
        spots = [(abs(frame.raw - column), -depth, Spot(depth, frame.column)) for depth, frame in frames]
        return min(spots)[2] if spots else None

    def enter(self, spot: Spot, split: Split, lead: int, raw: int, fault: Fault | None) -> None:
        """Close what ends at a line, and open what it opens. `lead` is the index of the line's first sign."""
        del self.frames[spot.depth + 1 :]
        dashes = [dash - lead for dash in split.dashes] or ([0] if spot.dash else [])
        moved = spot.column - raw
        if not spot.new and not spot.dash:
            self.top.raw, self.top.fault = raw, fault  # the lines below may well stand as this one does
        for number, dash in enumerate(dashes):
            if number or spot.new:
                self._push("list", raw + dash, moved, fault)
            self.top.open = True
        if split.name and (spot.new or dashes):
            wider = sum(len(edit.text) - (edit.end - edit.start) for edit in split.edits if edit.end <= split.at)
            self._push("map", raw + split.at - lead, moved + wider + 2 * spot.dash, fault, split.name)
        if split.name:
            self.top.keys.add(split.name)
            self.top.last, self.top.open = split.name, False

    def _push(self, kind: Kind, raw: int, moved: int, fault: Fault | None, name: str = "") -> None:
        level = ""
        if self.frames:
            parent = self.top
            level = CHILD.get(parent.last, "") if parent.kind == "map" else ITEM.get(parent.level, "")
            parent.open = False
        if kind == "map" and not level:
            level = "seed" if name in BEGIN["seeds"] else "top" if not self.frames else ""
        self.frames.append(Frame(kind, raw + moved, raw, level, fault=fault))
