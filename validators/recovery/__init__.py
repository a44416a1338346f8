"""Goes on after a YAML error: finds every fault with its cause, mends what has one meaning, and reads the rest.

The text is read three times. First the characters that YAML forbids go. Then a tolerant reader takes it line by line,
knowing the keys of a leaf, and notes faults with edits. What comes out is parsed as strictly as any leaf; where that
still fails, the place is taken out of the reading and the parser's own words are the finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from validators.limits import LIMITS, Limits
from validators.model import Edit
from validators.recovery import characters
from validators.recovery.patch import Fault, Mended, compatible
from validators.recovery.reader import Entry, Reader
from validators.source import Source
from validators.yamlhelp import Problem
from validators.yamltree import Node, YamlError, parse

__all__ = ["Recovered", "recover"]

# How often a text is parsed again after a place was taken out of it, and characters parsed in all; a line costs
# a parser as much as some characters.
_ROUNDS = 8
_CHARACTERS = 1_000_000
_LINE_COST = 30
_MOST = 60
# Lines of a text that is worth a tolerant reader; real leaves have some hundred.
_LINES = 8_000
_SEPARATOR = re.compile("[\x85\u2028\u2029]")
_BLANK_LINE = re.compile(r"(?<![^\n\r])[ \t]*\t[ \t]*(?![^\n\r])")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a text that is no YAML says all the same."""

    root: Node | None
    """The tree; places are indexes of the original text. None where nothing could be read."""
    problems: tuple[Problem, ...]
    """Every error, by place. With the fixes of all of them made, and no problem without one, the text is YAML."""


def recover(source: Source, limits: Limits = LIMITS) -> Recovered:
    """Read `source`, which `yamltree.parse` refuses, as far as it can be read; never raises.

    The work is bounded: linear in the text but for a constant number of repairs.
    """
    text = source.text
    signs = characters.faults(text)
    clean = Mended(text, (edit for fault in signs for edit in fault.edits))
    faults, entries = _read(clean.text, limits)
    root, more, mended = _parsed(clean.text, faults, entries, limits)
    if root:
        _bring_back(root, mended, clean)
    found = compatible([*signs, *(fault.moved(clean.back) for fault in (*faults, *more))])
    return Recovered(root, tuple(fault.problem() for fault in found))


def _read(text: str, limits: Limits) -> tuple[list[Fault], list[Entry]]:
    """The faults of a text without forbidden characters, and its lines with keys or items."""
    if text.lstrip()[:1] in ("{", "[") or text.count("\n") + text.count("\r") > _LINES:
        return [], []  # written in one piece, or to keep a reader busy
    reader = Reader(text, limits)
    reader.read()
    return compatible(reader.faults), reader.entries


def _parsed(
    text: str, faults: list[Fault], entries: list[Entry], limits: Limits
) -> tuple[Node | None, list[Fault], Mended]:
    """The tree of the text with the faults mended, more faults where the parser still stops, and the mended text."""
    edits = [edit for fault in faults for edit in fault.edits]
    more: list[Fault] = []
    taken_out, parsed = 0, 0
    while True:
        mended = Mended(text, edits)
        try:
            return parse(Source(mended.text), limits), more, mended
        except YamlError as error:
            problem = error.problem
        parsed += len(mended.text) + _LINE_COST * mended.text.count("\n")
        place = mended.back(problem.start)
        known = _mends(problem, mended, text)
        is_new = known and not any(edit in edits for edit in known[0].edits)
        if is_new and parsed < _CHARACTERS and len(more) < _MOST:
            more += known
            edits = edits + [edit for fault in known for edit in fault.edits]
            continue
        if any(fault.message == problem.message and fault.rule == "yaml-unsafe" for fault in more):
            return _beginning(mended, problem, more, limits)  # too much of something, wherever it stands
        if not _is_known(place, [*faults, *more]):
            more.append(_unknown(problem, mended))
        without = _without(text, place, entries, edits)
        if without is None or taken_out == _ROUNDS or parsed > _CHARACTERS:
            return _beginning(mended, problem, more, limits)
        edits = without
        taken_out += 1


def _mends(problem: Problem, mended: Mended, text: str) -> list[Fault]:
    """Faults that the parser, or a look at the line, mends at once."""
    if problem.fix:
        return [_unknown(problem, mended)]
    source = Source(text)
    row, _ = source.position(mended.back(problem.start))
    start, line = source.start_of(row), source.line(row)
    places = [start + match.start() for match in islice(_SEPARATOR.finditer(line), _LINES)]
    if places:
        return [_separator(text, places)]
    edits = [Edit(*match.span(), "") for match in _BLANK_LINE.finditer(text)] if not line.strip() else []
    if not edits:
        return []
    message, remedy = "a blank line holds a tab", "Delete the blanks of the line."
    return [Fault(message, remedy, edits[0].start, edits[0].end, "delete the blanks", edits=edits)]


def _separator(text: str, places: list[int]) -> Fault:
    first = places[0]
    message = f"the character U+{ord(text[first]):04X} ends the line for YAML"
    remedy = "Write a space, or begin a new line; it often comes with copied text."
    edits = [Edit(place, place + 1, " ") for place in places]
    return Fault(message, remedy, first, first + 1, "write a space", edits=edits)


def _is_known(place: int, faults: list[Fault]) -> bool:
    """Whether a fault that cannot be mended covers the place already."""
    return any(not fault.sure and fault.start <= place <= fault.end for fault in faults)


def _unknown(problem: Problem, mended: Mended) -> Fault:
    start, end = mended.back(problem.start), mended.back(problem.end)
    fault = Fault(
        problem.message, problem.help, start, max(start, end), rule=problem.rule, sure=problem.fix is not None
    )
    if problem.fix:
        fault.title, fault.meaning = problem.fix.title, problem.fix.meaning
        fault.edits = [Edit(mended.back(e.start), mended.back(e.end), e.text) for e in problem.fix.edits]
    return fault


def _without(text: str, place: int, entries: list[Entry], edits: list[Edit]) -> list[Edit] | None:
    """The edits, and one more that takes out the value around `place`, then its whole line; None if nothing is left."""
    around = next((entry for entry in reversed(entries) if entry.start <= place), None)
    if around is None:
        return None
    for start, end in ((around.value, around.stop), (around.start, around.stop)):
        if start < end and text[start:end].strip() and Edit(start, end, "") not in edits:
            rest = [edit for edit in edits if edit.end < start or edit.start > end]
            return [*rest, Edit(start, end, "")]
    return None


def _beginning(
    mended: Mended, problem: Problem, more: list[Fault], limits: Limits
) -> tuple[Node | None, list[Fault], Mended]:
    """What can be read of the text above the place at which the parser stops."""
    if problem.rule == "yaml-unsafe":
        return None, more, mended
    cut = mended.text.rfind("\n", 0, problem.start) + 1
    try:
        return parse(Source(mended.text[:cut]), limits), more, mended
    except YamlError:
        return None, more, mended


def _bring_back(root: Node, mended: Mended, clean: Mended) -> None:
    """Give every node, keys too, its place in the original text."""
    stack = [root]
    while stack:
        node = stack.pop()
        node.start = clean.back(mended.back(node.start))
        node.end = max(node.start, clean.back(mended.back(node.end)))
        stack.extend(node.items)
        for key, value in node.entries:
            stack += (key, value)
