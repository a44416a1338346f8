"""Edits that several rules make: quoting a value, deleting or commenting out whole lines."""

from __future__ import annotations

from validators.model import Edit, Fix
from validators.source import Source
from validators.yamltree import Node


def quoted(text: str) -> str:
    """One line of text as a YAML scalar in quotes; double ones, unless it holds some or a backslash."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def delete_lines(source: Source, first: Node, last: Node, title: str) -> Fix | None:
    """Delete the lines from `first` to `last`, if nothing else stands on them."""
    lines = _own_lines(source, first, last)
    if lines is None:
        return None
    return Fix(title, (Edit(source.start_of(lines[0]), source.start_of(lines[1] + 1), ""),))


def comment_out(source: Source, first: Node, last: Node, title: str, meaning: str) -> Fix | None:
    """Turn the lines from `first` to `last` into comments, at the column of `first`, if nothing else stands on them."""
    lines = _own_lines(source, first, last)
    if lines is None:
        return None
    column = source.position(first.start)[1] - 1
    edits = []
    for number in range(lines[0], lines[1] + 1):
        text = source.line(number)
        if text.strip():
            at = source.start_of(number) + min(column, len(text) - len(text.lstrip()))
            edits.append(Edit(at, at, "# "))
    return Fix(title, tuple(edits), meaning=meaning)


def _own_lines(source: Source, first: Node, last: Node) -> tuple[int, int] | None:
    """(first line, last line) of a piece that shares them with nothing but a comment; else None."""
    top, column = source.position(first.start)
    bottom, end = source.position(max(first.end, last.end))
    if source.line(top)[: column - 1].strip():
        return None
    rest = source.line(bottom)[end - 1 :].strip()
    if bottom > top and end == 1:
        bottom, rest = bottom - 1, ""
    if rest.startswith(":") and last.start == last.end:
        rest = rest[1:].strip()
    return None if rest and not rest.startswith("#") else (top, bottom)


def shift(source: Source, node: Node, by: int, *, from_first: bool = True) -> tuple[Edit, ...] | None:
    """Edits that move the lines of `node` by so many columns; None where a line has too little indentation.

    Without `from_first` its first line stays, for a collection that begins behind a list's hyphen.
    """
    first, _ = source.position(node.start)
    last, column = source.position(node.end)
    edits = []
    for number in range(first if from_first else first + 1, last + (column > 1)):
        text = source.line(number)
        if not text.strip():
            continue
        at = source.start_of(number)
        if by > 0:
            edits.append(Edit(at, at, " " * by))
        elif text[:-by].strip(" "):
            return None
        else:
            edits.append(Edit(at, at - by, ""))
    return tuple(edits)
