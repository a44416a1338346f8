"""Where a leaf lies: in which tree, how deep, under which names, and whether its form fits the place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Change, Commit, Finding
from validators.paths import BRANCHES, LEAF_FILE, branch_of, is_leaf_like, within_branch
from validators.registry import ChangeView, check, declare

_GROUPS = ("default", "tree")
_ELSEWHERE = ("docs", "doc", "examples", "templates", "tests")
"""Folders at the root in which a leaf is an example."""
_PLACES = (
    "`knowledge/<field>/<topic>` for facts from a document, `compositional_skills/<field>/<skill>` for a skill, "
    "`compositional_skills/grounded/<field>/<skill>` for a skill that works on a given text"
)

_NAME = declare(
    "path-name",
    "warning",
    "Folders are named with a-z, 0-9 and _.",
    *_GROUPS,
    reason="The path of a leaf is part of prompts, file names and selections; spaces, capitals and other signs break "
    "some of them, and some names cannot exist on Windows at all.",
    example=Example(
        bad_path="compositional_skills/writing/Ship Names/qna.yaml",
        good_path="compositional_skills/writing/ship_names/qna.yaml",
    ),
)
_OUTSIDE = declare(
    "leaf-outside-tree",
    "warning",
    "A leaf lies in one of the taxonomy's trees.",
    *_GROUPS,
    reason="Only leaves under knowledge, compositional_skills and foundational_skills are read; the model would never "
    "learn from this one.",
    example=Example(bad_path="skills/writing/ship_names/qna.yaml"),
)
_AT_ROOT = declare(
    "leaf-at-branch-root",
    "warning",
    "A leaf has a folder of its own, in a field.",
    *_GROUPS,
    reason="A folder such as knowledge or compositional_skills/grounded holds many fields; a leaf there would stand "
    "for all of them.",
    example=Example(
        bad_path="compositional_skills/qna.yaml", good_path="compositional_skills/writing/ship_names/qna.yaml"
    ),
)
_IN_FIELD = declare(
    "leaf-in-field-folder",
    "hint",
    "A leaf lies below the folder of its field.",
    *_GROUPS,
    reason="A field such as science or writing holds many leaves; one that lies in the field's own folder keeps others "
    "from being put beside it.",
    example=Example(
        bad_path="compositional_skills/ship_names/qna.yaml",
        good_path="compositional_skills/writing/ship_names/qna.yaml",
    ),
)
_UNDER_LEAF = declare(
    "leaf-under-leaf",
    "warning",
    "No leaf lies below another leaf.",
    *_GROUPS,
    reason="One folder is one topic. Where leaves lie in each other, nobody can select, replace or remove one alone.",
    example=Example(
        bad_change=Change(tree=frozenset(("compositional_skills/writing/qna.yaml",))),
        good_change=Change(tree=frozenset(("compositional_skills/writing/boats/qna.yaml",))),
    ),
)
_CLOSED = declare(
    "foundational-closed",
    "warning",
    "New leaves go into knowledge or compositional_skills.",
    *_GROUPS,
    reason="foundational_skills holds what the maintainers themselves add: mathematics, coding, reasoning.",
    example=Example(
        bad_path="foundational_skills/reasoning/riddles/qna.yaml",
        bad_change=Change(commits=(Commit("1f" * 20, "Ada", "a@b.org", "Add\n\nSigned-off-by: Ada <a@b.org>"),)),
    ),
)
_FOLDER = re.compile(r"[a-z0-9_]+")
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_WINDOWS = frozenset(("con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))))


@check("file", _NAME, _OUTSIDE, _AT_ROOT, _IN_FIELD)
def place(leaf: LeafFile) -> Iterator[Finding]:
    """What the path alone says."""
    folders = leaf.path.split("/")[:-1]
    if not folders or folders[0] not in BRANCHES:
        if is_leaf_like(leaf.path) and not (folders and (folders[0] in _ELSEWHERE or folders[0].startswith("."))):
            yield _outside(leaf, folders)
        return
    inside = within_branch(leaf.path)
    wrong = [name for name in folders if not _FOLDER.fullmatch(name) or name in _WINDOWS]
    if wrong:
        yield _named(leaf, folders, wrong)
    if is_leaf_like(leaf.path) and leaf.branch != "foundational_skills":
        yield from _depth(leaf, [name for name in inside if name != "grounded"])


def _outside(leaf: LeafFile, folders: list[str]) -> Finding:
    message = "this leaf lies in none of the taxonomy's trees, so nothing learns from it"
    nested = [at for at, name in enumerate(folders) if name in BRANCHES]
    if nested:
        above = "/".join(folders[: nested[0]])[:60]
        message = f"the folder {folders[nested[0]]} stands inside {above}, not at the root"
    return _OUTSIDE.at(leaf, leaf.top(), message, f"Move the leaf's folder to {_PLACES}.")


def _named(leaf: LeafFile, folders: list[str], wrong: list[str]) -> Finding:
    """Folders whose names do not fit, and the path as it should be."""
    names = " and ".join(repr(name[:60]) for name in wrong[:4])
    has = "the folder name {} has" if len(wrong) == 1 else "the folder names {} have"
    message = f"{has.format(names)} characters other than a-z, 0-9 and _"
    if wrong[0] in _WINDOWS:
        message = f"no folder can be named {wrong[0]!r} on Windows"
    better = [proper_name(name) if name in wrong else name for name in folders]
    remedy = f"Rename it, so that the leaf lies in {'/'.join(better)}." if all(better) else "Use _ between words."
    return _NAME.at(leaf, leaf.top(), message, remedy)


def proper_name(folder: str) -> str:
    """A folder's name as it should be, "" where nothing of it can stay: "Crème brûlée" → "creme_brulee"."""
    import unicodedata  # only where something is wrong

    plain = unicodedata.normalize("NFKD", folder[:200].replace("&", " and ").replace("+", " plus "))
    plain = "".join(character for character in plain if not unicodedata.combining(character)).casefold()
    name = _NOT_NAME.sub("_", plain).strip("_")
    return f"{name}_" if name in _WINDOWS else name


