"""One commit of a document repository on disk: bare, shallow, bounded in time, bytes and memory, never checked out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pipeline.git import GitError, Limits, Repository
from validators import DocumentRef

MAX_BLOB_BYTES = 1 << 20
"""Of a file that comes with the commit; larger ones are asked for one by one."""
MAX_PACK_BYTES = 64 << 20
MAX_CACHE_BYTES = 4 << 30
GIT_MEMORY = 2 << 30
FETCH_SECONDS = 20.0
IN_USE_SECONDS = 3600.0
"""What was used since then is never removed from the cache."""

# Large objects pass through git without being held in memory.
_CONFIG = {"core.bigFileThreshold": "4m", "pack.threads": "1"}
_LIMIT_MARKS = ("File too large", "signal 25", "code -25", "code 153", "emory", "mmap failed")
_WORDS = (
    (
        ("not our ref", "unadvertised object", "find remote ref"),
        "has no commit {commit}: it was never pushed there, or a later push by force removed it. Name a commit that "
        "the repository's page shows",
    ),
    (
        ("could not read Username", "Authentication failed", "not found", "error: 401", "error: 403", "error: 404"),
        "is no public repository",
    ),
    (
        ("error: 301", "error: 302", "error: 307", "error: 308", "redirect"),
        "has moved, and redirects are not followed. Name its present address, on some hosts with .git at its end",
    ),
    (("took longer",), "did not come within {seconds:g} s"),
    (_LIMIT_MARKS, "is too large at this commit: more than {megabytes} MiB in files of up to 1 MiB"),
    (
        ("resolve host", "connect to", "SSL", "reset by peer", "timed out", "error: 5", "early EOF"),
        "cannot be reached at the moment",
    ),
)


class TooLarge(GitError):
    """One file is larger than it may be."""


class Mirror:
    """The files of `document` at its commit, below `cache`. Raises `GitError` and `ValueError` in plain words."""

    def __init__(self, cache: Path, document: DocumentRef) -> None:
        name = hashlib.sha256(f"{document.repo}\0{document.commit}".encode()).hexdigest()
        self._document = document
        self.path = cache / f"{name}.git"
        self._repository = Repository(self.path)

    def fetch(self, config: Callable[[], Mapping[str, str]]) -> None:
        """Get the commit, unless it is here. `config`: git settings for the way there, asked for only where needed."""
        if self.path.exists():
            with contextlib.suppress(OSError):  # a cache that may only be read is still one
                os.utime(self.path)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another process removes the same
            make_room(self.path.parent)
        partial = Path(tempfile.mkdtemp(prefix=f"{self.path.name}.partial-", dir=self.path.parent))
        try:
            repository = Repository(partial).init()
            options = ["--depth=1", f"--filter=blob:limit={MAX_BLOB_BYTES}"]
            self._fetch(repository, self._document.commit, options, config(), MAX_PACK_BYTES)
            if self._kind(repository) != self._document.commit:
                raise ValueError(
                    f"{self._document.commit} is no commit of {self._document.repo}, but a tag or a folder"
                )
            if not self.path.exists():
                partial.rename(self.path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def fetch_blob(self, sha: str, config: Callable[[], Mapping[str, str]], limit: int) -> None:
        """Get one file that did not come with its commit. Raises `TooLarge` above `limit` bytes as git sends them."""
        known = self.path / f"{sha}.larger-than-{limit}"
        if known.exists():
            raise TooLarge(f"larger than {limit} bytes")
        try:
            self._fetch(self._repository, sha, [], config(), limit)
        except GitError as error:
            if not any(mark in str(error.__cause__) for mark in _LIMIT_MARKS):
                raise
            known.touch()  # not to be asked for again
            raise TooLarge(f"larger than {limit} bytes") from error

    def names(self) -> dict[str, str]:
        """Blob sha by path; links and submodules are left out."""
        return self._repository.names(self._document.commit)

    def sizes(self) -> dict[str, int]:
        """Bytes by sha of all that is here."""
        return self._repository.present()

    def blobs(self, shas: Iterable[str]) -> dict[str, bytes]:
        """Contents by sha."""
        return self._repository.blobs(shas)

    def _fetch(
        self, repository: Repository, what: str, options: list[str], config: Mapping[str, str], limit: int
    ) -> None:
        limits = Limits(FETCH_SECONDS, limit, GIT_MEMORY)
        settings = {**_CONFIG, **config}
        try:
            repository.fetch(self._document.repo, [what], options=options, config=settings, limits=limits)
        except GitError as error:
            raise GitError(_in_words(str(error), self._document, limit)) from error

    def _kind(self, repository: Repository) -> str:
        """The commit that was fetched; "" where the name is another object's."""
        try:
            return repository.resolve(self._document.commit)
        except GitError:
            return ""


def _in_words(said: str, document: DocumentRef, limit: int) -> str:
    for marks, words in _WORDS:
        if any(mark in said for mark in marks):
            told = words.format(commit=document.commit, seconds=FETCH_SECONDS, megabytes=limit >> 20)
            return f"{document.repo} {told}"
    return f"{document.repo}: {said}"


def make_room(cache: Path, most: int = MAX_CACHE_BYTES) -> None:
    """Remove what killed fetches left, and of mirrors that are not in use the oldest until `most` bytes are left."""
    now = time.time()
    for folder in cache.glob("*.partial-*"):
        if now - folder.stat().st_mtime > 10 * FETCH_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    aged = sorted((folder.stat().st_mtime, folder) for folder in cache.glob("*.git"))
    sizes = {folder: _bytes_of(folder) for _, folder in aged}
    total = sum(sizes.values())
    for used, folder in aged:
        if total > most and now - used > IN_USE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.pack"))
