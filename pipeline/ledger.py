"""The ledger: a branch of the taxonomy repository that records each build. Git plumbing on a bare repository alone.

Author and date come from the taxonomy commit, so the same build on the same branch is the same commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.git import Access, GitError, Repository, run

BRANCH = "refs/heads/seedbed/builds"
AUTHOR = "Seedbed <seedbed@localhost>"
FOLDER = "builds"
TRIES = 5
Line = tuple[str, str, str, str]  # mode, kind, object name, file name


class LedgerError(Exception):
    """The ledger cannot be written. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the ledger is pushed to, and with which rights."""

    url: str
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded: files by name for `builds/<build id>/`, and the first line of the commit's message."""

    build_id: str
    taxonomy_commit: str
    subject: str
    files: Mapping[str, bytes]


def record(repository: Path, entry: Entry, remote: Remote | None = None) -> str:
    """Commit `entry` to the ledger, push it where a remote is given, and return the commit. Twice is once.

    When somebody else pushed first, their commits come first. Raises `LedgerError`.
    """
    repo = Repository(repository)
    for attempt in range(1, TRIES + 1):
        try:
            if remote is not None:
                _follow(repo, remote)
            commit = _commit(repo, entry)
            if remote is not None:
                repo.push(remote.url, [f"{commit}:{BRANCH}"], access=remote.access)
            return commit
        except GitError as error:
            if attempt == TRIES or not _raced(error):
                raise LedgerError(
                    f"the ledger entry of build {entry.build_id} could not be written: {error}"
                ) from error
    raise AssertionError("unreachable")


def entries(repository: Path) -> list[str]:
    """Build ids in the ledger, sorted; empty when there is no ledger yet."""
    tip = _tip(Repository(repository))
    if tip is None:
        return []
    return sorted({path.split("/")[1] for path in Repository(repository).tree(tip) if path.startswith(f"{FOLDER}/")})


def _follow(repo: Repository, remote: Remote) -> None:
    """Take over the remote's ledger. What only we have is recorded again on top of it."""
    try:
        repo.fetch(remote.url, [f"+{BRANCH}:{BRANCH}"], access=remote.access)
    except GitError as error:
        if "couldn't find remote ref" not in str(error):
            raise


def _raced(error: GitError) -> bool:
    return any(words in str(error) for words in ("non-fast-forward", "fetch first", "rejected", "cannot lock ref"))


def _tip(repo: Repository) -> str | None:
    try:
        return repo.resolve(BRANCH)
    except GitError:
        return None


def _commit(repo: Repository, entry: Entry) -> str:
    tip = _tip(repo)
    folder = f"{FOLDER}/{entry.build_id}"
    blobs = {name: _hash_object(repo, "blob", data) for name, data in sorted(entry.files.items())}
    tree = _mktree(repo, [("100644", "blob", sha, name) for name, sha in blobs.items()])
    if tip is not None and _subtree(repo, tip, folder) == tree:
        return repo.log("-1", "--format=%H", tip, path=folder)[0]
    builds = dict(_entries(repo, tip, f"{FOLDER}/"))
    builds[entry.build_id] = ("040000", "tree", tree, entry.build_id)
    root = dict(_entries(repo, tip, ""))
    root[FOLDER] = ("040000", "tree", _mktree(repo, builds.values()), FOLDER)
    commit = _hash_object(repo, "commit", _commit_text(repo, entry, _mktree(repo, root.values()), tip))
    run(["update-ref", BRANCH, commit, tip or "0" * 40], at=repo.path)
    return commit


def _commit_text(repo: Repository, entry: Entry, tree: str, parent: str | None) -> bytes:
    date = run(["show", "-s", "--format=%ct", entry.taxonomy_commit], at=repo.path).decode().strip()
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else [])]
    lines += [f"author {AUTHOR} {date} +0000", f"committer {AUTHOR} {date} +0000", "", entry.subject, ""]
    lines += [f"Build: {entry.build_id}", f"Taxonomy: {entry.taxonomy_commit}", ""]
    return "\n".join(lines).encode()


def _hash_object(repo: Repository, kind: str, data: bytes) -> str:
    return run(["hash-object", "-w", "--stdin", "-t", kind], at=repo.path, stdin=data).decode().strip()


def _mktree(repo: Repository, lines: Iterable[Line]) -> str:
    text = "".join(f"{mode} {kind} {sha}\t{name}\0" for mode, kind, sha, name in lines)
    return run(["mktree", "-z"], at=repo.path, stdin=text.encode()).decode().strip()


def _entries(repo: Repository, tip: str | None, folder: str) -> list[tuple[str, Line]]:
    """What lies directly in `folder` ("" or "name/") at `tip`, by name."""
    if tip is None:
        return []
    arguments = ["ls-tree", "-z", "--full-tree", tip, *([folder] if folder else [])]
    lines = []
    for listed in run(arguments, at=repo.path).split(b"\0")[:-1]:
        head, _, path = listed.decode().partition("\t")
        mode, kind, sha = head.split()
        name = path.rpartition("/")[2]
        lines.append((name, (mode, kind, sha, name)))
    return lines


def _subtree(repo: Repository, tip: str, folder: str) -> str | None:
    listed = run(["ls-tree", "--full-tree", tip, folder], at=repo.path).decode()
    return listed.split()[2] if listed else None
