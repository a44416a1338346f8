"""Values without quotes or block marker: what in them is no plain text to YAML, and how they become text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from validators.model import Edit
from validators.recovery.contract import CHILD, PROSE, TEXT
from validators.recovery.lines import Line
from validators.recovery.patch import Fault, joined
from validators.recovery.region import Region
from validators.yamlhelp import Problem

if TYPE_CHECKING:
    from validators.recovery.reader import Reader

_SPECIAL = "@`%*&!|>[]{},?-#:"
_COLON = re.compile(r":(?=[ \t]|$)", re.MULTILINE)
_AGAIN = re.compile(r":[ \t]+(?=\S)")
_HASH = re.compile(r"[ \t]#")
# Lines whose beginning shows that the line breaks of a text are meant.
_SHAPED = re.compile(r"([-*•+>|]|\d{1,3}[.)]|[A-Za-z][.)]|#{1,6}|```|~~~)([ \t]|$)|[-*•|`]")
_SPEAKER = re.compile(r"[ \t]*[A-Z][\w ]{0,24}:[ \t]")
_WORD = re.compile(r"[*&]([\w-]+)")
_PROPERTY = re.compile(r"[&!]\S*[ \t]+(?=\S)")

Candidate = tuple[str, list[Edit]]


def read(reader: Reader, region: Region) -> int:
    """Read a value that begins on its key's line; the number of the line behind it."""
    reader.bounds.gather(region, region.index + 1)
    _judge(reader, region)
    return region.next


def read_below(reader: Reader, region: Region, line: Line) -> int:
    """Read a value whose first line is `line`, below its key."""
    reader.bounds.gather(region, line.index)
    if not region.more:
        reader.bounds.frames.top.open = True
        return region.index + 1
    region.start = region.more[0].lead
    _judge(reader, region)
    return region.next


def _judge(reader: Reader, region: Region) -> None:
    if not region.low and _is_safe(region):
        return
    raised = region.raised()
    problem = reader.refusal(region, raised)
    if problem is None:
        if raised:
            indent(reader, region, raised)
        return
    fault = _cause(reader, region, problem)
    mend(reader, region, fault, _candidates(reader, region))


def _is_safe(region: Region) -> bool:
    """Whether a look shows that YAML takes the value for plain text; saves most values a parser."""
    first = region.text[:1]
    if not first.isalpha() or any(line.comment or line.odd for line in region.more):
        return False
    text = region.text
    return not _COLON.search(text) and not _HASH.search(text)


def indent(reader: Reader, region: Region, edits: list[Edit]) -> None:
    """Lines of the text stand too far left: they are moved with their key, or are a fault of their own."""
    if region.owner:
        region.owner.edits += edits
        return
    first = region.low[0]
    message = f"the text of {region.called} is not indented further than its key"
    remedy = f"Indent each line of the text by {region.step} spaces."
    before = max((line.index for line in region.more if line.index < first.index), default=region.index)
    near = first.index - before == 1 or region.text[0] in "|>"  # after a blank line it may be no part of the text
    reader.add(Fault(message, remedy, first.lead, first.stop, "indent the text", sure=near, edits=edits))


def mend(reader: Reader, region: Region, fault: Fault, candidates: Iterator[Candidate]) -> None:
    """Note `fault` with the first of `candidates` that makes the value readable; without any, the value goes."""
    for title, edits in candidates:
        if reader.refusal(region, edits) is None:
            fault.title, fault.edits = title, edits
            break
    else:
        fault.sure = False
        fault.edits = [Edit(region.start, region.stop, "")]
    if region.glued and fault.sure:
        region.glued.edits = joined([*region.glued.edits, *fault.edits])
    else:
        reader.add(fault)


def quoted(region: Region) -> Candidate:
    """Put the value, as it stands, in quotes that it does not hold itself."""
    text = region.text
    if '"' not in text and "\\" not in text:
        sign, inside = '"', []
    else:
        places = (region.start + match.start() for match in re.finditer("'", text))
        sign, inside = "'", [Edit(place, place, "'") for place in places]
    edits = [Edit(region.start, region.start, sign), *inside, *region.raised(), Edit(region.stop, region.stop, sign)]
    return f"put the text in {'double' if sign == chr(34) else 'single'} quotes", joined(edits)


