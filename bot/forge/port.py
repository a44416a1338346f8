"""The `Forge` seam: one repository on GitHub, or on what speaks its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.retry import TryAgain

Permission = Literal["none", "read", "triage", "write", "admin"]
Conclusion = Literal["success", "failure", "neutral", "cancelled", "timed_out"]
Reaction = Literal["eyes", "rocket", "confused", "+1"]


class ForgeError(Exception):
    """The forge refused or cannot be reached. The message says what was asked and what came back."""


class NotFound(ForgeError):
    """No such pull request, commit or blob."""


class Forbidden(ForgeError):
    """The account may not do that here: another's fork, a protected branch, a missing permission of the App."""


class Unreachable(ForgeError, TryAgain):
    """No answer, or the server's own fault (5xx). Asked again it may well answer."""


class RateLimited(ForgeError, TryAgain):
    """Asked too often. `after_s`: what the forge said, by `retry-after` or `x-ratelimit-reset`; 60 where it did not."""

    def __init__(self, message: str, after_s: float = 60.0) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as it is now. `state` is "open" or "closed". Times are seconds since 1970.

    `head_repository`: `owner/name` that the head branch lies in, "" where that was deleted. `editable`: its author lets
    maintainers push to the head branch (a branch of this repository itself always is).
    """

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
    body: str = ""
    head_ref: str = ""
    head_repository: str = ""
    editable: bool = False
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def from_fork(self) -> bool:
        """Whether the head branch lies in another repository than the base, which `url` names."""
        return f"/{self.head_repository}/pull/".casefold() not in self.url.casefold()


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a pull request.

    `status`: added, modified, removed, renamed. `sha`: blob at the head, None if removed.
    `previous`: the old path of a rename. `lines`: ranges (first, last) of lines of the head that the diff shows; review
    comments may stand on these only.
    """

    path: str
    status: str
    sha: str | None
    previous: str | None = None
    lines: tuple[tuple[int, int], ...] = ()


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
class Action:
    """A button on a check run. A press comes back as `check_run.requested_action` with the identifier.

    GitHub takes 20, 40 and 20 characters, and three buttons on a run.
    """

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Check:
    """The wanted state of one check run, found again by (name, head_sha, external_id).

    `conclusion` None means in progress. `actions`: its buttons.
    """

    name: str
    head_sha: str
    external_id: str
    title: str
    summary: str
    conclusion: Conclusion | None = None
    annotations: Sequence[Annotation] = field(default=())
    details_url: str | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the conversation of a pull request."""

    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A review comment on lines `start_line` to `line` of the head; `body` holds the suggestion block."""

    path: str
    start_line: int
    line: int
    body: str


@dataclass(frozen=True, slots=True)
class Review:
    """A review that somebody submitted. `state`: approved, changes_requested, commented, dismissed."""

    id: int
    author: str
    state: str
    sha: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the repository; `color` is six hex digits."""

    name: str
    color: str
    description: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt to deliver a webhook, from the forge's log. Attempts of one event share the `guid`."""

    id: int
    guid: str
    event: str
    ok: bool
    at: float


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

    def git_token(self) -> str | None:
        """A token for git over HTTPS, good for some minutes at least; None where none is needed."""
        ...

    def pull(self, number: int) -> Pull:
        """Raises `NotFound`."""
        ...

    def open_pulls(self) -> list[Pull]:
        """All open pull requests, oldest first. GitHub tells only `pull` whether a fork is `editable`."""
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
        """Make our one comment with `marker` on the pull request read `body`, which begins with it; returns its id."""
        ...

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment that begins with `marker`; another author's is never ours, nor one that quotes it."""
        ...

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        ...

    def minimize(self, comment_id: int) -> None:
        """Fold one of our comments away as outdated; repeating is harmless."""
        ...

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; repeating is harmless."""
        ...

    def ensure_review(
        self, number: int, head_sha: str, marker: str, body: str, suggestions: Sequence[Suggestion]
    ) -> int:
        """Our one review (event COMMENT) with `marker`, on `head_sha`; made where missing, never changed. Its id."""
        ...

    def reviews(self, number: int) -> list[Review]:
        """All submitted reviews, oldest first."""
        ...

    def ensure_labels(self, number: int, *, add: Sequence[Label] = (), remove: Sequence[str] = ()) -> None:
        """Put labels on (made in the repository where missing) and take labels off; nothing that is so already."""
        ...

    def ensure_assignee(self, number: int, login: str) -> bool:
        """Assign `login`, besides others. False where the forge does not let that account be assigned."""
        ...

    def commit_files(self, number: int, parent: str, files: Mapping[str, bytes | None], message: str) -> str:
        """Put a commit with these files (None removes) on top of `parent` on the pull request's head branch; its sha.

        Where the head is such a commit of ours already (first parent `parent`, same message), its sha is returned.
        Raises `Forbidden` where we may not push there, and `ForgeError` where the branch has moved on.
        """
        ...

    def has_merged(self, login: str) -> bool:
        """Whether a pull request of `login` was merged here."""
        ...

    def deliveries(self, since: float) -> list[Sent]:
        """Attempts to deliver webhooks to us since a time (seconds since 1970), newest first, from the forge's log.

        Empty where our credentials have no log: a plain token without admin permission.
        """
        ...

    def redeliver(self, sent: Sent) -> None:
        """Ask for one more attempt."""
        ...

    def permission(self, login: str) -> Permission:
        """What `login` may do here, from the permission endpoint. Raises `ForgeError`; callers deny then."""
        ...
