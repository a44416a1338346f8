"""The branch of the ledger: where its tip is, how a build is put on it, and how it keeps up with the remote's.

What others did to the branch meanwhile: their commits stay, below ours. A branch that was deleted or cut back comes
back with our push. A branch whose history was rewritten is refused, because only force could mend it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.git import Access, GitError, Repository, run
from pipeline.trees import FOLDER, Line, list_folder, make_commit, make_trees, object_at

BRANCH = "refs/heads/seedbed/builds"
NAME = BRANCH.removeprefix("refs/heads/")
BUILDS, LEAVES, CHAMPION, QUARANTINE = "builds", "leaves", "champion.json", "quarantine.json"
_KEPT = "refs/seedbed/ledger"  # what was last seen at each remote


class LedgerError(Exception):
    """The ledger cannot be written or read. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the ledger is pushed to, and with which rights."""

    url: str
    access: Access = field(default_factory=Access)


@contextmanager
def alone(repo: Repository) -> Iterator[None]:
    """One writer of a mirror's ledger at a time; the system frees the lock when its holder dies."""
    import fcntl

    with (repo.path / "seedbed-ledger.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tip_of(repo: Repository, ref: str) -> str | None:
    """The commit that a ref names, None where there is no such ref."""
    try:
        return repo.resolve(ref)
    except GitError:
        return None


def put(
    repo: Repository, tip: str | None, build_id: str, tree: str, parts: Mapping[str, Line | None], rest: bytes
) -> str:
    """A commit on `tip` with one more build and other `parts` of the root. `rest`: people and message."""
    root = list_folder(repo, tip) if tip else {}
    builds = list_folder(repo, tip, BUILDS) if tip else {}
    builds[build_id] = (FOLDER, "tree", tree, build_id)
    root[BUILDS] = (FOLDER, "tree", make_trees(repo, [builds.values()])[0], BUILDS)
    for name, line in parts.items():
        if line is None:
            root.pop(name, None)
        else:
            root[name] = line
    head = f"tree {make_trees(repo, [root.values()])[0]}\n" + (f"parent {tip}\n" if tip else "")
    return make_commit(repo, head.encode() + rest)


def move(repo: Repository, commit: str, before: str | None) -> None:
    """Move the branch; refused where it is not at `before` any more. Raises `GitError`."""
    run(["update-ref", BRANCH, commit, before or "0" * 40], at=repo.path)


def follow(repo: Repository, remote: Remote) -> None:
    """Bring our branch on top of the remote's. What only we have is recorded again above what others pushed."""
    ours, seen, theirs = tip_of(repo, BRANCH), tip_of(repo, seen_ref(remote)), _fetched(repo, remote)
    if theirs is None:
        return  # never pushed, or deleted there: our push brings all of it
    if ours is None or not _within(repo, theirs, ours):
        if seen is not None and not _within(repo, seen, theirs):
            raise LedgerError(_rewritten(repo, remote, seen))
        ahead = ours is None or _within(repo, ours, theirs)
        move(repo, theirs if ahead else _above(repo, str(ours), theirs), ours)
    run(["update-ref", seen_ref(remote), theirs], at=repo.path)


def _fetched(repo: Repository, remote: Remote) -> str | None:
    """The remote's tip, its objects fetched; None where the branch is not there."""
    fresh = f"{seen_ref(remote)}-fetched"
    try:
        repo.fetch(remote.url, [f"+{BRANCH}:{fresh}"], access=remote.access)
    except GitError as error:
        if "couldn't find remote ref" in str(error):
            return None
        raise
    return repo.resolve(fresh)


def _above(repo: Repository, ours: str, theirs: str) -> str:
    """Our commits that the remote lacks, made again on top of it, each with its author, date and message."""
    tip = theirs
    for commit in run(["rev-list", "--reverse", f"{theirs}..{ours}"], at=repo.path).decode().split():
        raw = run(["cat-file", "commit", commit], at=repo.path)
        build = re.search(rb"^Build: (\S+)$", raw, re.MULTILINE)
        if build is None:
            continue
        tree = object_at(repo, commit, f"{BUILDS}/{build[1].decode()}")
        if tree in (None, object_at(repo, tip, f"{BUILDS}/{build[1].decode()}")):
            continue  # theirs has it already
        root = list_folder(repo, commit)
        parts = {name: root[name] for name in (CHAMPION, QUARANTINE, LEAVES) if name in root}
        head, _, message = raw.partition(b"\n\n")
        people = b"\n".join(line for line in head.splitlines() if not line.startswith((b"tree ", b"parent ")))
        tip = put(repo, tip, build[1].decode(), str(tree), parts, people + b"\n\n" + message)
    return tip


def _rewritten(repo: Repository, remote: Remote, seen: str) -> str:
    git = f"git --git-dir {repo.path}"
    return (
        f"the branch {NAME} at {remote.url} was rewritten: commit {seen[:12]}, which it had, is gone from its history. "
        f"Nothing was written. To put our history back: {git} push --force {remote.url} {BRANCH}. "
        f"To accept theirs: {git} update-ref -d {BRANCH} && {git} update-ref -d {seen_ref(remote)}"
    )


def seen_ref(remote: Remote) -> str:
    """The ref that keeps what was last seen at a remote."""
    return f"{_KEPT}/{hashlib.sha256(remote.url.encode()).hexdigest()[:12]}"


def _within(repo: Repository, older: str, newer: str) -> bool:
    """Whether `newer` has `older` in its history."""
    try:
        run(["merge-base", "--is-ancestor", older, newer], at=repo.path)
    except GitError as error:
        if str(error).endswith("code 1"):
            return False
        raise
    return True