def block(reader: Reader, region: Region) -> Candidate:
    """Put the value below a `|`, line by line."""
    below = bool(region.more) and region.start == region.more[0].lead
    column = min((line.spaces for line in region.more), default=0)
    edits = [] if column > region.column else region.indented(region.more, region.step)
    column = max(column, region.step) if edits or not region.more else column
    gap = "" if region.glue else " "
    if below:
        edits.append(Edit(region.after, region.after, gap + "|"))
    else:
        start = region.start if region.glue else region.after
        edits.append(Edit(start, region.start, f"{gap}|{reader.lines.newline}{' ' * column}"))
    return "put the text below a `|`", joined(edits)


def _candidates(reader: Reader, region: Region) -> Iterator[Candidate]:
    text = region.text
    again = _AGAIN.match(text)
    if again:
        yield "delete the second colon", [*region.raised(), Edit(region.start, region.start + again.end(), "")]
    anchor = _PROPERTY.match(text)
    if anchor and not _is_prose(reader, region):
        title = "delete the anchor" if text[0] == "&" else "delete the tag"
        yield title, [*region.raised(), Edit(region.start, region.start + anchor.end(), "")]
    if text[0] in "[{" and region.name not in TEXT:
        yield "close the bracket", [*region.raised(), Edit(region.stop, region.stop, "]" if text[0] == "[" else "}")]
    if _has_shape(region):
        yield block(reader, region)
        yield quoted(region)
    else:
        yield quoted(region)
        yield block(reader, region)


def _has_shape(region: Region) -> bool:
    """Whether the line breaks of the text mean something."""
    lines = [region.index, *(line.index for line in region.more)]
    if region.item or len(lines) < 2:
        return False
    blank = any(after - before > 1 for before, after in pairwise(lines[1:]))
    shaped = any(_SHAPED.match(line.text) for line in region.more)
    written = region.text.splitlines()
    speakers = sum(bool(_SPEAKER.match(line)) for line in written)
    return blank or shaped or speakers > 1 or any(line.endswith(":") for line in written[:-1])


def _cause(reader: Reader, region: Region, problem: Problem) -> Fault:
    """What in the value is no plain text to YAML."""
    text, start = region.text, region.start
    sure = region.name not in CHILD or region.item
    if problem.rule != "yaml-syntax":
        end = problem.end if problem.end > problem.start else problem.start + 1
        sure = sure and (problem.rule == "yaml-value" or _is_prose(reader, region) or _is_idle(reader, region))
        return Fault(problem.message, problem.help, problem.start, end, rule=problem.rule, sure=sure)
    below = f", or on the lines below `{region.name}: |`" if region.name and not region.item else ""
    remedy = f"Put the whole text in quotes{below}."
    if _AGAIN.match(text):
        return Fault("a second colon stands behind the key's", "Delete it.", start, start + 1, sure=sure)
    if text[0] in _SPECIAL:
        if text[0] in "[{" and region.name not in TEXT:
            sure = reader.refusal(region, next(_candidates(reader, region))[1]) is None
        shown = "a backtick" if text[0] == "`" else f"`{text[0]}`"
        message = f"the text of {region.called} starts with {shown}, which has a meaning of its own in YAML"
        return Fault(message, remedy, start, start + 1, sure=sure)
    colon = _COLON.search(text)
    if colon:
        message = f"the text of {region.called} has a colon with a space behind it, as only a key has"
        return Fault(message, remedy, start + colon.start(), start + colon.end(), sure=sure)
    sign = _HASH.search(text)
    if sign:
        message = f"the text of {region.called} ends at ` #`, which begins a comment"
        return Fault(message, remedy, start + sign.end() - 1, start + sign.end(), sure=sure)
    end = problem.end if problem.end > problem.start else region.stop
    return Fault(problem.message, problem.help, problem.start, end, sure=sure)


def _is_idle(reader: Reader, region: Region) -> bool:
    """Whether the value has an anchor that nothing refers to."""
    word = _WORD.match(region.text)
    return bool(word and region.text[0] == "&" and "*" + word[1] not in reader.text and _PROPERTY.match(region.text))


def _is_prose(reader: Reader, region: Region) -> bool:
    """Whether a sign of YAML's anchors, aliases and tags is evidently one of the text."""
    text = region.text
    if region.name not in PROSE and not (region.item and region.name == "patterns"):
        return False
    word = _WORD.match(text)
    other = {"*": "&", "&": "*"}.get(text[0], "")
    if word and other and other + word[1] in reader.text:
        return False
    if text[0] == "!":
        return not re.match(r"!(!|<|\S*[:/])", text)
    return text[0] == "*" or (text[0] == "&" and bool(re.search(r"\s", text)))
