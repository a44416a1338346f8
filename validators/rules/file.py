"""Whether the file can be read at all: name, size, encoding, YAML."""

from __future__ import annotations

from collections.abc import Iterator

from validators.leaffile import LeafFile
from validators.model import Finding
from validators.paths import LEAF_FILE
from validators.registry import RULES, check, declare

_GROUPS = ("compat", "file")
_UNREADABLE = (
    declare("file-name", "error", f"A leaf's file is named {LEAF_FILE}.", *_GROUPS),
    declare("file-too-large", "error", "A leaf's file has at most 256 KiB.", *_GROUPS),
    declare("encoding", "error", "A leaf's file is UTF-8.", *_GROUPS),
    declare("yaml-character", "error", "No character that YAML forbids.", *_GROUPS, "yaml"),
    declare("yaml-syntax", "error", "The file is valid YAML.", *_GROUPS, "yaml"),
    declare("yaml-unsafe", "error", "No aliases, tags, deep nesting or second document.", *_GROUPS, "yaml"),
    declare("yaml-value", "error", "Every plain value can be read.", *_GROUPS, "yaml"),
)
_EMPTY = declare("empty-file", "warning", "The file says something (the reference only warns).", "compat", "file")
_EMPTY_LEAF = declare("empty-leaf", "error", "A leaf has content.", "default", "file")
_NOT_MAPPING = declare("not-a-mapping", "error", "The file holds keys and values.", *_GROUPS, "schema")
_DUPLICATE = declare("duplicate-key", "error", "No key stands twice in a mapping.", *_GROUPS, "yaml", "whitespace")


@check("file", *_UNREADABLE)
def unreadable(leaf: LeafFile) -> Iterator[Finding]:
    """The one reason why the file cannot be read."""
    problem = leaf.problem
    if problem is None:
        return
    span = leaf.source.span(problem.start, problem.end)
    fix = f"rename to {LEAF_FILE}" if problem.rule == "file-name" else None
    yield RULES[problem.rule].at(leaf, span, problem.message, problem.help, fix=fix)


@check("file", _EMPTY, _EMPTY_LEAF, _NOT_MAPPING)
def hollow(leaf: LeafFile) -> Iterator[Finding]:
    """Nothing in the file, or something other than keys and values."""
    if leaf.problem:
        return
    if leaf.root is None or not leaf.root.value:
        yield _EMPTY.at(leaf, leaf.top(), "the file is empty")
        yield _EMPTY_LEAF.at(leaf, leaf.top(), "the leaf is empty", "Fill it in, or delete the file.")
    elif leaf.root.kind != "mapping":
        message = "the file does not start with keys and values"
        yield _NOT_MAPPING.at(leaf, leaf.top(), message, "Start with lines such as `version: 3`.")


@check("mapping", _DUPLICATE)
def duplicate_key(leaf: LeafFile) -> Iterator[Finding]:
    """Keys that stand twice: readers silently take the last. The reference does not look at version 1."""
    if leaf.root is None or leaf.version <= 1:
        return
    for node in leaf.root.walk():
        for key, first in node.duplicates():
            line, _ = leaf.source.position(first.start)
            message = f"the key {key.text[:40]!r} stands on line {line} already"
            yield _DUPLICATE.at(leaf, leaf.span(key), message, "Rename or delete one; only the last one counts.")
