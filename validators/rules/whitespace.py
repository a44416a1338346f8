"""Spaces and line ends, as the reference's yamllint configuration judges them. It skips leaves of version 1."""

from __future__ import annotations

from collections.abc import Iterator

from validators.leaffile import LeafFile
from validators.model import Finding, Span
from validators.registry import check, declare

_GROUPS = ("compat", "whitespace")
_TRAILING = declare("trailing-spaces", "error", "No line ends with spaces or tabs.", *_GROUPS)
_LAST = declare("new-line-at-end-of-file", "error", "The file ends with a line break.", *_GROUPS)
# Not in compat: the reference reads files with Python's universal newlines, so its own rule never sees a CR.
_NEW_LINES = declare("new-lines", "warning", "Lines end with LF, as on Unix.", "default", "whitespace")
_EMPTY_LINES = declare("empty-lines", "warning", "At most 2 empty lines, none at start or end.", *_GROUPS)

_MOST_EMPTY = 2


@check("text", _TRAILING)
def trailing_spaces(leaf: LeafFile) -> Iterator[Finding]:
    """Lines that end with spaces or tabs."""
    if leaf.version <= 1:
        return
    for start, line in leaf.source.lines():
        kept = line.rstrip(" \t\v\f")
        if len(kept) < len(line) and line[len(kept)] in " \t":
            span = leaf.source.span(start + len(kept), start + len(line))
            yield _TRAILING.at(leaf, span, "spaces at the end of the line", fix="delete the spaces")


@check("text", _LAST, _NEW_LINES)
def line_ends(leaf: LeafFile) -> Iterator[Finding]:
    """A last line without its break; a first line that ends the Windows way."""
    if leaf.version <= 1:
        return
    source = leaf.source
    last = source.line(source.line_count)
    if last and leaf.problem is None:
        end = len(source.text)
        yield _LAST.at(leaf, source.span(end, end), "no line break at the end of the file", fix="add a line break")
    first = source.line(1)
    if source.text[len(first) : len(first) + 1] == "\r":
        span = source.span(len(first), len(first))
        remedy = "Set your editor to LF line ends."
        yield _NEW_LINES.at(leaf, span, "lines end with CR; LF is needed", remedy, fix="turn CR LF into LF")


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
        at_edge = line is None or run == number - 1
        if run > (0 if at_edge else _MOST_EMPTY):
            message = f"too many empty lines ({run}, at most {0 if at_edge else _MOST_EMPTY} here)"
            span = Span(number - 1, 1, number - 1, 1)
            yield _EMPTY_LINES.at(leaf, span, message, fix="delete the empty lines")
        run = 0
