"""Spaces between tokens, and indentation, as yamllint's relaxed configuration judges them: warnings only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import yaml

from validators.edits import shift
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix
from validators.registry import Rule, check, declare
from validators.yamltree import Node

_GROUPS = ("compat", "whitespace")
_STRICT = "The reference's strict mode, which its command line uses, refuses such files."
_COLONS = declare(
    "colons",
    "warning",
    "No space stands before a colon, and one after it.",
    *_GROUPS,
    reason=_STRICT,
    example=Example(bad="created_by:   ada-lovelace\n", good="created_by: ada-lovelace\n"),
    fixes=True,
)
_COMMAS = declare(
    "commas",
    "warning",
    "No space stands before a comma, and one after it.",
    *_GROUPS,
    reason=_STRICT,
    example=Example(
        bad="document:\n  repo: https://github.com/example/tarn-skerry\n"
        "  commit: 0123456789abcdef0123456789abcdef01234567\n  patterns: [island.md ,birds.md]\n",
        good="document:\n  repo: https://github.com/example/tarn-skerry\n"
        "  commit: 0123456789abcdef0123456789abcdef01234567\n  patterns: [island.md, birds.md]\n",
        base="knowledge",
    ),
    fixes=True,
)
_HYPHENS = declare(
    "hyphens",
    "warning",
    "One space stands after a list's hyphen.",
    *_GROUPS,
    reason=_STRICT,
    example=Example(
        bad="  -   question: Name a small boat.\n      answer: Letterbird.\n",
        good="  - question: Name a small boat.\n    answer: Letterbird.\n",
    ),
    fixes=True,
)
_BRACES = declare(
    "braces",
    "warning",
    "At most one space stands inside { }.",
    *_GROUPS,
    reason=_STRICT,
    example=Example(
        bad="  - {  question: Name a small boat., answer: Letterbird. }\n",
        good="  - {question: Name a small boat., answer: Letterbird.}\n",
    ),
    fixes=True,
)
_BRACKETS = declare(
    "brackets",
    "warning",
    "At most one space stands inside [ ].",
    *_GROUPS,
    reason=_STRICT,
    example=Example(
        bad="document:\n  repo: https://github.com/example/tarn-skerry\n"
        "  commit: 0123456789abcdef0123456789abcdef01234567\n  patterns: [  island.md ]\n",
        good="document:\n  repo: https://github.com/example/tarn-skerry\n"
        "  commit: 0123456789abcdef0123456789abcdef01234567\n  patterns: [island.md]\n",
        base="knowledge",
    ),
    fixes=True,
)
_INDENTATION = declare(
    "indentation",
    "warning",
    "Every level is indented by the same number of spaces.",
    *_GROUPS,
    reason=_STRICT,
    example=Example(
        bad="document:\n    repo: https://github.com/example/tarn-skerry\n"
        "    commit: 0123456789abcdef0123456789abcdef01234567\n    patterns:\n      - island.md\n",
        good="document:\n  repo: https://github.com/example/tarn-skerry\n"
        "  commit: 0123456789abcdef0123456789abcdef01234567\n  patterns:\n    - island.md\n",
        base="knowledge",
    ),
    fixes=True,
)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Tokens with the rule, their name, and the spaces allowed before and after them on their line (None: any).
_ALLOWED: tuple[tuple[Any, Any, str, int | None, tuple[int, int | None]], ...] = (
    (yaml.ValueToken, _COLONS, "colon", 0, (0, 1)),
    (yaml.FlowEntryToken, _COMMAS, "comma", 0, (1, 1)),
    (yaml.BlockEntryToken, _HYPHENS, "hyphen", None, (0, 1)),
    (yaml.FlowMappingStartToken, _BRACES, "opening brace", None, (0, 1)),
    (yaml.FlowMappingEndToken, _BRACES, "closing brace", 1, (0, None)),
    (yaml.FlowSequenceStartToken, _BRACKETS, "opening bracket", None, (0, 1)),
    (yaml.FlowSequenceEndToken, _BRACKETS, "closing bracket", 1, (0, None)),
)


# What a fault looks like outside of { } and [ ]; most files have nothing of the kind and need no tokens.
_SUSPECT = re.compile(r" :[ \n]|: {2,}[^ \n]|- {2,}[^ \n]")


@check("mapping", _COLONS, _COMMAS, _HYPHENS, _BRACES, _BRACKETS)
def token_spaces(leaf: LeafFile) -> Iterator[Finding]:
    """Tokens with too many or too few spaces beside them."""
    if leaf.root is None or leaf.version <= 1 or leaf.broken:
        return
    if not _SUSPECT.search(leaf.source.text) and not any(node.style in ("{", "[") for node in leaf.nodes):
        return
    starts = {node.start: node for node in reversed(leaf.nodes) if node.kind == "mapping" and node.style is None}
    tokens = [
        token
        for token in yaml.scan(leaf.source.text, Loader=_LOADER)
        if not isinstance(token, (yaml.BlockEndToken, yaml.KeyToken, yaml.BlockMappingStartToken))
    ]
    for left, right in pairwise(tokens):
        yield from _between(leaf, left, right, starts)


def _between(leaf: LeafFile, left: Any, right: Any, starts: dict[int, Node]) -> Iterator[Finding]:
    """What the gap between two neighbours breaks. `starts`: the block mappings by their first character."""
    start, end = left.end_mark.index, right.start_mark.index
    gap = leaf.source.text[start:end]
    if end <= start - 1 or gap.strip(" "):
        return
    for kind, rule, name, before, (least, most) in _ALLOWED:
        if isinstance(right, kind) and before is not None and len(gap) > before and _inline(left):
            yield _say(leaf, rule, start, end, f"too many spaces before the {name}", before, starts)
        if isinstance(left, kind) and most is not None and len(gap) > most:
            yield _say(leaf, rule, start, end, f"too many spaces after the {name}", most, starts)
        if isinstance(left, kind) and len(gap) < least:
            yield _say(leaf, rule, start, end, f"no space after the {name}", least, starts)


def _say(
    leaf: LeafFile, rule: Rule, start: int, end: int, message: str, width: int, starts: dict[int, Node]
) -> Finding:
    """A finding on a gap, with the fix that makes it `width` wide."""
    moved: tuple[Edit, ...] | None = ()
    if rule is _HYPHENS and end in starts:  # the other lines of the entry stand below its first key
        moved = shift(leaf.source, starts[end], start + width - end, from_first=False)
    title = f"leave {'none' if width == 0 else 'one'}" if end - start > width else "add one"
    fix = Fix(title, (Edit(start, end, " " * width), *moved)) if moved is not None else None
    return rule.at(leaf, leaf.source.span(start, end), message, fix=fix)


def _inline(token: Any) -> bool:
    """Whether a token ends where its text ends; a block scalar's ends at the next line."""
    return getattr(token, "style", None) not in ("|", ">")


