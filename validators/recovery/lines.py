"""Lines of a broken YAML text: their indentation, hyphens and keys, read with tolerance."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from validators.model import Edit
from validators.recovery.contract import NAMES
from validators.source import Source

# Whatever looks like indentation, and is none to YAML unless it is a space: tabs, no-break spaces, byte order marks.
BLANK = " \t\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_LEAD = re.compile(f"[{BLANK}]*")
_DASH = re.compile(r"-([ \t]+|$)")
_BULLET = re.compile(f"([-–—•*·]|[0-9]{{1,3}}[.)])[{BLANK}]*")
_NAME = "|".join(NAMES)
_KNOWN = re.compile(
    "(?P<property>(?:[&!][^ \t]*[ \t]+)*)"
    f"(?P<open>[\"'“”„‘’«]?)(?P<key>{_NAME})(?![\\w-])(?P<close>[\"'“”‘’»]?)(?P<gap>[{BLANK}]*)"
    "(?P<colon>[:=;\uff1a\ufe55\u2236\ua789]?)"
)
_QUOTED_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')[ \t]*:(?=[ \t]|$)""")
_COLON = re.compile(r":(?=[ \t]|$)")
_MARKER = re.compile(r"(---|\.\.\.)(?=$|[ \t]+#)")
_NESTED = 32


@dataclass(frozen=True, slots=True)
class Line:
    """A line with something on it: characters `start` up to `end`, the visible ones from `lead` up to `stop`."""

    index: int
    start: int
    end: int
    lead: int
    stop: int
    text: str
    """The visible part."""
    blank: str
    """What stands before it."""

    @property
    def odd(self) -> bool:
        """Whether the indentation holds something other than spaces."""
        return self.blank.strip(" ") != ""

    @property
    def comment(self) -> bool:
        """Whether the line is a comment to YAML."""
        return self.text[0] == "#"

    @property
    def marker(self) -> str:
        """`---` or `...` where the line begins or ends a document, else nothing."""
        match = _MARKER.match(self.text) if not self.blank else None
        return match.group(1) if match else ""

    @property
    def spaces(self) -> int:
        """The indentation as YAML counts it."""
        return len(self.blank) - len(self.blank.lstrip(" "))

    def column(self, tab: int = 2) -> int:
        """The indentation as the author sees it, with a tab stop every `tab` columns."""
        column = 0
        for character in self.blank:
            if character == "\t":
                column += tab - column % tab
            elif character not in "\u200b\ufeff":
                column += 1
        return column


@dataclass(frozen=True, slots=True)
class Split:
    """A line as `- key: value`. Places are indexes of the text; `edits` make YAML of what only looks like it."""

    dashes: tuple[int, ...]
    at: int
    """Where the key or the value begins."""
    name: str
    """The key, or nothing."""
    known: bool
    form: str
    """How a key of the contract is written: "exact", "glued", "odd", "bare" without a colon, "tagged"."""
    value: int
    """Where the key, with its colon, ends."""
    edits: tuple[Edit, ...] = ()


