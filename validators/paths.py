"""What a path says: which tree a leaf is in, and whether the linter judges the file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

LEAF_FILE = "qna.yaml"
ATTRIBUTION_FILE = "attribution.txt"
Branch = Literal["knowledge", "compositional_skills", "foundational_skills"]
BRANCHES: tuple[Branch, ...] = ("knowledge", "compositional_skills", "foundational_skills")


def branch_of(path: str) -> Branch | None:
    """The taxonomy tree that `path` lies in: its last folder with a tree's name, as the reference looks it up."""
    for part in reversed(PurePosixPath(path).parts[:-1]):
        for branch in BRANCHES:
            if part == branch:
                return branch
    return None


def within_branch(path: str) -> tuple[str, ...]:
    """The folders between the tree's root and the file; all folders where the path has no tree."""
    folders = PurePosixPath(path).parts[:-1]
    for index in range(len(folders) - 1, -1, -1):
        if folders[index] in BRANCHES:
            return folders[index + 1 :]
    return folders


def is_leaf_like(path: str) -> bool:
    """Whether the name is `qna.yaml` or a slip of it (`qna.yml`, `QNA.yaml`, `qna.yamil`)."""
    name = PurePosixPath(path).name.lower()
    return name.startswith("qna.") or name == "qna"


def is_judged(path: str) -> bool:
    """Whether the linter has something to say: leaf files anywhere, and other YAML inside a taxonomy tree."""
    if is_leaf_like(path):
        return True
    return branch_of(path) is not None and PurePosixPath(path).suffix.lower() in (".yaml", ".yml")


def beside(path: str, name: str) -> str:
    """The path of `name` in the folder of `path`."""
    return str(PurePosixPath(path).with_name(name))
