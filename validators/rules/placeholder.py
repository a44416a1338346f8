"""Placeholders that nobody has filled in: those of `seedbed new` and `seedbed migrate`, and `<your text here>`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.content.placeholders import LOGIN, MARK, spans
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare
from validators.source import Source
from validators.yamltree import Node

_PLACEHOLDER = declare(
    "placeholder-left",
    "error",
    "Every placeholder is filled in.",
    "default",
    "content",
    reason="`seedbed new` and `seedbed migrate` mark what only you can write. A mark that is left would be taught "
    "to the model as if it were text.",
    example=Example(
        bad='task_description: "TODO: say in one sentence what the model should do"\n',
        good="task_description: Invent names for boats and say in a few words why they fit.\n",
    ),
)
_ANGLED = re.compile(r"<[^<>\n]{3,80}>")
_LOGIN = re.compile(rf"\b{LOGIN}\b")


@check("mapping", _PLACEHOLDER)
def placeholder(leaf: LeafFile) -> Iterator[Finding]:
    """Placeholders in the values of the leaf, and in its attribution."""
    text = leaf.source.text
    for start, end in spans(text):
        if not _in_comment(text, start):
            yield _found(leaf, leaf.source, start, end)
    for node in _short_values(leaf):
        if node.text == LOGIN:
            yield _PLACEHOLDER.at(leaf, leaf.span(node), f"{LOGIN} is a placeholder", "Write your GitHub login.")
        elif _ANGLED.fullmatch(node.text):
            message = f"{node.text} is a placeholder"
            yield _PLACEHOLDER.at(leaf, leaf.span(node), message, "Write the value itself, without < and >.")
    if MARK.encode() in leaf.attribution or LOGIN.encode() in leaf.attribution:
        yield from _in_attribution(leaf)


def _in_comment(text: str, index: int) -> bool:
    return text[text.rfind("\n", 0, index) + 1 : index].lstrip().startswith("#")


def _short_values(leaf: LeafFile) -> Iterator[Node]:
    """The values for which templates have had placeholders of their own."""
    root = leaf.mapping
    document = root.get("document") if root else None
    patterns = document.get("patterns") if document else None
    named = [root.get("created_by") if root else None]
    if document:
        named += [document.get("repo"), document.get("commit")]
    yield from (node for node in (*named, *(patterns.items if patterns else ())) if node and node.kind == "scalar")


def _in_attribution(leaf: LeafFile) -> Iterator[Finding]:
    text = leaf.attribution[: leaf.config.limits.file_bytes].decode("utf-8", "replace").removeprefix("\ufeff")
    source = Source(text)
    for start, end in spans(text):
        yield _found(leaf, source, start, end, leaf.attribution_path)
    for match in _LOGIN.finditer(text):
        span = source.span(*match.span())
        remedy = "Write your GitHub login or your name."
        yield _PLACEHOLDER.at(leaf, span, f"{LOGIN} is a placeholder", remedy, path=leaf.attribution_path)


def _found(leaf: LeafFile, source: Source, start: int, end: int, path: str = "") -> Finding:
    """The placeholder's own words are the order that mends it."""
    order = source.text[start + len(MARK) : end]
    remedy = f"{order[0].upper()}{order[1:]}."
    return _PLACEHOLDER.at(leaf, source.span(start, end), "a placeholder is left here", remedy, path=path)
