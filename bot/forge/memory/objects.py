"""Git in memory: blobs, commits and branches of one repository and its forks."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.forge.port import NotFound, Tree, TreeEntry

Files = Mapping[str, bytes | None]
"""Path → new content; None removes the file."""
Modes = Mapping[str, str]
"""Path → git mode, of files that are not plain ("100644")."""
NO_MODES: Final[Modes] = {}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; `tree` maps paths to blob shas."""

    parent: str | None
    tree: Mapping[str, str]
    modes: Modes
    message: str
    author: str


class Objects:
    """What git holds. `writes`: one line for each thing that our account really wrote."""

    def __init__(self, repository: str, login: str, clone_url: str, clock: Callable[[], float] = time.time) -> None:
        self.repository = repository
        self.login = login
        self.clone_url = clone_url
        self.writes: list[str] = []
        self._clock = clock
        self._lock = threading.RLock()
        self._blobs: dict[str, bytes] = {}
        self._commits: dict[str, Commit] = {}
        self._branches: dict[str, str] = {}
        self._last_id = 0

    def git_token(self) -> str | None:
        """None: nothing here asks who reads."""
        return None

    def commit(self, branch: str, files: Files) -> str:
        """Commit to a branch of the repository (made where missing); returns the commit's sha."""
        with self._lock:
            head = self._commit(self._branches.get(branch), files)
            self._branches[branch] = head
            return head

    def tree(self, commit: str) -> Tree:
        """All files at a commit. Raises `NotFound`."""
        found = self._commit_of(commit)
        return Tree({path: TreeEntry(found.modes.get(path, "100644"), sha) for path, sha in found.tree.items()})

    def file(self, commit: str, path: str, *, limit: int) -> bytes | None:
        """Content of the file at a path of a commit; None where there is none, or one of more than `limit` bytes."""
        entry = self.tree(commit).entries.get(path)
        return self.blob(entry.sha, limit=limit) if entry and entry.mode.startswith("100") else None

    def blob(self, sha: str, *, limit: int) -> bytes | None:
        """Content by blob sha; None when it is larger than `limit` bytes."""
        with self._lock:
            if sha not in self._blobs:
                raise NotFound(f"{self.repository}: no blob {sha}")
            content = self._blobs[sha]
        return content if len(content) <= limit else None

    def branch_head(self, branch: str) -> str:
        """Commit sha. Raises `NotFound`."""
        with self._lock:
            if branch not in self._branches:
                raise NotFound(f"{self.repository}: no branch {branch!r}")
            return self._branches[branch]

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _commit_of(self, sha: str) -> Commit:
        with self._lock:
            if sha not in self._commits:
                raise NotFound(f"{self.repository}: no commit {sha}")
            return self._commits[sha]

    def _commit(
        self,
        parent: str | None,
        files: Files,
        modes: Modes = NO_MODES,
        message: str = "Change",
        author: str = "contributor",
    ) -> str:
        tree = dict(self._commits[parent].tree) if parent else {}
        before = self._commits[parent].modes if parent else NO_MODES
        all_modes = {**before, **dict.fromkeys(files, "100644"), **modes}
        for path, content in files.items():
            if content is None:
                tree.pop(path, None)
                continue
            sha = hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
            self._blobs[sha] = content
            tree[path] = sha
        text = f"{parent} {len(self._commits)} {sorted(tree.items())}"
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._commits[sha] = Commit(parent, tree, {path: all_modes[path] for path in tree}, message, author)
        return sha
