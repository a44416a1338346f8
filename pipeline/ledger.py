"""The ledger: a branch of the taxonomy repository that records each build. Git plumbing on a bare repository alone.

    builds/<build id>/…      manifest, verdict, scores, card
    champion.json            who is champion after that build
    quarantine.json          the leaves that are left out
    leaves/<leaf path>.json  the scores of each leaf: `git log -p` of one file is that leaf's history

One commit a build, so `git log` tells the model's history and `git bisect` finds the build that changed something.
Author and date come from the taxonomy commit, so the same build on the same branch is the same commit.
What others did to the branch meanwhile is the matter of `ledgerbranch.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.gate import Row
from pipeline.git import GitError, Repository, run
from pipeline.ledgerbranch import (
    BRANCH,
    BUILDS,
    CHAMPION,
    LEAVES,
    NAME,
    QUARANTINE,
    LedgerError,
    Remote,
    alone,
    follow,
    move,
    put,
    seen_ref,
    tip_of,
)
from pipeline.trees import FILE, FOLDER, Line, list_folder, object_at, write_blobs, write_tree

__all__ = [
    "BRANCH",
    "CHAMPION",
    "QUARANTINE",
    "Entry",
    "LedgerError",
    "Recorded",
    "Remote",
    "catch_up",
    "entries",
    "history",
    "leaf_files",
    "read_entry",
    "read_file",
    "record",
]
AUTHOR = "Seedbed <seedbed@localhost>"
TRIES = 8
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded: files by name for `builds/<build id>/`, and the first line of the commit's message.

    `champion`, `quarantine`: contents of those files, None leaves them as they are. `leaves`: JSON by leaf path, all
    of them; None leaves the folder as it is. `verdict`, `parent` (build id), `mode`: trailers of the message.
    """

    build_id: str
    taxonomy_commit: str
    subject: str
    files: Mapping[str, bytes]
    champion: bytes | None = None
    quarantine: bytes | None = None
    leaves: Mapping[str, bytes] | None = None
    verdict: str = ""
    parent: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A commit of the ledger, as its message tells it. `at`: seconds since 1970, of the taxonomy commit."""

    build_id: str
    commit: str
    taxonomy_commit: str
    subject: str
    verdict: str
    parent: str
    mode: str
    at: int


def record(repository: Path, entry: Entry, remote: Remote | None = None) -> str:
    """Commit `entry` to the ledger, push it where a remote is given, and return the commit. Twice is once.

    When somebody else pushed first, their commits come first. Raises `LedgerError`.
    """
    repo = Repository(repository)
    if not _ID.fullmatch(entry.build_id):
        raise LedgerError(f"{entry.build_id!r} is no build id, so it cannot be recorded")
    for attempt in range(1, TRIES + 1):
        try:
            with alone(repo):
                return _recorded_now(repo, entry, remote)
        except (ValueError, OSError) as error:
            raise LedgerError(f"the ledger entry of build {entry.build_id} cannot be written: {error}") from error
        except GitError as error:
            if attempt == TRIES or not _raced(error):
                raise LedgerError(
                    f"the ledger entry of build {entry.build_id} could not be written: {error}"
                ) from error
    raise AssertionError("unreachable")


def catch_up(repository: Path, remote: Remote) -> None:
    """Take over what the remote's ledger has, for a state that lost its own. Raises `LedgerError`."""
    repo = Repository(repository)
    try:
        with alone(repo):
            follow(repo, remote)
    except (GitError, ValueError, OSError) as error:
        raise LedgerError(f"the ledger of {remote.url} could not be read: {error}") from error


def _recorded_now(repo: Repository, entry: Entry, remote: Remote | None) -> str:
    if remote is not None:
        follow(repo, remote)
    commit = _commit(repo, entry)
    if remote is not None:
        repo.push(remote.url, [f"{BRANCH}:{BRANCH}"], access=remote.access)
        run(["update-ref", seen_ref(remote), BRANCH], at=repo.path)
    return commit


def entries(repository: Path) -> list[str]:
    """Build ids in the ledger, sorted; empty when there is no ledger yet."""
    repo = Repository(repository)
    tip = tip_of(repo, BRANCH)
    if tip is None:
        return []
    return sorted(name for name, line in list_folder(repo, tip, BUILDS).items() if line[1] == "tree")


def read_entry(repository: Path, build_id: str) -> Entry:
    """What was recorded of a build when it was last recorded. Raises `LedgerError` where it is not there."""
    repo = Repository(repository)
    found = next((one for one in history(repository) if one.build_id == build_id), None)
    if found is None:
        raise LedgerError(f"the ledger {NAME} has no build {build_id!r}; `git log {NAME}` lists those that it has")
    tree = repo.tree(found.commit)
    blobs = repo.blobs(line.sha for line in tree.values())

    def below(folder: str) -> dict[str, bytes]:
        return {
            path.removeprefix(f"{folder}/"): blobs[line.sha]
            for path, line in tree.items()
            if path.startswith(f"{folder}/") and line.sha in blobs
        }

    leaves = {path.removesuffix(".json"): data for path, data in below(LEAVES).items()}
    root = {name: blobs.get(tree[name].sha) for name in (CHAMPION, QUARANTINE) if name in tree}
    return Entry(
        build_id,
        found.taxonomy_commit,
        found.subject,
        below(f"{BUILDS}/{build_id}"),
        root.get(CHAMPION),
        root.get(QUARANTINE),
        leaves or None,
        found.verdict,
        found.parent,
        found.mode,
    )


