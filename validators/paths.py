"""What a path says: which tree a leaf is in, and whether the linter judges the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

LEAF_FILE = "qna.yaml"
ATTRIBUTION_FILE = "attribution.txt"
CONFIG_FILE = ".seedbed.yaml"
"""The linter's configuration, at the root of the taxonomy."""
Branch = Literal["knowledge", "compositional_skills", "foundational_skills"]
BRANCHES: tuple[Branch, ...] = ("knowledge", "compositional_skills", "foundational_skills")


def branch_of(path: str) -> Branch | None:
    """The taxonomy tree that `path` lies in: its last folder with a tree's name, as the reference looks it up."""
    for part in reversed(path.split("/")[:-1]):
        for branch in BRANCHES:
            if part == branch:
                return branch
    return None


def leaf_path(folders: Sequence[str]) -> str | None:
    """The path of a leaf in its taxonomy, by the folders down to its own; None where none of them is a tree."""
    roots = [index for index, folder in enumerate(folders) if folder in BRANCHES]
    return "/".join(folders[roots[-1] :]) if roots else None


def within_branch(path: str) -> tuple[str, ...]:
    """The folders between the tree's root and the file; all folders where the path has no tree."""
    folders = path.split("/")[:-1]
    for index in range(len(folders) - 1, -1, -1):
        if folders[index] in BRANCHES:
            return tuple(folders[index + 1 :])
    return tuple(folders)


def is_leaf_like(path: str) -> bool:
    """Whether the name is `qna.yaml` or a slip of it (`qna.yml`, `QNA.yaml`, `qna.yamil`)."""
    name = path.rpartition("/")[2].lower()
    return name.startswith("qna.") or name == "qna"


def is_judged(path: str) -> bool:
    """Whether the linter has something to say: leaf files anywhere, and other YAML inside a taxonomy tree."""
    if is_leaf_like(path):
        return True
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(stem) and suffix.lower() in ("yaml", "yml") and branch_of(path) is not None


def beside(path: str, name: str) -> str:
    """The path of `name` in the folder of `path`."""
    folder, slash, _ = path.rpartition("/")
    return folder + slash + name


def name_of(path: str) -> str:
    """The file's own name."""
    return path.rpartition("/")[2]
