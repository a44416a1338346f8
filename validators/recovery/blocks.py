"""Values below a `|` or `>`: text on the marker's own line, and lines that are not indented as the block is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from validators.model import Edit
from validators.recovery import plain
from validators.recovery.lines import Line
from validators.recovery.patch import Fault
from validators.recovery.region import Region

if TYPE_CHECKING:
    from validators.recovery.reader import Reader

_HEADER = re.compile(r"[|>](?:[+-]?[1-9]?|[1-9][+-])(?=[ \t]|$)")
_MARKER = re.compile(r"[|>][+-]?(?![0-9])|[|>]")
_COMMENT = re.compile(r"[ \t]+#")
_JUNK = re.compile(r"[|>+\-.,;:\"'`~\\/_*=]{1,2}")


def is_block(region: Region) -> bool:
    """Whether a `|` or `>` begins a block, and is not a sign of the text such as in `>50 %` or `|x| < 1`."""
    text = region.text
    if re.match(r">[ \t]*[=0-9]", text) and not _HEADER.fullmatch(text.rstrip()):
        return False
    return not (re.match(r"\|[^\s|]+\|", text))


def read(reader: Reader, region: Region) -> int:
    """Read a block; the number of the line behind it."""
    header, tail = _header(region)
    base = _gather(reader, region, tail)
    explicit = re.search("[1-9]", header)
    junk = tail and region.more and not region.low and _JUNK.fullmatch(reader.text, tail, region.stop_of_line)
    if explicit and not tail:
        base = region.column + int(explicit.group())
    target = base if base > region.column else region.step
    if junk:
        _drop(reader, region, tail)
    elif tail:
        _move(reader, region, region.start + len(header), tail, target)
    _settle(reader, region, base, target, bool(tail))
    return region.next


def _header(region: Region) -> tuple[str, int]:
    """The block's marker, and the place of what stands behind it, 0 if nothing does."""
    text = region.lines.text[region.start : region.stop_of_line]
    match = _HEADER.match(text)
    rest = text[match.end() :] if match else ""
    if match and (not rest.strip() or _COMMENT.match(rest)):
        return match.group(), 0
    if match and match.group()[-1:].isdigit():
        match = None  # `|2 cups`: the digit belongs to the text
    match = match or _MARKER.match(text)
    header = match.group() if match else text[:1]
    if header == "|" and text.endswith("|") and text[1:].lstrip()[:1] != "|" and _next_is_row(region):
        return "|", region.start  # a table: its first sign is text too
    rest = text[len(header) :]
    return header, region.start + len(header) + len(rest) - len(rest.lstrip(" \t\u00a0"))


def _next_is_row(region: Region) -> bool:
    line = region.lines.next(region.index + 1)
    return line is not None and line.text[0] == "|"


def _gather(reader: Reader, region: Region, tail: int) -> int:
    """Give the region its lines; the column at which the block's text begins, 0 if no line says so."""
    lines, pending = reader.lines, []
    header = re.match(r"[|>][+-]?([1-9])", region.text)
    base = region.raw + int(header[1]) if header and not tail else 0
    line = lines.next(region.index + 1)
    region.next = region.index + 1
    region.stop = region.stop_of_line
    while line is not None:
        column = line.spaces if base and line.spaces >= base else line.column()
        if not base and not region.low and column > region.raw and not (tail and reader.bounds.ends(line, False)):
            base = column
        proper = bool(base) and column >= base and not (line.odd and line.spaces < base)
        if reader.bounds.is_swallowed(line) if proper else _ends(reader, region, line, tail > 0):
            break
        pending.append((line, proper))
        region.broken = region.broken or (not proper and column <= region.raw)
        if proper or not line.comment:
            region.more += [each for each, _ in pending]
            region.low += [each for each, good in pending if not good]
            pending = []
            region.next, region.stop = line.index + 1, line.stop
        line = lines.next(line.index + 1)
    return base or _hanging(region)


def _ends(reader: Reader, region: Region, line: Line, moved: bool) -> bool:
    """Whether `line` ends the block. Where the text is `moved` or missing so far, a colon may well be the text's."""
    if region.more and not moved:
        return reader.bounds.ends(line, region.broken)
    split = reader.lines.split(line)
    if line.text.startswith("//"):
        return False
    if split.form == "bare" and not split.dashes and re.match(r"[ \t]+[a-z]", reader.text[split.value : line.stop]):
        return False
    if split.known or split.dashes or reader.bounds.is_own(split.name):
        return reader.bounds.ends(line, False)
    # A key that the contract does not know, in the place of a text that is missing, is that text.
    is_text = " " in split.name or (line.column() == region.raw and reader.bounds.frames.top.level != "")
    return not is_text and reader.bounds.ends(line, False)


