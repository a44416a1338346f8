"""What git knows of a change beside contents: kinds of files, other files, names that collide."""

from __future__ import annotations

from collections.abc import Iterator

from validators.examples import ATTRIBUTION, SKILL, SKILL_PATH, Example
from validators.model import Change, Finding, Fix, Span
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE, beside, is_judged, is_leaf_like
from validators.registry import ChangeView, check, declare

_GROUPS = ("default", "tree")
_SAFE = ("default", "tree", "safety")
_LEAF = {SKILL_PATH: SKILL, beside(SKILL_PATH, ATTRIBUTION_FILE): ATTRIBUTION}
_BESIDE = beside(SKILL_PATH, ATTRIBUTION_FILE)
_PLAIN, _EXECUTABLE, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_WELCOME = frozenset((LEAF_FILE, ATTRIBUTION_FILE, ".gitignore", ".gitkeep", "README.md"))

_SYMLINK = declare(
    "symlink",
    "error",
    "No file of the taxonomy is a symbolic link.",
    *_SAFE,
    reason="A link shows what lies elsewhere, possibly outside the repository; it is never followed, so the leaf is "
    "missing.",
    example=Example(bad_change=Change(modes={SKILL_PATH: _LINK}), good_change=Change(modes={SKILL_PATH: _PLAIN})),
)
_MODULE = declare(
    "submodule",
    "error",
    "The taxonomy holds no git submodules.",
    *_SAFE,
    reason="A submodule is another repository, whose content nobody here reviewed; it is never fetched.",
    example=Example(bad_change=Change(modes={"knowledge/geography/atlas": _SUBMODULE})),
)
_BIT = declare(
    "executable-bit",
    "warning",
    "No file of the taxonomy is executable.",
    *_SAFE,
    reason="Nothing in a taxonomy is run. The bit usually comes from a file that was copied on another system.",
    example=Example(bad_change=Change(modes={SKILL_PATH: _EXECUTABLE}), good_change=Change(modes={SKILL_PATH: _PLAIN})),
)
_STRAY = declare(
    "stray-file",
    "warning",
    f"A leaf's folder holds {LEAF_FILE} and {ATTRIBUTION_FILE}.",
    *_GROUPS,
    reason="Other files are read by nobody. Documents belong in a repository of their own, to which `document` points.",
    example=Example(bad={**_LEAF, beside(SKILL_PATH, "source.docx"): "text"}, good=_LEAF),
)
_NAME = declare(
    "attribution-name",
    "warning",
    f"The attribution is named {ATTRIBUTION_FILE}.",
    *_GROUPS,
    "attribution",
    reason="Programs look for this name alone; under another one the leaf counts as having no attribution.",
    example=Example(bad={SKILL_PATH: SKILL, beside(SKILL_PATH, "Attribution.md"): ATTRIBUTION}, good=_LEAF),
    fixes=True,
)
_NO_LEAF = declare(
    "missing-leaf",
    "warning",
    f"Beside every {ATTRIBUTION_FILE} lies a {LEAF_FILE}.",
    *_GROUPS,
    reason="An attribution alone teaches nothing; its leaf was forgotten, or deleted without it.",
    example=Example(
        bad={_BESIDE: ATTRIBUTION},
        good=_LEAF,
        bad_change=Change(tree=frozenset((_BESIDE,))),
        good_change=Change(tree=frozenset(_LEAF)),
    ),
)
_CASE = declare(
    "path-case",
    "warning",
    "No two paths differ in capitals alone.",
    *_GROUPS,
    reason="On Windows and macOS such files or folders are one and the same, and one of them disappears.",
    example=Example(bad_change=Change(tree=frozenset(("compositional_skills/Writing/verse/qna.yaml",)))),
)