@check("mapping", _INDENTATION)
def indentation(leaf: LeafFile) -> Iterator[Finding]:
    """Values on lines of their own that are indented by another number than the first one in the file.

    A list may stand right below its key, if all do.
    """
    if leaf.root is None or leaf.version <= 1 or leaf.broken:
        return
    spaces: int | None = None
    lists_indented: bool | None = None
    for key, value in _on_own_lines(leaf):
        step = _column(leaf, value) - _column(leaf, key)
        if value.kind == "sequence" and value.style is None:
            lists_indented = step > 0 if lists_indented is None else lists_indented
            if not lists_indented:
                yield from _indented_by(leaf, value, step, 0)
                continue
        spaces = step if spaces is None else spaces
        yield from _indented_by(leaf, value, step, spaces)


def _indented_by(leaf: LeafFile, value: Node, step: int, wanted: int) -> Iterator[Finding]:
    if step != wanted:
        edits = shift(leaf.source, value, wanted - step)
        fix = Fix(f"indent it by {wanted}", edits) if edits else None
        message = f"indented by {step}, but by {wanted} elsewhere in this file"
        yield _INDENTATION.at(leaf, leaf.source.line_span(value.start), message, fix=fix)


def _on_own_lines(leaf: LeafFile) -> Iterator[tuple[Node, Node]]:
    """Keys of block mappings with their values, where the value begins on a later line; in the file's order."""
    for node in leaf.nodes:
        if node.kind == "mapping" and node.style is None:
            for key, value in node.entries:
                if value.start < value.end and leaf.source.text.find("\n", key.end, value.start) >= 0:
                    yield key, value


def _column(leaf: LeafFile, node: Node) -> int:
    return leaf.source.position(node.start)[1]
