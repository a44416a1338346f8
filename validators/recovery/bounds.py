"""Where a value of a broken text ends, and whether a line that looks like a key's is one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

from validators.model import Edit
from validators.recovery.contract import BEGIN, CHILD, LEVELS, NAMES, TOP, fits, is_slip
from validators.recovery.frames import Frames, Spot
from validators.recovery.lines import Line, Lines, Split
from validators.recovery.region import Region

_TOP_LINE = re.compile(rf"^( *)({'|'.join(TOP)})[ \t]*:(?=\s|$)", re.MULTILINE)
_KNOWN_LINE = re.compile(rf"^ *(?:- +)*(?:{'|'.join(NAMES)}):(?=\s)", re.MULTILINE)
_OWN_LINE = re.compile(r"^ *(?:- +)?([a-z_][a-z0-9_]*):(?=\s)", re.MULTILINE)
_ITEM_LINE = re.compile(r"^ *- +(?:question|answer|context):", re.MULTILINE)
_SEEDS_LINE = re.compile(r"^[ \t]*seed_examples\b", re.MULTILINE)
_WORDS = re.compile(r"\S+(?: [\w.-]+){0,2}")
# Keys that their mapping needs, and that no sentence begins with.
_NEEDED = frozenset(("question", "answer", "created_by", "task_description", "document_outline"))
_BARE = re.compile(r"""[ \t]+(?:[|>][+-]?$|["'A-Z0-9]|https?:)""")
_FENCE = re.compile(r"(```|~~~)[\w-]*$")
_CONFLICT = re.compile(r"(<{7}|>{7}|\|{7})( |$)|={7}$")
_AHEAD = 4  # lines with keys that are looked at to understand one


class Bounds:
    """Knows the lines, the open frames and the keys of the whole text."""

    def __init__(self, lines: Lines) -> None:
        text = lines.text
        self.lines = lines
        self.frames = Frames(_top_column(text))
        self.fenced = False
        """Whether the file began with a Markdown fence."""
        self._known = [match.start() for match in _KNOWN_LINE.finditer(text)]
        found = {(match[1], bisect_right(self._known, match.start())) for match in _OWN_LINE.finditer(text)}
        often = max(2, len(_ITEM_LINE.findall(text)) * 3 // 5)
        self.own = {name for name, times in Counter(name for name, _ in found).items() if times >= often}
        """Keys that the file uses in most of its examples, whether the contract has them or not."""
        self._has_seeds = _SEEDS_LINE.search(text) is not None

    # --- places

    def exact(self, line: Line, split: Split) -> tuple[Spot | None, int]:
        """Where the line belongs by its column, and that column; a tab may be as wide as it takes."""
        if "\t" not in line.blank:
            return self.frames.exact(line.column(), bool(split.dashes)), line.column()
        return self._by_tab(line, split)

    def _by_tab(self, line: Line, split: Split) -> tuple[Spot | None, int]:
        """The same for a line with a tab: where its key is expected, if there is a choice."""
        frames = self.frames.frames
        columns = [line.column(tab) for tab in (2, 4, 8)]
        found = [(spot, column) for column in columns if (spot := self.frames.exact(column, bool(split.dashes)))]
        if split.dashes and self.frames.frames and self.frames.top.open:
            below = self.frames.meant(split, columns[0])
            found = [(below, columns[0])] if below and below.new else found
        elif split.dashes and split.name in BEGIN["qnas"]:
            qnas = [depth for depth, frame in enumerate(frames) if frame.level == "qnas" and frame.kind == "list"]
            found = [(Spot(qnas[-1], frames[qnas[-1]].column), columns[0])] if qnas else found
        elif split.known and not split.dashes:
            good = [each for each in found if each[0].new or self._expects(each[0], split.name)]
            meant = self.frames.meant(split, columns[0]) if not good else None
            found = good or ([(meant, columns[0])] if meant and not meant.dash else found)
        return found[0] if found else (None, columns[0])

    def _expects(self, spot: Spot, name: str) -> bool:
        frame = self.frames.frames[spot.depth]
        return fits(name, frame.level, frame.keys)

    def split(self, line: Line) -> Split:
        """`Lines.split`, in the light of the open frames."""
        split = self.lines.split(line)
        if split.form == "bare" and not self._is_bare_key(line, split):
            return Split(split.dashes, split.at, "", False, "", split.at)
        is_glued = not split.dashes and not split.name and line.text[0] == "-"
        if is_glued and self._list_level(line.column()) == "patterns":
            space = Edit(line.lead + 1, line.lead + 1, " ")
            return Split((line.lead,), line.lead + 1, "", False, "", line.lead + 1, (space,))
        return split

    def _list_level(self, column: int) -> str:
        spot = self.frames.exact(column, True)
        return self.frames.frames[spot.depth].level if spot and not spot.new else ""

    def _ahead(self, line: Line) -> list[Line]:
        at = bisect_right(self._known, line.end)
        return [self.lines.line(self.lines.at(start)) for start in self._known[at : at + _AHEAD]]

    def coming(self, line: Line) -> tuple[str, bool]:
        """The next key of the contract, if it stands further right; whether a hyphen stands below this line's key."""
        coming = ""
        for other in self._ahead(line):
            split = self.lines.split(other)
            if split.dashes and other.column() == line.column():
                return coming, True
            if other.column() < line.column() or (split.dashes and other.column() == line.column()):
                break
            coming = coming or (split.name if other.column() > line.column() and not split.dashes else "-")
        return coming, False

    def still_open(self, line: Line, spot: Spot) -> bool:
        """Whether the next line with a key of the contract goes on with what a line at `spot` would close."""
        ahead = self._ahead(line)
        if spot.new or spot.depth + 1 >= len(self.frames.frames) or not ahead:
            return False
        other = self.frames.exact(ahead[0].column(), bool(self.lines.split(ahead[0]).dashes))
        return other is not None and other.depth > spot.depth

    def is_stranger(self, line: Line, split: Split, spot: Spot) -> bool:
        """Whether YAML would give the key to a mapping that has no such key, and the lines below show that it errs."""
        if not split.known or split.dashes or spot.new or self.frames.frames[spot.depth].level in LEVELS[split.name]:
            return False
        meant = self.frames.meant(split, line.column())
        if meant is None or (meant.depth > spot.depth and not meant.dash and self.frames.frames[spot.depth].level):
            return meant is not None
        following = self.lines.next(line.index + 1)
        below = self.lines.split(following) if following else None
        if following and below and following.column() > line.column() and below.name:
            other, _ = self.exact(following, below)
            if other and (other.new or other.depth > spot.depth):
                return True
        if following and below and meant.column < following.column() <= line.column():
            stray = not below.name and not below.dashes and not following.comment
            return stray or self.is_child(split.name, below)
        return self.still_open(line, spot)

    def is_child(self, name: str, below: Split) -> bool:
        """Whether the line `below` begins what belongs under the key `name`."""
        level = CHILD.get(name, "")
        if below.dashes or level in BEGIN:
            return bool(below.dashes) and below.name in BEGIN.get(level, ())
        return level in LEVELS.get(below.name, ())

    def is_swallowed(self, line: Line) -> bool:
        """Whether a line that stands in a text by its column is the key of what comes below the text."""
        split = self.lines.split(line)
        if not split.known or split.form == "bare" or split.dashes or split.value != line.stop:
            return False
        following = self.lines.next(line.index + 1)
        if following is None or following.column() >= line.column() or not self.frames.meant(split, line.column()):
            return False
        return self.is_child(split.name, self.lines.split(following))

    # --- ends

    def gather(self, region: Region, index: int) -> None:
        """Give `region` the lines of its text from line `index` on, and mark those that stand too far left."""
        pending: list[Line] = []
        line = self.lines.next(index)
        region.next = index
        while line is not None and not self.ends(line, region.broken):
            pending.append(line)
            region.broken = region.broken or line.column() <= min(region.raw, region.column)
            if not line.comment:
                region.more += pending
                pending = []
                region.next, region.stop = line.index + 1, line.stop
            line = self.lines.next(line.index + 1)
        region.low = [line for line in region.more if line.spaces <= region.column]

    def ends(self, line: Line, broken: bool) -> bool:
        """Whether `line`, behind a text, is no part of it. `broken`: the text has lines at odd columns already."""
        if line.marker:
            return not self.is_text_marker(line)
        if self.is_litter(line):
            return True
        split = self.lines.split(line)
        if split.form == "bare":
            return self._is_bare_key(line, split)
        spot, column = self.exact(line, split)
        if split.known:
            is_place = spot or self.frames.meant(split, column) or self.lacks_seeds(split, column)
            return bool(is_place) or column <= self.frames.top.raw
        if line.text.startswith("//"):
            return not broken and column <= self.frames.top.raw and not self._stray_follows(line)
        if not split.dashes and not split.name:
            return line.text[0] == "-" and self._list_level(column) == "patterns"
        if spot is None or self.still_open(line, spot):
            return False
        if (split.dashes and self._list_level(column) not in BEGIN) or self.is_own(split.name):
            return True
        return not broken and bool(_WORDS.fullmatch(split.name)) and not self._stray_follows(line)

    def is_own(self, name: str) -> bool:
        """Whether the file uses `name` as a key all over, or it is one of the contract with a slip."""
        return name in self.own or is_slip(name)

    def lacks_seeds(self, split: Split, column: int) -> bool:
        """Whether a seed example begins here, and nowhere is there the key that the list of them belongs to."""
        frames = self.frames.frames
        if not split.dashes or split.name not in BEGIN["seeds"] or not frames or self._has_seeds:
            return False
        return frames[0].level == "top" and column >= frames[0].column and all(frame.kind == "map" for frame in frames)

    def _stray_follows(self, line: Line) -> bool:
        """Whether the next line is one of text although it stands no further right."""
        following = self.lines.next(line.index + 1)
        if following is None or following.comment or following.column() > line.column() or following.marker:
            return False
        split = self.lines.split(following)
        return not split.dashes and not split.name

    # --- keys without a colon

    def _is_bare_key(self, line: Line, split: Split) -> bool:
        """Whether a line that begins with a key of the contract, but has no colon, is that key's line."""
        spot, column = self.exact(line, split)
        if spot is None and not self.frames.meant(split, column):
            return False
        frame = self.frames.frames[spot.depth] if spot and spot.depth >= 0 else None
        if spot and frame and split.dashes:
            level = CHILD.get(frame.last, "") if spot.new else frame.level
            return split.value < line.stop and split.name in BEGIN.get(level, ())
        if spot and frame and not spot.new and split.name in frame.keys:
            return False
        if split.value == line.stop:
            return self._has_child(line, split)
        if _BARE.match(self.lines.text, split.value, line.stop):
            return True
        is_missing = frame is not None and fits(split.name, frame.level, frame.keys) and self._lacks(line, split)
        return is_missing and split.name in _NEEDED

    def _has_child(self, line: Line, split: Split) -> bool:
        following = self.lines.next(line.index + 1)
        if following is None:
            return False
        return following.column() > line.column() or (split.name in CHILD and following.text[0] == "-")

    def _lacks(self, line: Line, split: Split) -> bool:
        """Whether the mapping that `line` stands in has no other line with its key."""
        for other in self._ahead(line):
            if other.column() < line.column():
                return True
            if other.column() == line.column() and self.lines.split(other).name == split.name:
                return False
        return True

    # --- lines that are neither key nor text

    def is_text_marker(self, line: Line) -> bool:
        """Whether `---` or `...` stands in the middle of a text."""
        following = self.lines.next(line.index + 1)
        if following is None or following.marker:
            return False
        split = self.lines.split(following)
        if not split.dashes and not split.name:
            return True
        return not split.known and self.frames.exact(following.column(), bool(split.dashes)) is None

    def is_fence(self, line: Line) -> bool:
        """Whether the line is that of a Markdown code block."""
        return not line.blank and bool(_FENCE.match(line.text))

    def is_conflict(self, line: Line) -> bool:
        """Whether the line is one that git leaves in a merge that was not finished."""
        return not line.blank and bool(_CONFLICT.match(line.text))

    def is_litter(self, line: Line) -> bool:
        """Whether the line is a mark of another program."""
        return self.is_conflict(line) or (self.fenced and self.is_fence(line))


def _top_column(text: str) -> int:
    """The column of most keys of the top level; -1 where there are none."""
    columns = Counter(len(indent) for indent, _ in {match.groups() for match in _TOP_LINE.finditer(text)})
    if columns:
        columns[min(columns)] += 1
    return min(columns, key=lambda column: (-columns[column], column)) if columns else -1