@check("change", _SYMLINK, _MODULE, _BIT)
def modes(view: ChangeView) -> Iterator[Finding]:
    """Entries of the trees that are no plain files."""
    for path, mode in sorted(view.change.modes.items()):
        if not (_in_trees(path) or is_leaf_like(path)):
            continue
        if mode == _LINK:
            remedy = "Delete the link, and put the file itself in its place."
            yield _SYMLINK.on(path, Span(), "this is a symbolic link; it was not read", remedy)
        elif mode == _SUBMODULE:
            remedy = f'Take it out: `git rm --cached "{path}"`. To point to a document, use `document` in a leaf.'
            yield _MODULE.on(path, Span(), "this is a git submodule; it was not read", remedy)
        elif mode == _EXECUTABLE:
            remedy = f'Take the bit away: `git update-index --chmod=-x "{path}"`, then commit.'
            yield _BIT.on(path, Span(), "the file is marked as a program", remedy)


@check("change", _STRAY, _NAME)
def strays(view: ChangeView) -> Iterator[Finding]:
    """Changed files that are no part of a leaf, and attributions under another name."""
    present = view.tree()
    for path in view.changed:
        folder, _, name = path.rpartition("/")
        if name in _WELCOME or not _in_trees(path) or is_judged(path) or path not in present:
            continue
        if view.change.modes.get(path) in (_LINK, _SUBMODULE):
            continue
        wanted = f"{folder}/{ATTRIBUTION_FILE}"
        if "ttribut" in name.casefold() and wanted not in present:
            fix = Fix(f"rename it to {ATTRIBUTION_FILE}", rename=wanted)
            message = f"the attribution is named {ATTRIBUTION_FILE}, not {name[:80]!r}"
            yield _NAME.on(path, Span(), message, f'Rename it: `git mv "{path}" "{wanted}"`.', fix=fix)
        else:
            remedy = "Delete it. A document goes into a public repository of its own, which `document` in a leaf names."
            yield _STRAY.on(path, Span(), f"{name[:80]!r} is no part of a leaf, and nothing reads it", remedy)


@check("change", _NO_LEAF)
def missing_leaf(view: ChangeView) -> Iterator[Finding]:
    """Attributions that stand alone; said only where all paths are known."""
    if not view.change.tree:
        return
    names = (ATTRIBUTION_FILE, LEAF_FILE)
    folders = {path.rpartition("/")[0] for path in view.changed if path.endswith(names) and _in_trees(path)}
    present = view.tree()
    alone = {f for f in folders if f"{f}/{ATTRIBUTION_FILE}" in present and f"{f}/{LEAF_FILE}" not in present}
    if alone:
        alone -= {path.rpartition("/")[0] for path in present if is_leaf_like(path)}
    for folder in sorted(alone):
        message = f"no {LEAF_FILE} lies beside this {ATTRIBUTION_FILE}"
        remedy = f"Add the leaf's {LEAF_FILE} to {folder}, or delete {ATTRIBUTION_FILE}."
        yield _NO_LEAF.on(f"{folder}/{ATTRIBUTION_FILE}", Span(), message, remedy)


@check("change", _CASE)
def path_case(view: ChangeView) -> Iterator[Finding]:
    """Changed files and folders whose names exist already in other letters."""
    present = view.tree()
    if all(path == path.casefold() for path in present):
        return
    spelled: dict[str, set[str]] = {}
    for piece in {piece for path in present if _in_trees(path) for piece in _pieces(path)}:
        spelled.setdefault(piece.casefold(), set()).add(piece)
    told: set[str] = set()
    for path in view.changed:
        pieces = _pieces(path) if path in present and _in_trees(path) else iter(())
        piece = next((piece for piece in pieces if len(spelled[piece.casefold()]) > 1), "")
        if piece and piece.casefold() not in told:
            told.add(piece.casefold())
            other = min(spelled[piece.casefold()] - {piece})
            message = f"{piece[-100:]} and {other[-100:]} differ in capitals alone"
            yield _CASE.on(path, Span(), message, "Give one of them another name, in small letters.")


def _pieces(path: str) -> Iterator[str]:
    """A path and the folders above it, from the topmost."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
    yield path


def _in_trees(path: str) -> bool:
    """Whether a path lies in a tree of the taxonomy, or takes the place of one."""
    return path.partition("/")[0].casefold() in BRANCHES
