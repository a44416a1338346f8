"""One leaf file as the rules see it: bytes, text, tree, and the version that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from validators.limits import LIMITS
from validators.model import SchemaMode, Span
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, Branch, beside, branch_of, is_leaf_like
from validators.source import Source
from validators.yamlhelp import Problem
from validators.yamltree import Node, YamlError, parse

NEWEST = 3
"""The newest version of the contract."""


@dataclass(frozen=True, slots=True)
class LeafFile:
    """What could be read of one file. `problem` says why `root` is missing, where the file cannot be read."""

    path: str
    files: Mapping[str, bytes]
    source: Source
    root: Node | None
    problem: Problem | None
    version: int
    """The version that the file is judged by; not always a known one."""

    @property
    def mapping(self) -> Node | None:
        """The root, where it is a mapping with something in it."""
        return self.root if self.root and self.root.kind == "mapping" and self.root.entries else None

    @property
    def branch(self) -> Branch | None:
        """The taxonomy tree that the path lies in."""
        return branch_of(self.path)

    @property
    def schema_name(self) -> str:
        """`knowledge` or `compositional_skills`: by path, else by whether there is a `document`."""
        if self.branch in ("knowledge", "compositional_skills"):
            return str(self.branch)
        return "knowledge" if self.root and self.root.get("document") else "compositional_skills"

    @property
    def attribution(self) -> bytes:
        """The sibling `attribution.txt`; empty where there is none."""
        return self.files.get(beside(self.path, ATTRIBUTION_FILE), b"")

    def seeds(self) -> list[Node]:
        """The entries of `seed_examples` that are mappings."""
        seeds = self.mapping.get("seed_examples") if self.mapping else None
        return [item for item in seeds.items if item.kind == "mapping"] if seeds else []

    def span(self, node: Node) -> Span:
        """The place of a node."""
        return self.source.span(node.start, node.end)

    def top(self) -> Span:
        """The first line that says something; the first line of a file that says nothing."""
        return self.source.line_span(self.root.start if self.root and self.root.value else 0)


def load(path: str, files: Mapping[str, bytes], schema: SchemaMode) -> LeafFile:
    """Read `files[path]` as far as it can be read; never raises for what the bytes hold."""
    data = files[path]
    text, problem = _decode(path, data)
    source, root = Source(text), None
    if problem is None:
        try:
            root = parse(source)
        except YamlError as error:
            problem = error.problem
    version = _version(root, schema, branch_of(path))
    return LeafFile(path, files, source, root, problem, version)


def _decode(path: str, data: bytes) -> tuple[str, Problem | None]:
    """The text, and why there is none."""
    name = PurePosixPath(path).name
    if name != LEAF_FILE and not is_leaf_like(path):
        return "", _misnamed(name)
    if len(data) > LIMITS.file_bytes:
        message = f"the file has more than {LIMITS.file_bytes // 1024} KiB and was not read"
        remedy = "Split the leaf, or put long texts into the document."
        return "", Problem("file-too-large", message, remedy, 0, 0)
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        message = f"byte 0x{data[error.start]:02X} is not valid UTF-8"
        return before, Problem("encoding", message, "Save the file as UTF-8.", len(before), len(before))
    return text, _misnamed(name) if name != LEAF_FILE else None


def _misnamed(name: str) -> Problem:
    message = f"a leaf's file is named {LEAF_FILE}, not {name[:80]!r}"
    return Problem("file-name", message, f"Rename it to {LEAF_FILE}, or move it out of the taxonomy.", 0, 0)


def _version(root: Node | None, schema: SchemaMode, branch: Branch | None) -> int:
    """The version to judge by. What cannot be read as a number counts as 1, as in the reference."""
    if isinstance(schema, int):
        return schema
    if schema == "newest" and branch != "foundational_skills":
        return NEWEST
    declared: Any = root.value.get("version", 1) if root and root.kind == "mapping" else 1
    try:
        return int(declared)
    except (TypeError, ValueError, OverflowError):
        return 1
