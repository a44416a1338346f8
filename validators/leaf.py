"""A leaf as data: what the pipeline makes samples from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from validators.engine import judge
from validators.leaffile import LeafFile
from validators.model import Finding, LintConfig, Span
from validators.yamltree import Node

Kind = Literal["knowledge", "grounded", "freeform"]
# What keeps a leaf from being used: the contract, not spaces at line ends.
_CONTRACT = LintConfig(select=("compat",), ignore=("whitespace",), schema="declared")


class LeafError(Exception):
    """A leaf that breaks its contract; `findings` are the errors."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = findings[0]
        super().__init__(f"{first.path}:{first.line}:{first.column}: {first.message}")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class QA:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Seed:
    """One seed example. `index` counts from 0 in the file; `context` is "" where there is none."""

    index: int
    context: str
    pairs: tuple[QA, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """Where a knowledge leaf's document lies: git URL, commit, and patterns of file names."""

    repo: str
    commit: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf. Texts are without line breaks at their ends; `path` is its folder, POSIX.

    `task_description` is "" for knowledge, `domain`, `document_outline` and `document` are empty for skills.
    """

    path: str
    kind: Kind
    version: int
    created_by: str
    task_description: str
    domain: str
    document_outline: str
    document: DocumentRef | None
    seeds: tuple[Seed, ...]
    attribution: str


def parse_leaf(path: str, files: Mapping[str, bytes]) -> Leaf:
    """The leaf in `files[path]`, by the version that it declares. Raises LeafError, and KeyError for no such file.

    `foundational_skills` read as compositional skills; white space that only the reference's CI minds is no error here.
    """
    file, findings = judge(path, files, _CONTRACT)
    errors = tuple(finding for finding in findings if finding.level == "error")
    root = file.mapping
    if root is None and not errors:
        message = "the file is empty"
        errors = (Finding("empty-file", "error", path, 1, 1, 1, 1, message, "Fill it in, or delete it."),)
    if errors or root is None:
        raise LeafError(errors)
    return _leaf(file, root)


def _leaf(file: LeafFile, root: Node) -> Leaf:
    seeds = tuple(_seed(file, index, node) for index, node in enumerate(file.seeds()))
    if file.schema_name == "knowledge":
        kind: Kind = "knowledge"
    else:
        kind = "grounded" if all(seed.context for seed in seeds) else "freeform"
    return Leaf(
        path=str(PurePosixPath(file.path).parent),
        kind=kind,
        version=file.version,
        created_by=_text(root, "created_by"),
        task_description=_text(root, "task_description"),
        domain=_text(root, "domain"),
        document_outline=_text(root, "document_outline"),
        document=_document(root.get("document")),
        seeds=seeds,
        attribution=file.attribution.decode("utf-8", "replace").removeprefix("\ufeff"),
    )


def _seed(file: LeafFile, index: int, node: Node) -> Seed:
    pairs = node.get("questions_and_answers")
    answered = pairs.items if pairs else [node]
    qas = tuple(QA(_text(pair, "question"), _text(pair, "answer")) for pair in answered)
    return Seed(index, _text(node, "context"), qas, file.span(node))


def _document(node: Node | None) -> DocumentRef | None:
    if node is None:
        return None
    patterns = node.get("patterns")
    names = tuple(str(item.value) for item in patterns.items) if patterns else ()
    return DocumentRef(_text(node, "repo"), _text(node, "commit"), names)


def _text(node: Node, key: str) -> str:
    """The text under a key, "" where it is missing; block scalars end in a line break that is no part of it."""
    found = node.get(key)
    return str(found.value).lstrip("\n").rstrip() if found else ""
