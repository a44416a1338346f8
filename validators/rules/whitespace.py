"""Spaces and line ends, as the reference's yamllint configuration judges them. It skips leaves of version 1."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from validators.examples import SKILL, Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix, Span
from validators.registry import check, declare

_GROUPS = ("compat", "whitespace")
_TRAILING = declare(
    "trailing-spaces",
    "error",
    "No line ends with spaces or tabs.",
    *_GROUPS,
    reason="They are invisible, make differences between versions unreadable, and get into the texts that are learnt.",
    example=Example(bad="created_by: ada-lovelace  \n", good="created_by: ada-lovelace\n"),
    fixes=True,
)
_LAST = declare(
    "new-line-at-end-of-file",
    "error",
    "The file ends with a line break.",
    *_GROUPS,
    reason="Without it the next line that is added changes this one too, and some tools drop the last line.",
    example=Example(bad=SKILL.removesuffix("\n"), good="", whole=True),
    fixes=True,
)
# Not in compat: the reference reads files with Python's universal newlines, so its own rule never sees a CR.
_NEW_LINES = declare(
    "new-lines",
    "warning",
    "Lines end with LF, as on Unix.",
    "default",
    "whitespace",
    reason="Mixed line ends make every line look changed when somebody else saves the file.",
    example=Example(bad=SKILL.replace("\n", "\r\n"), good="", whole=True),
    fixes=True,
)
_EMPTY_LINES = declare(
    "empty-lines",
    "warning",
    "At most 2 empty lines stand in a row, and none at the start or end.",
    *_GROUPS,
    reason="The reference's strict mode, which its command line uses, refuses such files.",
    example=Example(bad="created_by: ada-lovelace\n\n\n\n", good="created_by: ada-lovelace\n"),
    fixes=True,
)

_MOST_EMPTY = 2


@check("text", _TRAILING)
def trailing_spaces(leaf: LeafFile) -> Iterator[Finding]:
    """Lines that end with spaces or tabs."""
    if leaf.version <= 1:
        return
    blocks: _Scalars | None = None
    for start, line in leaf.source.lines():
        kept = line.rstrip(" \t\v\f")
        if len(kept) < len(line) and line[len(kept)] in " \t":
            blocks = blocks or _Scalars(leaf, ("|", ">"))
            place = (start + len(kept), start + len(line))
            meaning = "the text loses the spaces at its line's end" if blocks.hold(start) else ""
            fix = Fix("delete the spaces", (Edit(*place, ""),), meaning=meaning)
            yield _TRAILING.at(leaf, leaf.source.span(*place), "spaces at the end of the line", fix=fix)


@check("text", _LAST, _NEW_LINES)
def line_ends(leaf: LeafFile) -> Iterator[Finding]:
    """A last line without its break; a first line that ends the Windows way."""
    if leaf.version <= 1:
        return
    source = leaf.source
    last = source.line(source.line_count)
    if last and not leaf.broken:
        end = len(source.text)
        inside = _Scalars(leaf, ("|", ">")).hold(end - 1)
        meaning = "the last text ends with a line break, like every text below | or >" if inside else ""
        fix = Fix("add a line break", (Edit(end, end, "\n"),), meaning=meaning)
        yield _LAST.at(leaf, source.span(end, end), "no line break at the end of the file", fix=fix)
    first = source.line(1)
    if source.text[len(first) : len(first) + 1] == "\r":
        span = source.span(len(first), len(first))
        fix = Fix("turn CR LF into LF", tuple(_line_breaks(leaf)))
        yield _NEW_LINES.at(leaf, span, "lines end with CR; LF is needed", "Set your editor to LF line ends.", fix=fix)


def _line_breaks(leaf: LeafFile) -> Iterator[Edit]:
    text = leaf.source.text
    for start, line in leaf.source.lines():
        end = start + len(line)
        if text[end : end + 1] == "\r":
            yield Edit(end, end + 2, "\n") if text[end + 1 : end + 2] == "\n" else Edit(end, end + 1, "\n")


@check("text", _EMPTY_LINES)
def empty_lines(leaf: LeafFile) -> Iterator[Finding]:
    """Runs of empty lines that are too long."""
    if leaf.version <= 1:
        return
    lines = [line for _, line in leaf.source.lines()]
    if lines[-1] == "":
        lines.pop()
    run = 0
    for number, line in enumerate([*lines, None], 1):
        if line == "":
            run += 1
            continue
        most = 0 if line is None or run == number - 1 else _MOST_EMPTY
        if run > most:
            message = f"too many empty lines ({run}, at most {most} here)"
            span = Span(number - 1, 1, number - 1, 1)
            yield _EMPTY_LINES.at(leaf, span, message, fix=_fewer(leaf, number, run, most))
        run = 0


def _fewer(leaf: LeafFile, number: int, run: int, most: int) -> Fix:
    """Delete the first lines of the run that ends before line `number`."""
    start, end = leaf.source.start_of(number - run), leaf.source.start_of(number - most)
    inside = _Scalars(leaf, ("|", ">", "'", '"', None)).hold(start)
    meaning = "the text has fewer empty lines" if inside else ""
    return Fix("delete the empty lines", (Edit(start, end, ""),), meaning=meaning)


class _Scalars:
    """The places of scalars of some styles, for asking whether an index lies in one."""

    def __init__(self, leaf: LeafFile, styles: tuple[str | None, ...]) -> None:
        places = [(node.start, node.end) for node in leaf.nodes if node.kind == "scalar" and node.style in styles]
        self._starts = [start for start, _ in places]
        self._ends = [end for _, end in places]

    def hold(self, index: int) -> bool:
        """Whether the character at `index` belongs to one of them."""
        place = bisect_right(self._starts, index) - 1
        return place >= 0 and index < self._ends[place]
