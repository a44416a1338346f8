"""The `Forge` seam: one repository on GitHub, or on what speaks its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Permission = Literal["none", "read", "triage", "write", "admin"]
Conclusion = Literal["success", "failure", "neutral", "cancelled", "timed_out"]
Reaction = Literal["eyes", "rocket", "confused", "+1"]


class ForgeError(Exception):
    """The forge refused or cannot be reached. The message says what was asked and what came back."""


class NotFound(ForgeError):
    """No such pull request, commit or blob."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as it is now. `state` is "open" or "closed"."""

    number: int
    title: str
    author: str
    state: str
    draft: bool
    merged: bool
    head_sha: str
    base_ref: str
    base_sha: str
    merge_commit_sha: str | None
    url: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a pull request.

    `status`: added, modified, removed, renamed. `sha`: blob at the head, None if removed.
    `previous`: the old path of a rename.
    """

    path: str
    status: str
    sha: str | None
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file of a tree. `mode`: "100644", "100755" (executable), "120000" (link), "160000" (submodule)."""

    mode: str
    sha: str


@dataclass(frozen=True, slots=True)
class Tree:
    """Every file at a commit by path, links and submodules included; not `complete`: the forge left some out."""

    entries: Mapping[str, TreeEntry]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class PullCommit:
    """One commit of a pull request. The author is as git records it, not an account. `merge`: it has two parents."""

    sha: str
    author_name: str
    author_email: str
    message: str
    merge: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """One finding on lines of the head commit. `level`: notice, warning, failure."""

    path: str
    start_line: int
    end_line: int
    level: str
    title: str
    message: str
    start_column: int | None = None  # GitHub takes columns only where start_line == end_line
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """The wanted state of one check run, found again by (name, head_sha, external_id).

    `conclusion` None means in progress.
    """

    name: str
    head_sha: str
    external_id: str
    title: str
    summary: str
    conclusion: Conclusion | None = None
    annotations: Sequence[Annotation] = field(default=())
    details_url: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the conversation of a pull request."""

    id: int
    author: str
    body: str


class Forge(Protocol):
    """What Seedbed asks of a forge, for one repository.

    Contract (tests/contract/test_forge.py). Writes are *ensure*: find by marker or external id, write only if it
    differs, so a step may repeat without a trace (design §3).
    """

    @property
    def repository(self) -> str:
        """`owner/name`."""
        ...

    @property
    def clone_url(self) -> str:
        """Where git fetches from and pushes the ledger to; carries no secret."""
        ...

    @property
    def login(self) -> str:
        """The account that this program writes as."""
        ...

    def pull(self, number: int) -> Pull:
        """Raises `NotFound`."""
        ...

    def open_pulls(self) -> list[Pull]:
        """All open pull requests, oldest first."""
        ...

    def pull_of_commit(self, sha: str) -> Pull | None:
        """The merged pull request that brought this commit, if any."""
        ...

    def changed_files(self, number: int) -> list[ChangedFile]:
        """Files that the pull request changes against its base."""
        ...

    def commits(self, number: int) -> list[PullCommit]:
        """The commits that the pull request would bring, oldest first; GitHub lists 250 at most."""
        ...

    def tree(self, commit: str) -> Tree:
        """All files at a commit, in one request. Raises `NotFound`."""
        ...

    def file(self, commit: str, path: str, *, limit: int) -> bytes | None:
        """Content of the file at a path of a commit; None where there is none, or one of more than `limit` bytes."""
        ...

    def blob(self, sha: str, *, limit: int) -> bytes | None:
        """Content by blob sha; None when it is larger than `limit` bytes, and then little more is downloaded."""
        ...

    def branch_head(self, branch: str) -> str:
        """Commit sha. Raises `NotFound`."""
        ...

    def ensure_check(self, check: Check) -> None:
        """Make the check run so; annotations go in batches of 50."""
        ...

    def check(self, name: str, head_sha: str, external_id: str) -> Conclusion | Literal["in_progress"] | None:
        """State of our check run; None where there is none."""
        ...

    def ensure_comment(self, number: int, marker: str, body: str) -> int:
        """Make our one comment with `marker` on the pull request read `body`, which contains it; returns its id."""
        ...

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment with `marker`; another author's is never ours."""
        ...

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        ...

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; repeating is harmless."""
        ...

    def permission(self, login: str) -> Permission:
        """What `login` may do here, from the permission endpoint. Raises `ForgeError`; callers deny then."""
        ...
