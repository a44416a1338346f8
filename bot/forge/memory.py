"""A forge in memory: a small model of one repository, to script and to look into. The double that ships."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.forge.limits import fitted
from bot.forge.port import (
    ChangedFile,
    Check,
    Comment,
    Conclusion,
    NotFound,
    Permission,
    Pull,
    PullCommit,
    Reaction,
    Tree,
    TreeEntry,
)

Files = Mapping[str, bytes | None]
"""Path → new content; None removes the file."""
Modes = Mapping[str, str]
"""Path → git mode, of files that are not plain ("100644")."""
_NO_MODES: Modes = {}


@dataclass(frozen=True, slots=True)
class _Commit:
    parent: str | None
    tree: Mapping[str, str]  # path → blob sha
    modes: Modes
    message: str


@dataclass(slots=True)
class _Thread:
    """A pull request and its conversation."""

    pull: Pull
    comments: list[Comment] = field(default_factory=list)


class MemoryForge:
    """See `Forge`. Further methods play the other people: contributors, maintainers, git.

    `checks` holds our check runs in order of creation, `reactions` pairs of comment id and reaction, and `writes` one
    line for each time that something was really written, so that a test can see that a repeated step left no trace.
    """

    def __init__(
        self,
        repository: str = "seedbed/taxonomy",
        *,
        login: str = "seedbed[bot]",
        clone_url: str = "https://forge.invalid/seedbed/taxonomy.git",
        files: Files | None = None,
    ) -> None:
        self.repository = repository
        self.login = login
        self.clone_url = clone_url
        self.checks: list[Check] = []
        self.reactions: set[tuple[int, Reaction]] = set()
        self.writes: list[str] = []
        self._blobs: dict[str, bytes] = {}
        self._commits: dict[str, _Commit] = {}
        self._branches: dict[str, str] = {}
        self._threads: dict[int, _Thread] = {}
        self._permissions: dict[str, Permission] = {}
        self._lock = threading.RLock()
        self._last_id = 0
        self.commit("main", files or {})

    # What other people do

    def commit(self, branch: str, files: Files) -> str:
        """Commit to a branch of the repository (made where missing); returns the commit's sha."""
        with self._lock:
            head = self._commit(self._branches.get(branch), files)
            self._branches[branch] = head
            return head

    def add_pull(
        self,
        files: Files,
        *,
        title: str = "Add a leaf",
        author: str = "contributor",
        base: str = "main",
        draft: bool = False,
        modes: Modes = _NO_MODES,
        message: str = "Change",
    ) -> int:
        """Open a pull request with one commit; returns its number."""
        with self._lock:
            number = self._new_id()
            base_sha = self.branch_head(base)
            self._threads[number] = _Thread(
                Pull(
                    number=number,
                    title=title,
                    author=author,
                    state="open",
                    draft=draft,
                    merged=False,
                    head_sha=self._commit(base_sha, files, modes, message),
                    base_ref=base,
                    base_sha=base_sha,
                    merge_commit_sha=None,
                    url=f"https://forge.invalid/{self.repository}/pull/{number}",
                )
            )
            return number

    def push(self, number: int, files: Files, *, modes: Modes = _NO_MODES, message: str = "Change") -> str:
        """Add a commit to a pull request; returns the new head sha."""
        with self._lock:
            head = self._commit(self.pull(number).head_sha, files, modes, message)
            self._update(number, head_sha=head)
            return head

    def merge(self, number: int) -> str:
        """Merge with a merge commit; returns its sha."""
        with self._lock:
            pull = self.pull(number)
            changes = {file.path: file for file in self.changed_files(number)}
            files: dict[str, bytes | None] = {
                path: self._blobs[file.sha] if file.sha else None for path, file in changes.items()
            }
            files |= {file.previous: None for file in changes.values() if file.previous}
            merged = self.commit(pull.base_ref, files)
            self._update(number, state="closed", merged=True, merge_commit_sha=merged)
            return merged

    def close(self, number: int) -> None:
        """Close without merging."""
        self._update(number, state="closed")

    def comment_as(self, login: str, number: int, body: str) -> int:
        """Somebody else's comment; returns its id."""
        with self._lock:
            comment = Comment(self._new_id(), login, body)
            self._thread(number).comments.append(comment)
            return comment.id

    def set_permission(self, login: str, permission: Permission) -> None:
        """Decide what `permission` answers; accounts never named have "read"."""
        self._permissions[login] = permission

    def comments(self, number: int) -> list[Comment]:
        """The whole conversation, oldest first."""
        with self._lock:
            return list(self._thread(number).comments)

    # What `Forge` asks

    def pull(self, number: int) -> Pull:
        """Raises `NotFound`."""
        with self._lock:
            return self._thread(number).pull

    def open_pulls(self) -> list[Pull]:
        """All open pull requests, oldest first."""
        with self._lock:
            return [thread.pull for thread in self._threads.values() if thread.pull.state == "open"]

    def pull_of_commit(self, sha: str) -> Pull | None:
        """The merged pull request that brought this commit, if any."""
        with self._lock:
            if sha not in self._commits:
                raise NotFound(f"{self.repository}: no commit {sha}")
            for thread in self._threads.values():
                pull = thread.pull
                if pull.merged and (sha == pull.merge_commit_sha or sha in self._own_commits(pull)):
                    return pull
            return None

    def changed_files(self, number: int) -> list[ChangedFile]:
        """Files that the pull request changes against its base; a file that moved unchanged counts as renamed."""
        with self._lock:
            pull = self.pull(number)
            old, new = self._commits[pull.base_sha], self._commits[pull.head_sha]
        before, after = old.tree, new.tree
        gone = {sha: path for path, sha in before.items() if path not in after}
        changed: list[ChangedFile] = []
        for path, sha in after.items():
            if path in before:
                if before[path] != sha or old.modes.get(path, "100644") != new.modes.get(path, "100644"):
                    changed.append(ChangedFile(path, "modified", sha))
            elif sha in gone:
                changed.append(ChangedFile(path, "renamed", sha, gone.pop(sha)))
            else:
                changed.append(ChangedFile(path, "added", sha))
        moved = {file.previous for file in changed}
        removed = [path for path in before if path not in after and path not in moved]
        return sorted([*changed, *(ChangedFile(path, "removed", None) for path in removed)], key=lambda f: f.path)

    def commits(self, number: int) -> list[PullCommit]:
        """The commits that the pull request would bring, oldest first; all are by its author."""
        with self._lock:
            pull = self.pull(number)
            mail = f"{pull.author}@example.org"
            shas = self._own_commits(pull)[::-1]
            return [PullCommit(sha, pull.author, mail, self._commits[sha].message) for sha in shas]

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

    def ensure_check(self, check: Check) -> None:
        """Make the check run so; see `Forge`."""
        wanted = fitted(check)
        with self._lock:
            if wanted.head_sha not in self._commits:
                raise NotFound(f"{self.repository}: no commit {wanted.head_sha}")
            found = self.check_run(wanted.name, wanted.head_sha, wanted.external_id)
            if found == wanted:
                return
            if found is None:
                self.checks.append(wanted)
            else:
                self.checks[self.checks.index(found)] = wanted
            self.writes.append(f"check {wanted.name} {wanted.head_sha} {wanted.conclusion or 'in_progress'}")

    def check_run(self, name: str, head_sha: str, external_id: str) -> Check | None:
        """Our check run as it stands, with its annotations."""
        with self._lock:
            for check in self.checks:
                if (check.name, check.head_sha, check.external_id) == (name, head_sha, external_id):
                    return check
            return None

    def check(self, name: str, head_sha: str, external_id: str) -> Conclusion | Literal["in_progress"] | None:
        """State of our check run; None where there is none."""
        with self._lock:
            if head_sha not in self._commits:
                raise NotFound(f"{self.repository}: no commit {head_sha}")
            found = self.check_run(name, head_sha, external_id)
        return None if found is None else found.conclusion or "in_progress"

    def ensure_comment(self, number: int, marker: str, body: str) -> int:
        """Make our one comment with `marker` read `body`; `ValueError` if `body` lacks the marker."""
        if marker not in body:
            raise ValueError(f"the comment lacks its marker {marker!r} and could not be found again")
        with self._lock:
            found = self.find_comment(number, marker)
            if found is None:
                return self.comment(number, body)
            if found.body != body:
                comments = self._thread(number).comments
                comments[comments.index(found)] = replace(found, body=body)
                self.writes.append(f"edit comment {found.id}")
            return found.id

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment with `marker`, the oldest if there are several."""
        with self._lock:
            for comment in self._thread(number).comments:
                if comment.author == self.login and marker in comment.body:
                    return comment
            return None

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        with self._lock:
            id = self.comment_as(self.login, number, body)
            self.writes.append(f"comment {id}")
            return id

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; repeating is harmless."""
        with self._lock:
            if not any(c.id == comment_id for thread in self._threads.values() for c in thread.comments):
                raise NotFound(f"{self.repository}: no comment {comment_id}")
            if (comment_id, reaction) not in self.reactions:
                self.reactions.add((comment_id, reaction))
                self.writes.append(f"react {reaction} to {comment_id}")

    def permission(self, login: str) -> Permission:
        """What `login` may do here."""
        return self._permissions.get(login, "read")

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _thread(self, number: int) -> _Thread:
        try:
            return self._threads[number]
        except KeyError:
            raise NotFound(f"{self.repository}: no pull request #{number}") from None

    def _update(self, number: int, **changes: str | bool) -> None:
        with self._lock:
            thread = self._thread(number)
            thread.pull = replace(thread.pull, **changes)  # type: ignore[arg-type]  # our own field names

    def _own_commits(self, pull: Pull) -> list[str]:
        """Commits between base and head, newest first."""
        own: list[str] = []
        sha: str | None = pull.head_sha
        while sha is not None and sha != pull.base_sha:
            own.append(sha)
            sha = self._commits[sha].parent
        return own

    def _commit_of(self, sha: str) -> _Commit:
        with self._lock:
            if sha not in self._commits:
                raise NotFound(f"{self.repository}: no commit {sha}")
            return self._commits[sha]

    def _commit(self, parent: str | None, files: Files, modes: Modes = _NO_MODES, message: str = "Change") -> str:
        tree = dict(self._commits[parent].tree) if parent else {}
        all_modes = {**(self._commits[parent].modes if parent else {}), **dict.fromkeys(files, "100644"), **modes}
        for path, content in files.items():
            if content is None:
                tree.pop(path, None)
                continue
            sha = hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
            self._blobs[sha] = content
            tree[path] = sha
        text = f"{parent} {len(self._commits)} {sorted(tree.items())}"
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._commits[sha] = _Commit(parent, tree, all_modes, message)
        return sha
