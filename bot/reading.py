"""What the linter is told of a pull request, read at the pinned head. Nothing is checked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join

from bot.forge.port import ChangedFile, Forge, Tree, TreeEntry
from validators.limits import LIMITS
from validators.model import Change, Commit, Finding
from validators.paths import ATTRIBUTION_FILE, BRANCHES, CONFIG_FILE, LEAF_FILE, is_judged, is_leaf_like

MAX_FILES = 200  # files of leaves in one pull request; more are for several pull requests


@dataclass(frozen=True, slots=True)
class PullFiles:
    """`files`: path → content at the head. `changed`: what to judge. `problems`: what was not read, as findings.

    `leaves`: folders with a leaf file that is new or changed, or whose attribution is, sorted. `change`: modes of what
    the pull request touches, all paths of the taxonomy, its commits but merges. `lines`: see `ChangedFile`.
    """

    files: dict[str, bytes]
    changed: tuple[str, ...]
    leaves: tuple[str, ...]
    problems: tuple[Finding, ...]
    change: Change = field(default_factory=Change)
    lines: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)


def read_pull(forge: Forge, number: int, head_sha: str) -> PullFiles:
    """Read changed leaf files and their unchanged siblings by the forge's API, each up to a limit: no git at all."""
    touched = forge.changed_files(number)
    tree = forge.tree(head_sha)
    ours = [f for f in touched if concerns_us(f.path)]
    wanted = [f for f in ours if f.sha is not None and f.status != "removed" and _is_plain(tree.entries.get(f.path))]
    files, problems = _read(forge, wanted)
    if len(wanted) > MAX_FILES:
        problems = [_too_many(wanted), *problems]
    siblings = [] if not ours else _missing_siblings(ours, {f.path for f in wanted}, tree)
    if siblings:
        files |= _unchanged(forge, head_sha, siblings, tree)
    judged = {f.path for f in wanted if f.path in files} | {s for s in siblings if s in files and s.endswith(LEAF_FILE)}
    leaves = {dirname(path) for path in judged if join(dirname(path), LEAF_FILE) in files}
    others = {f.path for f in touched if f.status != "removed" and _in_trees(f.path)}
    others |= {f.path for f in touched if f.path == CONFIG_FILE}
    change = Change(
        modes={f.path: tree.entries[f.path].mode for f in touched if f.path in tree.entries},
        tree=frozenset(filter(_in_trees, tree.entries)) if tree.complete else frozenset(others | files.keys()),
        commits=_commits(forge, number),
    )
    lines = {f.path: f.lines for f in ours}
    return PullFiles(files, tuple(sorted(judged | others)), tuple(sorted(leaves)), tuple(problems), change, lines)


def concerns_us(path: str) -> bool:
    """Whether a file is read: a leaf's, YAML where only leaves should be, or the linter's configuration."""
    in_tree = path.split("/")[0] in BRANCHES
    return is_judged(path) or path == CONFIG_FILE or (in_tree and path.rpartition("/")[2] == ATTRIBUTION_FILE)


def _in_trees(path: str) -> bool:
    """Whether a path is one that rules on places and other files look at."""
    return path.partition("/")[0].casefold() in BRANCHES or is_leaf_like(path)


def _is_plain(entry: TreeEntry | None) -> bool:
    """Whether a file is neither link nor submodule; what an incomplete tree does not show is taken for one."""
    return entry is None or entry.mode.startswith("100")


def _read(forge: Forge, wanted: Sequence[ChangedFile]) -> tuple[dict[str, bytes], list[Finding]]:
    files: dict[str, bytes] = {}
    problems: list[Finding] = []
    for file in wanted[:MAX_FILES]:
        content = forge.blob(str(file.sha), limit=LIMITS.file_bytes)
        if content is None:
            problems.append(_too_large(file.path))
        else:
            files[file.path] = content
    return files, problems


def _commits(forge: Forge, number: int) -> tuple[Commit, ...]:
    found = forge.commits(number)
    return tuple(Commit(c.sha, c.author_name, c.author_email, c.message) for c in found if not c.merge)


def _missing_siblings(touched: Sequence[ChangedFile], known: set[str], tree: Tree) -> list[str]:
    """The other half of each touched leaf, where the pull request does not change it and it may be there."""
    gone = {f.path for f in touched if f.status == "removed"}
    gone |= {f.previous for f in touched if f.previous is not None}
    halves = {
        join(dirname(f.path), name)
        for f in touched
        if f.path.rpartition("/")[2] in (LEAF_FILE, ATTRIBUTION_FILE)
        for name in (LEAF_FILE, ATTRIBUTION_FILE)
    }
    missing = halves - known - gone
    return sorted(p for p in missing if _is_plain(tree.entries.get(p)) and (p in tree.entries or not tree.complete))


def _unchanged(forge: Forge, commit: str, paths: Sequence[str], tree: Tree) -> dict[str, bytes]:
    """By their blobs, or by their paths where the forge cut the tree; what is missing or too large is left out."""
    found: dict[str, bytes | None] = {}
    for path in paths[:MAX_FILES]:
        entry, limit = tree.entries.get(path), LIMITS.file_bytes
        found[path] = forge.blob(entry.sha, limit=limit) if entry else forge.file(commit, path, limit=limit)
    return {path: content for path, content in found.items() if content is not None}


def _too_large(path: str) -> Finding:
    return _whole(
        path,
        "file-too-large",
        f"This file is larger than {LIMITS.file_bytes // 1024} KiB, so it was not read.",
        "A leaf needs a few pages of text. Split it into several leaves, or link to the source in `document` "
        "instead of copying it.",
    )


def _too_many(wanted: Sequence[ChangedFile]) -> Finding:
    return _whole(
        wanted[MAX_FILES].path,
        "too-many-files",
        f"This pull request changes {len(wanted)} leaf files; only the first {MAX_FILES} were read.",
        "Open several smaller pull requests: they are also reviewed sooner.",
    )


def _whole(path: str, rule: str, message: str, help: str) -> Finding:
    return Finding(rule, "error", path, 1, 1, 1, 1, message, help)