def read_file(repository: Path, path: str) -> bytes | None:
    """A file at the tip of the ledger, such as `champion.json`; None where there is none."""
    repo = Repository(repository)
    tip = tip_of(repo, BRANCH)
    sha = object_at(repo, tip, path) if tip else None
    return repo.blobs([sha]).get(sha) if sha else None


def history(repository: Path) -> list[Recorded]:
    """Every recorded build, newest first; commits of others are left out, and so is an empty ledger."""
    repo = Repository(repository)
    if tip_of(repo, BRANCH) is None:
        return []
    shape = "--format=%H%x1f%ct%x1f%s%x1f%(trailers:only=true,unfold=true)"
    text = run(["log", "-z", "--topo-order", shape, BRANCH, "--"], at=repo.path).decode(errors="replace")
    found = [_recorded(*line.split("\x1f", 3)) for line in text.split("\0") if line.count("\x1f") >= 3]
    return [one for one in found if one is not None]


def leaf_files(rows: Sequence[Row]) -> dict[str, bytes]:
    """By leaf path what `Entry.leaves` holds: its scores before and after (nats per token), and the change.

    `rows`: of a verdict. Nothing in a file names the build, so its history shows when scores changed, not that a
    night passed.
    """
    return {row.group: _json({"leaf": row.group, **_scores(row)}) for row in rows if row.suite == "heldout"}


def _scores(row: Row) -> dict[str, object]:
    right = {"of": row.choices, "before": row.right_before, "after": row.right_after}
    change = asdict(row.change)
    return {"items": row.n, "before": row.before, "after": row.after, "change": change, "choices_right": right}


def _json(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def _recorded(commit: str, at: str, subject: str, trailers: str) -> Recorded | None:
    named = dict(line.split(": ", 1) for line in trailers.splitlines() if ": " in line)
    if "Build" not in named:
        return None
    return Recorded(
        named["Build"],
        commit,
        named.get("Taxonomy", ""),
        subject,
        named.get("Verdict", ""),
        named.get("Parent-Build", ""),
        named.get("Mode", ""),
        int(at),
    )


def _raced(error: GitError) -> bool:
    return any(words in str(error) for words in ("non-fast-forward", "fetch first", "rejected", "cannot lock ref"))


def _commit(repo: Repository, entry: Entry) -> str:
    tip = tip_of(repo, BRANCH)
    folder = f"{BUILDS}/{entry.build_id}"
    tree = write_tree(repo, entry.files)
    if tip is not None and object_at(repo, tip, folder) == tree:
        return repo.log("-1", "--format=%H", tip, path=folder)[0]
    commit = put(repo, tip, entry.build_id, tree, _parts(repo, entry), _people(repo, entry) + _message(entry))
    move(repo, commit, tip)
    return commit


def _parts(repo: Repository, entry: Entry) -> dict[str, Line | None]:
    """What of the root changes; None: it goes."""
    files = {CHAMPION: entry.champion, QUARANTINE: entry.quarantine}
    given = {name: data for name, data in files.items() if data is not None}
    blobs = zip(given, write_blobs(repo, list(given.values())), strict=True)
    parts: dict[str, Line | None] = {name: (FILE, "blob", sha, name) for name, sha in blobs}
    if entry.leaves is not None:
        leaves = {f"{leaf}.json": data for leaf, data in sorted(entry.leaves.items())}
        parts[LEAVES] = (FOLDER, "tree", write_tree(repo, leaves), LEAVES) if leaves else None
    return parts


def _people(repo: Repository, entry: Entry) -> bytes:
    date = run(["show", "-s", "--format=%ct", entry.taxonomy_commit], at=repo.path).decode().strip()
    return f"author {AUTHOR} {date} +0000\ncommitter {AUTHOR} {date} +0000\n\n".encode()


def _message(entry: Entry) -> bytes:
    trailers = {
        "Build": entry.build_id,
        "Taxonomy": entry.taxonomy_commit,
        "Verdict": entry.verdict,
        "Parent-Build": entry.parent,
        "Mode": entry.mode,
    }
    lines = [_line(entry.subject), "", *(f"{name}: {_line(text)}" for name, text in trailers.items() if text)]
    return ("\n".join(lines) + "\n").encode()


def _line(text: str) -> str:
    """Text on one line: nothing in it can pass for a trailer or an object's header."""
    return " ".join(text.split())
