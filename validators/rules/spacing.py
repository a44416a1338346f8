"""Spaces between tokens, and indentation, as yamllint's relaxed configuration judges them: warnings only."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import yaml

from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare
from validators.yamltree import Node

_GROUPS = ("compat", "whitespace")
_COLONS = declare("colons", "warning", "No space before a colon, one after it.", *_GROUPS)
_COMMAS = declare("commas", "warning", "No space before a comma, one after it.", *_GROUPS)
_HYPHENS = declare("hyphens", "warning", "One space after a list's hyphen.", *_GROUPS)
_BRACES = declare("braces", "warning", "At most one space inside { }.", *_GROUPS)
_BRACKETS = declare("brackets", "warning", "At most one space inside [ ].", *_GROUPS)
_INDENTATION = declare("indentation", "warning", "Every level is indented by the same number.", *_GROUPS)

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


@check("mapping", _COLONS, _COMMAS, _HYPHENS, _BRACES, _BRACKETS)
def token_spaces(leaf: LeafFile) -> Iterator[Finding]:
    """Tokens with too many or too few spaces beside them."""
    if leaf.version <= 1:
        return
    tokens = [
        token
        for token in yaml.scan(leaf.source.text, Loader=_LOADER)
        if not isinstance(token, (yaml.BlockEndToken, yaml.KeyToken, yaml.BlockMappingStartToken))
    ]
    for left, right in pairwise(tokens):
        yield from _between(leaf, left, right)


def _between(leaf: LeafFile, left: Any, right: Any) -> Iterator[Finding]:
    """What the gap between two neighbours breaks."""
    start, end = left.end_mark.index, right.start_mark.index
    gap = leaf.source.text[start:end]
    if end <= start - 1 or gap.strip(" "):
        return
    for kind, rule, name, before, (least, most) in _ALLOWED:
        if isinstance(right, kind) and before is not None and len(gap) > before and _inline(left):
            yield rule.at(leaf, leaf.source.span(start, end), f"too many spaces before the {name}", fix="delete them")
        if isinstance(left, kind) and most is not None and len(gap) > most:
            yield rule.at(leaf, leaf.source.span(start, end), f"too many spaces after the {name}", fix="leave one")
        if isinstance(left, kind) and len(gap) < least:
            yield rule.at(leaf, leaf.source.span(start, end), f"no space after the {name}", fix="add one")


def _inline(token: Any) -> bool:
    """Whether a token ends where its text ends; a block scalar's ends at the next line."""
    return getattr(token, "style", None) not in ("|", ">")


@check("mapping", _INDENTATION)
def indentation(leaf: LeafFile) -> Iterator[Finding]:
    """Block collections that are indented by another number than the first one in the file."""
    if leaf.root is None or leaf.version <= 1:
        return
    usual: dict[str, int] = {}
    for node in leaf.root.walk():
        for child, what in _block_children(leaf, node):
            step = _column(leaf, child) - _column(leaf, node)
            wanted = usual.setdefault(what, step)
            if step != wanted:
                message = f"indented by {step}, but by {wanted} elsewhere in this file"
                yield _INDENTATION.at(leaf, leaf.source.line_span(child.start), message)


def _block_children(leaf: LeafFile, node: Node) -> Iterator[tuple[Node, str]]:
    """Block collections below a block mapping that begin on a line of their own."""
    if node.kind != "mapping" or node.style is not None:
        return
    for key, value in node.entries:
        own_line = leaf.source.position(key.start)[0] < leaf.source.position(value.start)[0]
        if value.kind != "scalar" and value.style is None and own_line:
            yield value, value.kind


def _column(leaf: LeafFile, node: Node) -> int:
    return leaf.source.position(node.start)[1]
