"""One leaf file as the rules see it: bytes, text, tree, and the version that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from validators.model import Change, LintConfig, SchemaMode, Span
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, Branch, beside, branch_of, is_leaf_like, name_of
from validators.source import Source
from validators.yamlhelp import Problem
from validators.yamltree import Node, YamlError, parse

_NO_CHANGE = Change()
NEWEST = 3
"""The newest version of the contract."""


@dataclass(frozen=True, slots=True)
class LeafFile:
    """What could be read of one file. `problems` say what is wrong with the file as a file and as YAML.

    Where the YAML is broken, `root` is what was understood of it all the same, with places in the text as it is;
    None where nothing was.
    """

    path: str
    files: Mapping[str, bytes]
    source: Source
    root: Node | None
    problems: tuple[Problem, ...]
    nodes: tuple[Node, ...]
    """Every value of the tree (no keys), in the file's order."""
    version: int
    """The version that the file is judged by; not always a known one."""
    branch: Branch | None
    """The taxonomy tree that the path lies in."""
    config: LintConfig
    change: Change

    @property
    def broken(self) -> bool:
        """Whether the YAML cannot be read as it stands."""
        return any(problem.rule != "file-name" for problem in self.problems)

    @property
    def mapping(self) -> Node | None:
        """The root, where it is a mapping with something in it."""
        return self.root if self.root and self.root.kind == "mapping" and self.root.entries else None

    @property
    def schema_name(self) -> str:
        """`knowledge` or `compositional_skills`: by path, else by whether there is a `document`."""
        if self.branch in ("knowledge", "compositional_skills"):
            return str(self.branch)
        return "knowledge" if self.root and self.root.get("document") else "compositional_skills"

    @property
    def attribution_path(self) -> str:
        """Where the leaf's `attribution.txt` must lie."""
        return beside(self.path, ATTRIBUTION_FILE)

    @property
    def attribution(self) -> bytes:
        """The sibling `attribution.txt`; empty where there is none."""
        return self.files.get(self.attribution_path, b"")

    def seeds(self) -> list[Node]:
        """The entries of `seed_examples` that are mappings."""
        seeds = self.mapping.get("seed_examples") if self.mapping else None
        return [item for item in seeds.items if item.kind == "mapping"] if seeds else []

    def span(self, node: Node) -> Span:
        """The place of a node; the line where it should stand, if a broken file lacks it."""
        if node.start == node.end:
            return self.source.line_span(node.start)
        return self.source.span(node.start, node.end)

    def top(self) -> Span:
        """The first line that says something; the first line of a file that says nothing."""
        return self.source.line_span(self.root.start if self.root and self.root.value else 0)


def load(path: str, files: Mapping[str, bytes], config: LintConfig, change: Change = _NO_CHANGE) -> LeafFile:
    """Read `files[path]` as far as it can be read; never raises for what the bytes hold."""
    name = name_of(path)
    text, problem = _decode(files[path], config)
    source, root = Source(text), None
    problems: tuple[Problem, ...] = (problem,) if problem else ()
    if name != LEAF_FILE and not (is_leaf_like(path) or "seed_examples" in text):
        problems = ()  # some other YAML file: only its name is judged
    elif problem is None:
        root, problems = _tree(source, config)
    if name != LEAF_FILE:
        problems = (_misnamed(name), *problems)
    branch = branch_of(path)
    version = _version(root, config.schema, branch)
    nodes = tuple(root.walk()) if root else ()
    return LeafFile(path, files, source, root, problems, nodes, version, branch, config, change)


def _tree(source: Source, config: LintConfig) -> tuple[Node | None, tuple[Problem, ...]]:
    """The tree; where the text is no YAML, what can be made of it and every reason why it is none."""
    try:
        return parse(source, config.limits), ()
    except YamlError:
        from validators.recovery import recover  # not needed for the files that most people write

        recovered = recover(source, config.limits)
        return recovered.root, recovered.problems


def _decode(data: bytes, config: LintConfig) -> tuple[str, Problem | None]:
    """The text, and why there is none."""
    if len(data) > config.limits.file_bytes:
        message = f"the file has more than {config.limits.file_bytes // 1024} KiB and was not read"
        remedy = "Split the leaf, or put long texts into the document."
        return "", Problem("file-too-large", message, remedy, 0, 0)
    try:
        return data.decode("utf-8").removeprefix("\ufeff"), None
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        message = f"byte 0x{data[error.start]:02X} is not valid UTF-8"
        return before, Problem("encoding", message, "Save the file as UTF-8.", len(before), len(before))


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
