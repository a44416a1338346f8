"""What git knows of a change: the files that differ from a revision, their modes, the tree, the commits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from validators.model import Commit

_NO_MODE = "000000"


class GitError(Exception):
    """Git cannot answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Since:
    """What changed in a folder since a revision. Names are relative to it and keep their bytes (`os.fsdecode`)."""

    modes: dict[str, str]
    """Name → git mode now; "" for what was deleted."""
    tree: frozenset[str]
    commits: tuple[Commit, ...]


def changed_since(folder: Path, base: str) -> Since:
    """Files that differ from where the work on top of `base` began, and files that git does not know yet.

    Raises GitError.
    """
    start = commit_id(folder, base)
    try:
        fork = git(folder, "merge-base", start, "HEAD").decode().strip()
    except GitError:
        fork = start  # no common history, or none of our own yet
    modes = _differing(folder, fork)
    known = set(_names(git(folder, "ls-files", "-z")))
    new = _names(git(folder, "ls-files", "--others", "--exclude-standard", "-z"))
    modes |= _new_modes(folder, new)
    deleted = {name for name, mode in modes.items() if not mode}
    return Since(modes, frozenset((known | set(new)) - deleted), _commits(folder, start))


def commit_id(folder: Path, revision: str) -> str:
    """The full id of a commit. Raises GitError."""
    failure = f"git cannot compare with {revision!r} in {folder}"
    if revision.startswith("-"):
        raise GitError(f"{failure}: that is no revision")
    try:
        return git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except GitError as error:
        reason = str(error) or "there is no such revision (if the clone is shallow, fetch it first)"
        raise GitError(f"{failure}: {reason}") from None


def read_at(folder: Path, revision: str, name: str) -> bytes | None:
    """A file of `folder` as it was at a revision; None if there was none, or no plain file. Raises GitError."""
    for line in git(folder, "ls-tree", "-z", commit_id(folder, revision), "--", name).split(b"\0"):
        about, _, found = line.partition(b"\t")
        mode, _, rest = about.partition(b" ")
        if os.fsdecode(found) == name and mode.startswith(b"100"):
            return git(folder, "cat-file", "blob", rest.split()[1].decode())
    return None


def trusts_file_modes(folder: Path) -> bool:
    """Whether executable bits mean something here: git finds out when it makes a repository (`core.fileMode`)."""
    try:
        return git(folder, "config", "--type=bool", "core.fileMode").strip() != b"false"
    except GitError:
        return True


def _differing(folder: Path, start: str) -> dict[str, str]:
    """Files that differ from a commit in content or mode, with their mode in the working tree."""
    said = git(folder, "diff", "--raw", "--no-ext-diff", "--no-renames", "--relative", "-z", start, "--").split(b"\0")
    modes = {}
    for about, name in zip(said[::2], said[1::2], strict=False):
        mode = about.split()[1].decode()
        modes[os.fsdecode(name)] = "" if mode == _NO_MODE else mode
    return modes


def _new_modes(folder: Path, names: list[str]) -> dict[str, str]:
    """Modes of files that git does not know yet. A name with a slash at its end is a repository in the repository."""
    modes = {}
    for name in names:
        place = folder / name
        if name.endswith("/"):
            modes[name.rstrip("/")] = "160000"
        elif place.is_symlink():
            modes[name] = "120000"
        elif place.is_file():
            modes[name] = "100755" if place.lstat().st_mode & 0o111 else "100644"
    if "100755" in modes.values() and not trusts_file_modes(folder):
        modes = {name: "100644" if mode == "100755" else mode for name, mode in modes.items()}
    return modes


def _commits(folder: Path, base: str) -> tuple[Commit, ...]:
    """The commits that are not in `base`, newest first; none where nothing was committed yet."""
    try:
        said = git(folder, "log", "-z", "--format=tformat:%H%x00%an%x00%ae%x00%B", f"{base}..HEAD", "--")
    except GitError:
        return ()
    fields = [part.decode("utf-8", "replace") for part in said.split(b"\0")]
    return tuple(Commit(*fields[at : at + 4]) for at in range(0, len(fields) - 3, 4))


def _names(said: bytes) -> list[str]:
    return [os.fsdecode(name) for name in said.split(b"\0") if name]


def git(folder: Path, *command: str) -> bytes:
    """What git prints. Raises GitError with the first line of git's own words."""
    import subprocess  # slow to load, and needed with git alone

    try:
        done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, check=False)
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(said[0] if said else "")
    return done.stdout