class Lines:
    """The lines of a text, by number from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._spans = [(start, start + len(line)) for start, line in Source(text).lines()]
        self._next = self._filled()
        self._lines: dict[int, Line] = {}
        self._splits: dict[int, Split] = {}
        found = re.search(r"\r\n|\r|\n", text)
        self.newline = found.group() if found else "\n"

    def __len__(self) -> int:
        return len(self._spans)

    def _filled(self) -> list[int]:
        """For each line, and for the end, the first from there that is not blank."""
        result = [len(self._spans)] * (len(self._spans) + 1)
        for index in range(len(self._spans) - 1, -1, -1):
            start, end = self._spans[index]
            blank = start == end or _LEAD.fullmatch(self.text, start, end)
            result[index] = result[index + 1] if blank else index
        return result

    def span(self, index: int) -> tuple[int, int]:
        """(first character, end without the break) of any line."""
        return self._spans[index]

    def at(self, place: int) -> int:
        """The number of the line that holds the character at `place`."""
        return bisect_right(self._spans, (place, len(self.text) + 1)) - 1

    def next(self, index: int) -> Line | None:
        """The first line from `index` on that is not blank."""
        index = self._next[min(index, len(self._spans))]
        return self.line(index) if index < len(self._spans) else None

    def line(self, index: int) -> Line:
        """Line `index`, which is not blank."""
        line = self._lines.get(index)
        if line is None:
            start, end = self._spans[index]
            match = _LEAD.match(self.text, start, end)
            lead = match.end() if match else start
            visible = self.text[lead:end].rstrip(" \t\u00a0")
            line = Line(index, start, end, lead, lead + len(visible), visible, self.text[start:lead])
            self._lines[index] = line
        return line

    def split(self, line: Line) -> Split:
        """Hyphens, key and value of a line."""
        split = self._splits.get(line.index)
        if split is None:
            split = self._splits[line.index] = split_at(self.text, line)
        return split


def split_at(text: str, line: Line) -> Split:
    """Hyphens, key and value of a line."""
    dashes: list[int] = []
    edits: list[Edit] = []
    at = line.lead
    while len(dashes) < _NESTED and (match := _DASH.match(text, at, line.stop)):
        dashes.append(at)
        if "\t" in match.group(1):
            edits.append(Edit(at + 1, match.end(), " "))
        at = match.end()
    known = _known(text, at, line.stop, dashes, edits)
    if known:
        return known
    bullet = _BULLET.match(text, at, line.stop)
    if bullet:
        mend = Edit(at, bullet.end(), "- ")
        known = _known(text, bullet.end(), line.stop, [*dashes, at], [*edits, mend])
        if known and known.form != "bare":
            return known
    colon = _any_key(text, at, line.stop)
    name = text[at:colon].strip(" \t\"'") if colon >= 0 else ""
    return Split(tuple(dashes), at, name, False, "", colon + 1 if colon >= 0 else at, tuple(edits))


def _known(text: str, at: int, stop: int, dashes: list[int], edits: list[Edit]) -> Split | None:
    """A key of the contract at `at`, also one that is written badly."""
    match = _KNOWN.match(text, at, stop)
    if not match or bool(match["open"]) != bool(match["close"]):
        return None
    end, colon = match.end(), match["colon"]
    after = text[end : end + 1] if end < stop else ""
    blank = after in ("", " ", "\t")
    mends = list(edits)
    if not colon:
        if match["open"] or match["property"]:
            return None
        end = match.end("key")
        return Split(tuple(dashes), at, match["key"], True, "bare", end, (*mends, Edit(end, end, ":")))
    if colon in "=;" and not blank:
        return None
    form = "exact"
    if match["property"]:
        form = "tagged"
        mends.append(Edit(at, match.end("property"), ""))
    pair = match["open"] + match["close"]
    if pair not in ("", '""', "''"):
        form = "odd"
        mends += [Edit(match.start("open"), match.start("key"), ""), Edit(match.end("key"), match.end("close"), "")]
    if colon != ":" or match["gap"].strip(" \t"):
        form = "odd"
        mends.append(Edit(match.start("gap"), end, ":"))
    if not blank:
        form = "glued" if form == "exact" else form
        run = _LEAD.match(text, end, stop)
        mends.append(Edit(end, run.end() if run else end, " "))
    return Split(tuple(dashes), match.end("property"), match["key"], True, form, end, tuple(mends))


def _any_key(text: str, at: int, stop: int) -> int:
    """The place of the colon, if a plain or quoted key stands at `at`; else -1."""
    if at >= stop:
        return -1
    quoted = _QUOTED_KEY.match(text, at, stop)
    if quoted:
        return quoted.end() - 1
    first, second = text[at], text[at + 1 : at + 2]
    if first in "\"',[]{}#&*!|>%@`" or (first in "-?:" and (second in ("", " ", "\t") or at + 1 == stop)):
        return -1
    match = _COLON.search(text, at, stop)
    return match.start() if match and " #" not in text[at : match.start()] else -1
