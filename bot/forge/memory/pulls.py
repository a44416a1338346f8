"""Pull requests in memory, and what their authors and maintainers do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from bot.forge.memory.objects import NO_MODES, Files, Modes, Objects
from bot.forge.port import (
    ChangedFile,
    Comment,
    Forbidden,
    ForgeError,
    NotFound,
    Permission,
    Pull,
    PullCommit,
    Review,
)

CONTEXT_LINES = 3


@dataclass(slots=True)
class Thread:
    """A pull request and its conversation. `pull.labels` and `pull.assignees` are the truth about these."""

    pull: Pull
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)


class Pulls(Objects):
    """Pull requests of one repository, and who may do what in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._threads: dict[int, Thread] = {}
        self._permissions: dict[str, Permission] = {}

    # What other people do

    def add_pull(
        self,
        files: Files,
        *,
        title: str = "Add a leaf",
        author: str = "contributor",
        base: str = "main",
        draft: bool = False,
        modes: Modes = NO_MODES,
        message: str = "Change",
        body: str = "",
        fork: str | None = None,
        editable: bool = True,
    ) -> int:
        """Open a pull request with one commit; returns its number.

        `fork`: the head lies in this repository instead, "" for one that was deleted; `editable`: maintainers may push
        there.
        """
        with self._lock:
            number = self._new_id()
            base_sha, now = self.branch_head(base), self._clock()
            self._threads[number] = Thread(
                Pull(
                    number=number,
                    title=title,
                    author=author,
                    state="open",
                    draft=draft,
                    merged=False,
                    head_sha=self._commit(base_sha, files, modes, message, author),
                    base_ref=base,
                    base_sha=base_sha,
                    merge_commit_sha=None,
                    url=f"https://forge.invalid/{self.repository}/pull/{number}",
                    body=body,
                    head_ref=f"branch-{number}",
                    head_repository=self.repository if fork is None else fork,
                    editable=editable if fork is not None else True,
                    created_at=now,
                    updated_at=now,
                )
            )
            return number

    def push(self, number: int, files: Files, *, modes: Modes = NO_MODES, message: str = "Change") -> str:
        """Add a commit to a pull request; returns the new head sha."""
        with self._lock:
            pull = self.pull(number)
            head = self._commit(pull.head_sha, files, modes, message, pull.author)
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

    def edit(self, number: int, **changes: Any) -> None:
        """Change fields of `Pull` as a person would on the page: title, body, draft, labels, assignees, state."""
        self._update(number, **changes)

    def set_permission(self, login: str, permission: Permission) -> None:
        """Decide what `permission` answers; accounts never named have "read"."""
        self._permissions[login] = permission

    # What `Forge` asks

    def permission(self, login: str) -> Permission:
        """What `login` may do here."""
        return self._permissions.get(login, "read")

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
            self._commit_of(sha)
            for thread in self._threads.values():
                pull = thread.pull
                if pull.merged and (sha == pull.merge_commit_sha or sha in self._own_commits(pull)):
                    return pull
            return None

    def has_merged(self, login: str) -> bool:
        """Whether a pull request of `login` was merged here."""
        with self._lock:
            pulls = [thread.pull for thread in self._threads.values()]
        return any(pull.merged and pull.author.casefold() == login.casefold() for pull in pulls)

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
                if before[path] != sha or old.modes[path] != new.modes[path]:
                    changed.append(ChangedFile(path, "modified", sha, lines=self._shown(before[path], sha)))
            elif sha in gone:
                changed.append(ChangedFile(path, "renamed", sha, gone.pop(sha)))
            else:
                changed.append(ChangedFile(path, "added", sha, lines=self._shown(None, sha)))
        moved = {file.previous for file in changed}
        removed = [path for path in before if path not in after and path not in moved]
        return sorted([*changed, *(ChangedFile(path, "removed", None) for path in removed)], key=lambda f: f.path)

    def commits(self, number: int) -> list[PullCommit]:
        """The commits that the pull request would bring, oldest first."""
        with self._lock:
            found = [(sha, self._commits[sha]) for sha in self._own_commits(self.pull(number))[::-1]]
        return [PullCommit(sha, c.author, f"{c.author}@example.org", c.message) for sha, c in found]

    def commit_files(self, number: int, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        """Put a commit with these files on top of `parent`; see `Forge`."""
        with self._lock:
            pull = self.pull(number)
            if not (pull.head_repository and pull.editable):
                raise Forbidden(f"{self.repository}: the head branch of pull request #{number} is not ours to push to")
            head = self._commits[pull.head_sha]
            if (head.parent, head.message.rstrip()) == (parent, message.rstrip()):
                return pull.head_sha
            if pull.head_sha != parent:
                raise ForgeError(f"{self.repository}: pull request #{number} has moved on from {parent}")
            modes = {path: mode for path, mode in head.modes.items() if path in files and mode == "100755"}
            sha = self._commit(parent, files, modes, message, self.login)
            self._update(number, head_sha=sha)
            self.writes.append(f"commit {sha} on #{number}")
            return sha

    def _thread(self, number: int) -> Thread:
        try:
            return self._threads[number]
        except KeyError:
            raise NotFound(f"{self.repository}: no pull request #{number}") from None

    def _update(self, number: int, **changes: Any) -> None:
        with self._lock:
            thread = self._thread(number)
            thread.pull = replace(thread.pull, updated_at=self._clock(), **changes)

    def _own_commits(self, pull: Pull) -> list[str]:
        """Commits between base and head, newest first."""
        own: list[str] = []
        sha: str | None = pull.head_sha
        while sha is not None and sha != pull.base_sha:
            own.append(sha)
            sha = self._commits[sha].parent
        return own

    def _shown(self, old: str | None, new: str) -> tuple[tuple[int, int], ...]:
        """Lines of the new blob in a diff with git's three lines of context; none of a binary file."""
        contents = [b"" if old is None else self._blobs[old], self._blobs[new]]
        if any(b"\0" in content for content in contents):
            return ()
        before, after = (content.splitlines() for content in contents)
        hunks = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT_LINES)
        spans = ((hunk[0][3] + 1, hunk[-1][4]) for hunk in hunks)
        return tuple((first, last) for first, last in spans if first <= last)
