"""From a commit of a bare taxonomy repository to its leaves, without a checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.flows.prompts import Prompts, prompt_name, prompts_of
from pipeline.git import Access, Entry, GitError, Limits, Repository
from validators import Leaf, LeafError, parse_leaf
from validators.paths import BRANCHES

__all__ = [
    "Access",
    "Entry",
    "GitError",
    "Limits",
    "Repository",
    "TaxonomySnapshot",
    "leaf_paths",
    "origin_of",
    "pull_number",
    "read_leaves",
    "read_prompts",
]

MAX_LEAF_BYTES = 1_000_000
_MERGE = re.compile(r"^Merge pull request #(\d+)\b")
_SQUASH = re.compile(r"\(#(\d+)\)\s*$")


@dataclass(frozen=True, slots=True)
class TaxonomySnapshot:
    """The leaves at one commit, sorted by path, and the (path, reason) of each `qna.yaml` that does not parse."""

    commit: str
    leaves: tuple[Leaf, ...]
    skipped: tuple[tuple[str, str], ...] = ()


def leaf_paths(tree: dict[str, Entry]) -> list[str]:
    """Paths of the `qna.yaml` files of a tree that lie in a branch of the taxonomy, sorted."""
    return sorted(path for path in tree if path.split("/")[0] in BRANCHES and path.endswith("/qna.yaml"))


def read_leaves(repo: Repository, commit: str) -> TaxonomySnapshot:
    """Read and parse all leaves at `commit` with two git processes. Raises `GitError`."""
    tree = repo.tree(commit)
    wanted: dict[str, list[str]] = {}
    skipped: list[tuple[str, str]] = []
    for path in leaf_paths(tree):
        reason = _unreadable(tree[path])
        if reason:
            skipped.append((path, reason))
            continue
        attribution = path.removesuffix("qna.yaml") + "attribution.txt"
        readable = attribution in tree and _unreadable(tree[attribution]) is None
        wanted[path] = [path, attribution] if readable else [path]
    blobs = repo.blobs(tree[name].sha for names in wanted.values() for name in names)
    leaves: list[Leaf] = []
    for path, names in wanted.items():
        try:
            leaves.append(parse_leaf(path, {name: blobs[tree[name].sha] for name in names}))
        except LeafError as error:
            skipped.append((path, str(error).splitlines()[0] if str(error) else "it does not parse"))
    return TaxonomySnapshot(commit, tuple(sorted(leaves, key=lambda leaf: leaf.path)), tuple(sorted(skipped)))


def origin_of(repo: Repository, commit: str, leaf_path: str) -> tuple[str, str, str]:
    """(commit, author's name, subject) of the newest change of a leaf folder on the first-parent line up to `commit`.

    The author is that of the contribution, not of the merge. Raises `GitError` when nothing touched the folder.
    """
    main = repo.log("-1", "--first-parent", "--format=%H%x00%an%x00%s", commit, path=leaf_path)
    if len(main) < 3:
        raise GitError(f"no commit up to {commit} touches {leaf_path}")
    sha, author, subject = main[:3]
    own = repo.log("-1", "--no-merges", "--format=%an", sha, path=leaf_path)
    return sha, own[0] if own else author, subject


def pull_number(subject: str) -> int | None:
    """The pull request that a merge or squash commit's subject names, if any."""
    found = _MERGE.search(subject) or _SQUASH.search(subject)
    return int(found.group(1)) if found else None


def read_prompts(repo: Repository, commit: str) -> Prompts:
    """The packaged prompts with those of the folder `prompts/` at `commit`. Raises `GitError` and `PromptError`."""
    tree = {path: entry for path, entry in repo.tree(commit).items() if prompt_name(path)}
    blobs = repo.blobs(entry.sha for entry in tree.values())
    return prompts_of({path: blobs[entry.sha] for path, entry in tree.items() if entry.sha in blobs})


def _unreadable(entry: Entry) -> str | None:
    if not entry.mode.startswith("100"):
        return "it is a link, not a file"
    if entry.size > MAX_LEAF_BYTES:
        return f"it has {entry.size:,} bytes; at most {MAX_LEAF_BYTES:,} are read"
    return None