def _hanging(region: Region) -> int:
    """The column of a text of which the first lines alone stand too far left; 0 if others do so too."""
    first = next((at for at, line in enumerate(region.low) if line.column() > region.raw), len(region.low))
    rest = [line.spaces for line in region.low[first:]]
    if not first or not rest or min(rest) <= region.column:
        return 0
    del region.low[first:]
    return min(rest)


def _drop(reader: Reader, region: Region, tail: int) -> None:
    stop = region.stop_of_line
    message = f"signs stand behind the block marker of {region.called}"
    fault = Fault(message, "Delete them; the text begins on the next line.", tail, stop, "delete the signs")
    fault.meaning = f"{reader.text[tail:stop][:40]!r} behind the marker is gone"
    fault.edits = [Edit(tail, stop, "")]
    reader.add(fault)


def _move(reader: Reader, region: Region, after: int, tail: int, column: int) -> None:
    """Text on the line of the marker goes to a line of its own."""
    message = f"the text of {region.called} begins on the line of the block marker"
    marker = reader.text[region.start]
    remedy = f"After `{marker}` nothing may follow; put the text on the next line, indented by {column} spaces."
    fault = Fault(message, remedy, tail, region.stop_of_line, "put the text on the next line")
    fault.edits = [
        Edit(min(after, tail), tail, ("|" if tail == region.start else "") + reader.lines.newline + " " * column)
    ]
    if region.glued:
        region.glued.edits += fault.edits
    else:
        reader.add(fault)


def _settle(reader: Reader, region: Region, base: int, target: int, moved_text: bool) -> None:
    """Indent the lines that YAML would not count to the block."""
    low = set(map(id, region.low))
    good = [line for line in region.more if id(line) not in low]
    if region.low and _mostly_low(region, good) and not moved_text:
        least = min(line.spaces for line in region.low)
        if len(good) == 1:
            _pull_in(reader, region, good[0], least)
            return
        digit = least - region.column
        edits = [Edit(region.start + 1, region.start + 1, str(digit))]
        _note(reader, region, region.low[0], edits, "say how far the block is indented")
        return
    edits = _raised(region, low, target)
    if base and base <= region.column:
        edits += region.indented(good, target)
    edits = [edit for edit in edits if edit.text != reader.text[edit.start : edit.end]]
    if edits and region.owner and not region.low:
        region.owner.edits += edits
    elif edits:
        _note(reader, region, (region.low or good)[0], edits, "indent the text")
    elif region.more and not moved_text:
        _trim(reader, region, base or target)


def _pull_in(reader: Reader, region: Region, line: Line, column: int) -> None:
    """The first line of the text stands too far right."""
    message = f"the first line of the text of {region.called} is indented further than the others"
    remedy = f"Indent it like the others, by {column} spaces."
    edits = region.indented([line], column)
    reader.add(Fault(message, remedy, line.lead, line.stop, "indent the line like the others", edits=edits))


def _raised(region: Region, low: set[int], target: int) -> list[Edit]:
    """Each run of low lines, moved right to the block's column."""
    edits: list[Edit] = []
    run: list[Line] = []
    for line in [*region.more, None]:
        if line is not None and id(line) in low:
            run.append(line)
        elif run:
            edits += region.indented(run, target)
            run = []
    return edits


def _mostly_low(region: Region, good: list[Line]) -> bool:
    """Whether the block's first lines are indented more than most of the others, as a paragraph's first line is."""
    least = min((line.spaces for line in region.low), default=0) - region.column
    plain_spaces = not any(line.odd for line in region.low)
    return bool(good) and plain_spaces and 1 <= least <= 9 and len(region.low) > len(good)


def _note(reader: Reader, region: Region, line: Line, edits: list[Edit], title: str) -> None:
    if line.odd and "\t" in line.blank:
        start = line.start + len(line.blank) - len(line.blank.lstrip(" "))
        message = f"a tab indents the text of {region.called}"
        reader.add(Fault(message, "Indent with spaces only.", start, line.lead, title, edits=edits))
    elif line.spaces <= region.column:
        region.low = [line]
        plain.indent(reader, region, edits)
    else:
        message = f"this line of the text of {region.called} is indented less than the first"
        remedy = "Indent all lines of the text at least as far as its first line."
        reader.add(Fault(message, remedy, line.lead, line.stop, title, edits=edits))


def _trim(reader: Reader, region: Region, base: int) -> None:
    """Blank lines above the text must not be longer than the text's indentation."""
    spans = (reader.lines.span(index) for index in range(region.index + 1, region.more[0].index))
    edits = [Edit(*span, "") for span in spans if span[1] - span[0] > base and not reader.text[slice(*span)].strip(" ")]
    if edits:
        message = f"a blank line above the text of {region.called} has more spaces than the text"
        remedy = "Delete the spaces of the blank line."
        reader.add(Fault(message, remedy, edits[0].start, edits[0].end, "delete the spaces", edits=edits))
