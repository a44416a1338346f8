"""The files of a pull request that the linter judges, read at the pinned head. Nothing is checked out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from posixpath import dirname, join

from bot.forge.port import ChangedFile, Forge
from pipeline.taxonomy import Repository
from validators.limits import LIMITS
from validators.model import Finding
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE, is_judged

MAX_FILES = 200  # files of leaves in one pull request; more are for several pull requests
Fetch = Callable[[str], Repository]


@dataclass(frozen=True, slots=True)
class PullFiles:
    """`files`: path → content at the head. `changed`: what to judge. `problems`: what was not read, as findings.

    `leaves`: folders with a leaf file that is new or changed, or whose attribution is, sorted.
    """

    files: dict[str, bytes]
    changed: tuple[str, ...]
    leaves: tuple[str, ...]
    problems: tuple[Finding, ...]


def read_pull(forge: Forge, number: int, head_sha: str, fetch: Fetch) -> PullFiles:
    """Read changed leaf files by the forge's API, and unchanged siblings from the pull request's git ref."""
    touched = [f for f in forge.changed_files(number) if concerns_us(f.path)]
    wanted = [f for f in touched if f.sha is not None and f.status != "removed"]
    files: dict[str, bytes] = {}
    problems: list[Finding] = [_too_many(wanted)] if len(wanted) > MAX_FILES else []
    for file in wanted[:MAX_FILES]:
        content = forge.blob(str(file.sha), limit=LIMITS.file_bytes)
        if content is None:
            problems.append(_too_large(file.path))
        else:
            files[file.path] = content
    unread = {f.path for f in wanted} - set(files)
    siblings = _missing_siblings(touched, set(files) | unread)
    if siblings:
        files |= _from_git(fetch(f"refs/pull/{number}/head"), head_sha, siblings)
    judged = {f.path for f in wanted if f.path in files} | {s for s in siblings if s in files and s.endswith(LEAF_FILE)}
    leaves = {dirname(path) for path in judged if join(dirname(path), LEAF_FILE) in files}
    hidden = {p for p in unread if p.endswith(ATTRIBUTION_FILE)}  # present, though too large to read
    return PullFiles(
        files | dict.fromkeys(hidden, b"(too large)"), tuple(sorted(judged)), tuple(sorted(leaves)), tuple(problems)
    )


def concerns_us(path: str) -> bool:
    """Whether a path belongs to the taxonomy: a leaf's file, or YAML where only leaves should be."""
    return is_judged(path) or (path.split("/")[0] in BRANCHES and path.rpartition("/")[2] == ATTRIBUTION_FILE)


def _missing_siblings(touched: Sequence[ChangedFile], known: set[str]) -> list[str]:
    """The other half of each touched leaf, where the pull request does not change it."""
    gone = {f.path for f in touched if f.status == "removed"}
    gone |= {f.previous for f in touched if f.previous is not None}
    halves = {
        join(dirname(f.path), name)
        for f in touched
        if f.path.rpartition("/")[2] in (LEAF_FILE, ATTRIBUTION_FILE)
        for name in (LEAF_FILE, ATTRIBUTION_FILE)
    }
    return sorted(halves - known - gone)


def _from_git(repository: Repository, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
    tree = repository.tree(commit)
    present = {
        path: tree[path].sha
        for path in paths
        if path in tree and tree[path].mode.startswith("100") and tree[path].size <= LIMITS.file_bytes
    }
    blobs = repository.blobs(present.values())
    return {path: blobs[sha] for path, sha in present.items() if sha in blobs}


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
