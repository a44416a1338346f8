"""Lines of a broken text that are neither a key's nor a text's: document marks, fences, merge conflicts, strays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from validators.model import Edit
from validators.recovery.lines import Line
from validators.recovery.patch import Fault

if TYPE_CHECKING:
    from validators.recovery.reader import Reader


def marker(reader: Reader, line: Line) -> int:
    """Read a line that begins or ends a document; the number of the line behind it."""
    following = reader.lines.next(line.index + 1)
    if not reader.entries or (following is None and line.marker == "..."):
        return line.index + 1
    remedy = f"Keep one document in the file; delete the `{line.marker}` line, or indent it if it is text."
    name = reader.lines.split(following).name if following else ""
    frames = reader.bounds.frames.frames
    if name and frames and name in frames[0].keys:
        message = "a second YAML document starts here"
        rest = [Edit(line.start, len(reader.text), "")]
        reader.add(Fault(message, remedy, line.lead, line.stop, rule="yaml-unsafe", sure=False, edits=rest))
        return len(reader.lines)
    message = f"the line `{line.marker}` ends the document here"
    title = f"delete the `{line.marker}` line"
    reader.add(Fault(message, remedy, line.lead, line.lead + 3, title, edits=[_whole(reader, line)]))
    return line.index + 1


def foreign(reader: Reader, line: Line) -> bool:
    """Note a mark of another program: of a Markdown code block around the file, of an unfinished merge, of code."""
    bounds = reader.bounds
    if bounds.is_fence(line) and (bounds.fenced or not reader.entries):
        bounds.fenced = True
        fault = Fault("a Markdown fence is no YAML", "Delete this line.", line.lead, line.stop, "delete the fence")
    elif bounds.is_conflict(line):
        message = "a merge of two versions was not finished here"
        remedy = "Keep the lines that are right, and delete the lines of `<`, `=` and `>`."
        fault = Fault(message, remedy, line.lead, line.stop, sure=False)
    elif line.text.startswith("//"):
        fault = Fault("a comment begins with `#`", "Write `#`.", line.lead, line.lead + 2, "write `#`")
        fault.edits = [Edit(line.start, line.lead + 2, " " * line.column() + "#")]
    else:
        return False
    fault.edits = fault.edits or [_whole(reader, line)]
    reader.add(fault)
    return True


def stray(reader: Reader, line: Line) -> int:
    """Text where only a key or an item can stand. Nobody can know what was meant; it is left out."""
    last = reader.faults[-1] if reader.faults else None
    edit = Edit(line.lead, line.stop, "")
    if last and not last.title and last.edits and reader.lines.at(last.edits[-1].end) == line.index - 1:
        last.edits.append(edit)
        return line.index + 1
    message = "this line is neither `key: value` nor part of the text above"
    remedy = "Add the missing key, or indent the line so that it belongs to the text above."
    reader.add(Fault(message, remedy, line.lead, line.stop, sure=False, edits=[edit]))
    return line.index + 1


def _whole(reader: Reader, line: Line) -> Edit:
    lines = reader.lines
    after = lines.span(line.index + 1)[0] if line.index + 1 < len(lines) else line.end
    return Edit(line.start, after, "")