def _depth(leaf: LeafFile, inside: list[str]) -> Iterator[Finding]:
    if not inside:
        message = f"this leaf lies directly in {leaf.path.rpartition('/')[0]}"
        yield _AT_ROOT.at(leaf, leaf.top(), message, f"Move it into a folder of its own: {_PLACES}.")
    elif len(inside) == 1:
        message = f"this leaf lies directly in the folder of a field, {inside[0][:60]}"
        yield _IN_FIELD.at(leaf, leaf.top(), message, "Move it one folder deeper, named after its topic.")


@check("change", _UNDER_LEAF)
def leaf_under_leaf(view: ChangeView) -> Iterator[Finding]:
    """Judged leaves that have another leaf above or below them."""
    ours = [path for path in view.judged if branch_of(path) and path.endswith(f"/{LEAF_FILE}")]
    if not ours:
        return
    folders = {path.rpartition("/")[0] for path in view.tree() if path.endswith(f"/{LEAF_FILE}")}
    below: dict[str, str] = {}
    for folder in sorted(folders):
        for above in _above(folder):
            below.setdefault(above, folder)
    for path in ours:
        folder = path.rpartition("/")[0]
        upper = next((above for above in _above(folder) if above in folders), "")
        lower = below.get(folder, "")
        if upper:
            message = f"this leaf lies below another one, {upper[-100:]}"
            remedy = "Move one of them, so that both lie side by side."
            yield _UNDER_LEAF.on(path, view.leaf(path).top(), message, remedy)
        elif lower:
            message = f"another leaf lies below this one, {lower[-100:]}"
            remedy = "Move this one into a folder named after its topic."
            yield _UNDER_LEAF.on(path, view.leaf(path).top(), message, remedy)


def _above(folder: str) -> Iterator[str]:
    """The folders that hold a folder, from the nearest."""
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield folder


@check("change", _CLOSED)
def foundational_closed(view: ChangeView) -> Iterator[Finding]:
    """Leaves that somebody proposes for foundational_skills; the ones that are there are fine."""
    if not (view.change.commits or view.config.author):
        return
    for path in view.judged:
        if path.startswith("foundational_skills/"):
            message = "foundational_skills is open to maintainers alone"
            yield _CLOSED.on(path, view.leaf(path).top(), message, f"Move the leaf's folder to {_PLACES}.")
