"""Values in quotes: a quote that is missing, one too many, or one inside; text behind the closing one; bad escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from validators.model import Edit
from validators.recovery import plain
from validators.recovery.patch import Fault, joined
from validators.recovery.region import Region

if TYPE_CHECKING:
    from validators.recovery.reader import Reader

_CLOSED = {'"': re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL), "'": re.compile(r"'(?:[^']|'')*'")}
_REST = re.compile(r"[ \t]*(?:$|[ \t]#)")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|(.)|$)", re.DOTALL)
_KNOWN_ESCAPES = '0abtnvfre "/\\N_LP\t\n\r'
# Letters that stand for a control character, but in a text with backslashes begin a command of LaTeX or a path.
_COMMAND = re.compile(r"[abvferNLP0_][A-Za-z]|t(?:imes|heta|ext|an|au|o\b|riangle|ilde)|n(?:abla|eq?\b|u\b|ot)")
_PATH = re.compile(r"\b[A-Za-z]:\\[A-Za-z]")
_APOSTROPHE_WORD = re.compile(r"'(?:[Tt](?:was|is|il)|[Ee]m|[Cc]ause|[Bb]out|\d0s|n)\b")
_MOST = 2_000  # backslashes that are worth a mend
_SMART = "“”„‘’"


@dataclass(frozen=True, slots=True)
class Marks:
    """The quotes inside a value, as places: those that would end it, and whether one of them opens a new quotation."""

    inner: tuple[int, ...]
    pairs: tuple[int, ...]
    """Places of quotes that are escaped by doubling."""
    ends: bool
    """Whether the value ends with its own quote."""
    nested: bool
    """Whether the value closes and opens again: its quotes are those of the text."""


def read(reader: Reader, region: Region) -> int:
    """Read a value in quotes; the number of the line behind it."""
    text, sign = reader.text, reader.text[region.start]
    match = _CLOSED[sign].match(text, region.start)
    if match and _ends_well(reader, region, match.end()):
        region.next = reader.lines.at(match.end() - 1) + 1
        region.stop = match.end()
        bad = _bad_escapes(text, region.start, region.stop) if sign == '"' else []
        if bad:
            _mend_escapes(reader, region, bad[0])
        return region.next
    reader.bounds.gather(region, region.index + 1)
    _judge(reader, region, sign)
    return region.next


def _ends_well(reader: Reader, region: Region, end: int) -> bool:
    """Whether a quotation that closes at `end` stands alone, and has not swallowed the lines of other keys."""
    last = reader.lines.at(end - 1)
    if not _REST.match(reader.text, end, reader.lines.span(last)[1]):
        return False
    line = reader.lines.next(region.index + 1)
    while line is not None and line.index <= last:
        split = reader.lines.split(line)
        if split.known and split.form != "bare":
            frames, column = reader.bounds.frames, line.column()
            if frames.exact(column, bool(split.dashes)) or frames.meant(split, column):
                return False
        line = reader.lines.next(line.index + 1)
    return line is None or line.comment or reader.bounds.ends(line, False)


def _judge(reader: Reader, region: Region, sign: str) -> None:
    if sign == "'" and _APOSTROPHE_WORD.match(region.text) and region.text[-1:] != "'":
        message = f"the text of {region.called} starts with an apostrophe, which opens a quote"
        fault = Fault(message, "Put the whole text in double quotes.", region.start, region.start + 1)
        plain.mend(reader, region, fault, iter([plain.quoted(region)]))
        return
    marks = _marks(region, sign)
    fault = _cause(reader, region, sign, marks)
    plain.mend(reader, region, fault, _candidates(reader, region, sign, marks))


def _cause(reader: Reader, region: Region, sign: str, marks: Marks) -> Fault:
    text, start, stop = reader.text, region.start, region.stop
    if not marks.inner and not marks.ends:
        message = f"the quote that opens the text of {region.called} is never closed"
        return Fault(message, f"Put a {sign} at the end of the text.", start, start + 1)
    if not marks.inner:
        return Fault(f"the text of {region.called} cannot be read", "Look at its quotes.", start, stop)
    first = marks.inner[0]
    if marks.nested or not marks.ends:
        message = f"text stands behind the quote that closes {region.called}"
        remedy = "Put the whole text in quotes of the other kind, or delete the quotes."
        line_end = min(stop, reader.lines.span(reader.lines.at(first))[1])
        end = line_end if text[first + 1 : line_end].strip() else first + 1
        return Fault(message, remedy, first + (end > first + 1), end)
    message = f"a quote inside the quoted text of {region.called} ends it too early"
    remedy = 'Put the text in quotes of the other kind, or double a single quote and write \\" for a double one.'
    return Fault(message, remedy, first, first + 1)


def _candidates(reader: Reader, region: Region, sign: str, marks: Marks) -> Iterator[plain.Candidate]:
    text, start, stop = reader.text, region.start, region.stop
    raised = region.raised()
    if not marks.ends and text[stop - 1] in _SMART and not marks.inner:
        yield "close the quote", joined([*raised, Edit(stop - 1, stop, sign)])
    if not marks.ends and text[stop - 1] in ",;" and marks.inner and marks.inner[-1] == stop - 2:
        outer = _outer(reader, region, sign, Marks(marks.inner[:-1], marks.pairs, True, False), stop - 1)
        yield "delete what stands behind the quote", joined([*outer, *raised, Edit(stop - 1, stop, "")])
    if marks.ends and _is_doubled(text, start, stop, sign, marks):
        front = [Edit(start, start + 1, "")] if text[start + 1] == sign else []
        yield "delete the quote that is one too many", joined([*front, *raised, Edit(stop - 1, stop, "")])
    if marks.ends and not marks.nested:
        yield "make the quotes inside part of the text", joined([*_outer(reader, region, sign, marks, stop), *raised])
    if not marks.ends and not marks.nested and (not marks.inner or sign == "'"):
        outer = _outer(reader, region, sign, marks, stop + 1)
        yield "close the quote", joined([*outer, *raised, *_closing(outer, stop, sign)])
    yield plain.quoted(region)
    yield plain.block(reader, region)


def _is_doubled(text: str, start: int, stop: int, sign: str, marks: Marks) -> bool:
    """`"text""` or `""text""`: a quote typed twice."""
    if stop - start < 4 or text[stop - 2] != sign:
        return False
    inner = [place for place in marks.inner if start + 1 < place < stop - 2]
    return not inner and not any(start + 1 < place < stop - 2 for place in marks.pairs)


def _closing(outer: list[Edit], stop: int, sign: str) -> list[Edit]:
    """The closing quote, of the kind to which the opening one was switched."""
    switched = bool(outer) and outer[0].end > outer[0].start
    return [Edit(stop, stop, outer[0].text if switched else sign)]


def _outer(reader: Reader, region: Region, sign: str, marks: Marks, stop: int) -> list[Edit]:
    """Edits after which the quotes inside are text: by switching the outer ones, or by escaping.

    `stop`: the place right behind the closing quote.
    """
    text, start = reader.text, region.start
    inside = text[start + 1 : stop - 1]
    other = "'" if sign == '"' else '"'
    if other not in inside and "\\" not in inside and marks.inner:
        ends = [Edit(start, start + 1, other)]
        ends += [Edit(stop - 1, stop, other)] if stop <= region.stop else []
        return [*ends, *(Edit(place, place + 1, "") for place in marks.pairs)]
    if sign == "'":
        return [Edit(place, place, "'") for place in marks.inner]
    return [*(Edit(place, place, "\\") for place in marks.inner), *_escaped(text, start, stop)]


def _marks(region: Region, sign: str) -> Marks:
    text, start, stop = region.lines.text, region.start, region.stop
    places: list[int] = []
    pairs: list[int] = []
    at = start + 1
    while at < stop:
        if text[at] == "\\" and sign == '"':
            at += 2
            continue
        if text[at] == sign:
            doubled = sign == "'" and at + 2 < stop and text[at + 1] == sign
            (pairs if doubled else places).append(at)
            at += doubled
        at += 1
    ends = bool(places) and places[-1] == stop - 1
    inner = places[:-1] if ends else places
    return Marks(tuple(inner), tuple(pairs), ends, _closes_and_opens(text, start, inner, sign))


def _closes_and_opens(text: str, start: int, inner: list[int], sign: str) -> bool:
    """Whether the first quotation ends before another one begins, as in `"this" and "that"`."""
    depth = 1
    for place in inner:
        before, after = text[place - 1], text[place + 1 : place + 2]
        if sign == "'" and before.isalnum() and after.isalnum():
            continue
        opens = (before.isspace() or before in "([{-—/") and not after.isspace() and after != ""
        if opens and depth == 0:
            return True
        depth = depth + 1 if opens else max(depth - 1, 0)
    return False


# --- backslashes


def _bad_escapes(text: str, start: int, stop: int) -> list[int]:
    """Places of the backslashes that begin no escape of YAML."""
    found = _ESCAPE.finditer(text, start, stop)
    return [match.start() for match in found if len(match.group()) <= 2 and (match[1] or "x") not in _KNOWN_ESCAPES]


def _escaped(text: str, start: int, stop: int) -> list[Edit]:
    """Edits that make text of the backslashes that begin no escape, and then of those that begin a command or path."""
    bad = set(_bad_escapes(text, start, stop))
    if not 0 < len(bad) < _MOST:
        return []
    places = [match.start() for match in _ESCAPE.finditer(text, start, stop)]
    path = _PATH.search(text, start, stop)
    return [
        Edit(at, at, "\\")
        for at in places
        if at in bad or (path and text[at + 1] not in '\\"') or _COMMAND.match(text, at + 1)
    ]


def _mend_escapes(reader: Reader, region: Region, first: int) -> None:
    message = f"`{reader.text[first : first + 2]}` in the double quotes of {region.called} is no escape"
    remedy = "Write \\\\ for a backslash, or use single quotes or a `|` block, where it has no meaning."
    fault = Fault(message, remedy, first, first + 2, meaning="backslashes of the text count as text")
    edits = _escaped(reader.text, region.start, region.stop)
    plain.mend(reader, region, fault, iter([("double the backslashes", edits)]))
