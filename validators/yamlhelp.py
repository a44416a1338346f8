"""What a YAML parser's complaint means to the person who wrote the file."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from validators.model import Fix
from validators.source import Source


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file cannot be read: a rule id, words, and the characters from `start` up to `end`."""

    rule: str
    message: str
    help: str
    start: int
    end: int
    fix: Fix | None = None


_TAB = ("a tab is used as indentation", "Indent with spaces only.")
# (part of the parser's complaint, message, help, whether the place where the construct began says more).
# The words of libyaml and of PyYAML's own parser differ; both are here.
_MEANINGS: tuple[tuple[tuple[str, ...], str, str, bool], ...] = (
    (
        ("did not find expected comment or line break", "expected a comment or a line break"),
        "text stands on the line of the block marker",
        "After `|` or `>` nothing may follow; put the text on the next line, two spaces further in than its key.",
        False,
    ),
    (
        ("found unexpected document indicator", "found unexpected document separator"),
        "`---` or `...` stands at the beginning of a line inside quotes",
        "Indent the line.",
        False,
    ),
    (
        ("found a tab character",),
        *_TAB,
        False,
    ),
    (
        ("while scanning a directive",),
        "a line cannot start with %",
        "Indent the line if it is text, and put the text in quotes.",
        True,
    ),
    (
        ("entries are not allowed", "mapping keys are not allowed", "expected node content", "expected the node"),
        "a value cannot start with this sign",
        "Put the text in quotes; a list begins on the line below its key.",
        False,
    ),
    (
        ("expected <document start>", "expected '<document start>'"),
        "this line does not belong to what stands above",
        "Indent it like its neighbours, or delete it.",
        False,
    ),
    (
        ("could not find expected ':'",),
        "this line is neither `key: value` nor part of the text above",
        "Add the missing colon after the key, or indent the line so that it belongs to the text above.",
        True,
    ),
    (
        ("mapping values are not allowed",),
        "a colon stands where no key can be",
        "If ': ' belongs to the text, put the whole text in quotes or below a `|`; otherwise mend the indentation.",
        False,
    ),
    (
        ("found unexpected end of stream",),
        "a quote is opened here and never closed",
        "Close the quote; inside double quotes write \\\" for a quote, inside single quotes ''.",
        True,
    ),
    (
        ("while scanning an alias", "while scanning an anchor", "while scanning a tag", "while parsing a tag"),
        "a value cannot start with this sign",
        "In YAML the signs *, & and ! have a meaning of their own; put the text in quotes.",
        True,
    ),
    (
        ("found unknown escape character", "expected escape sequence", "expected hexdecimal number"),
        "a backslash in double quotes starts no known escape",
        "Write \\\\ for a backslash, or use single quotes or a `|` block, where it has no meaning.",
        False,
    ),
    (
        ("cannot start any token",),
        "a value cannot start with this character",
        "Put the text in quotes.",
        False,
    ),
    (
        ("did not find expected key", "did not find expected '-' indicator", "expected <block end>"),
        "this line does not fit the lines around it",
        "Indent it like its neighbours; text that starts with a quote must end with it.",
        False,
    ),
    (
        ("did not find expected ',' or", "expected ',' or"),
        "a bracket or brace is not closed, or a comma is missing",
        "If it belongs to the text, put the whole text in quotes.",
        False,
    ),
)


def explain(error: yaml.YAMLError, source: Source) -> Problem:
    """A parser's error as a problem with its place; linear in the length of one line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem("yaml-syntax", "the file is not valid YAML", "", 0, 0)
    said = " ".join(part for part in (error.context, error.problem) if part)
    for signs, message, remedy, at_context in _MEANINGS:
        if any(sign in said for sign in signs):
            mark = (error.context_mark if at_context else None) or error.problem_mark
            if mark and source.text[mark.index : mark.index + 1] == "\t":
                message, remedy = _TAB
            return _at(mark, message, remedy, source)
    return _at(error.problem_mark or error.context_mark, f"not valid YAML: {said}", "", source)


def _at(mark: yaml.Mark | None, message: str, remedy: str, source: Source) -> Problem:
    index = min(mark.index, len(source.text)) if mark else 0
    return Problem("yaml-syntax", message, remedy, index, index)
