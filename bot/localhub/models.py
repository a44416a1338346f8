"""Rows of localhub's database as frozen records. Field names are column names; times are seconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "read", "triage", "write", "admin"]
LEVELS: tuple[Level, ...] = ("none", "read", "triage", "write", "admin")
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
EVENTS = (
    "pull_request", "pull_request_review", "push", "issue_comment", "check_run", "check_suite", "status", "fork",
    "ping",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """A user, a bot (what GitHub calls an App's account) or an organization. `kind` is GitHub's `type`."""

    id: int
    login: str
    kind: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Repository:
    """One bare repository; the branches and commits live in git, not here.

    A fork has a `parent_id`, what it was made from, and a `source_id`, where that line of forks began.
    """

    id: int
    owner: str
    name: str
    default_branch: str
    description: str
    created_at: float
    pushed_at: float
    parent_id: int | None
    source_id: int | None

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request; `state` is "open" or "closed", `merged_at` tells whether it was merged.

    The head branch lies in `head_repository_id`: this repository, a fork, or None where the fork was deleted.
    """

    id: int
    repository_id: int
    number: int
    title: str
    body: str
    author: str
    state: str
    draft: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    created_at: float
    updated_at: float
    closed_at: float | None
    merged_at: float | None
    merged_by: str | None
    merge_commit_sha: str | None
    head_owner: str
    head_repository_id: int | None
    maintainer_can_modify: int

    @property
    def from_fork(self) -> bool:
        """Whether the head branch lies in another repository."""
        return self.head_repository_id != self.repository_id


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the conversation of a pull request; `minimized` is the reason why it is folded, if it is."""

    id: int
    pull_id: int
    author: str
    body: str
    created_at: float
    updated_at: float
    minimized: str | None


@dataclass(frozen=True, slots=True)
class Review:
    """A review; `state` is APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED."""

    id: int
    pull_id: int
    author: str
    state: str
    body: str
    commit_sha: str
    submitted_at: float


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A comment on lines of a diff. `side` RIGHT counts lines of the head, LEFT those of the base.

    `position` counts lines of the file's diff below its first hunk header; `blob_sha` is the file that it speaks of.
    """

    id: int
    review_id: int
    pull_id: int
    author: str
    path: str
    start_line: int | None
    line: int
    start_side: str | None
    side: str
    position: int
    body: str
    diff_hunk: str
    commit_sha: str
    blob_sha: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Status:
    """What an account said about a commit under a `context`; the newest of each context counts."""

    id: int
    repository_id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: str
    created_at: float


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """What happened to a pull request besides comments; `detail` is a short text or `before..after`."""

    id: int
    pull_id: int
    actor: str
    kind: str
    detail: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Reaction:
    """One account's reaction to one comment."""

    id: int
    comment_id: int
    author: str
    content: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a repository; `color` is six hex digits."""

    id: int
    repository_id: int
    name: str
    color: str
    description: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run of one commit; `app` is the login of the bot that wrote it, `actions` its buttons as JSON."""

    id: int
    repository_id: int
    head_sha: str
    name: str
    app: str
    external_id: str
    details_url: str | None
    status: str
    conclusion: str | None
    started_at: float
    completed_at: float | None
    title: str | None
    summary: str | None
    text: str | None
    actions: str


@dataclass(frozen=True, slots=True)
class Suite:
    """All check runs of one app on one commit; its id is that of the first."""

    id: int
    repository_id: int
    head_sha: str
    app: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A finding of a check run on lines of a file."""

    id: int
    check_run_id: int
    path: str
    start_line: int
    end_line: int
    start_column: int | None
    end_column: int | None
    annotation_level: str
    title: str | None
    message: str
    raw_details: str | None


@dataclass(frozen=True, slots=True)
class Hook:
    """Where webhooks go; `events` is a comma-separated list, "*" means all.

    A hook is a repository's or an App's (`app_id`; its `repository_id` is 0, and it hears of every installation).
    """

    id: int
    repository_id: int
    url: str
    secret: str
    events: str
    created_at: float
    app_id: int | None

    def wants(self, event: str) -> bool:
        """Whether this hook asked for `event`; a ping always goes out."""
        return event == "ping" or "*" in self.events.split(",") or event in self.events.split(",")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request; `delivered_at` is None while it waits. `status_code` 0: no answer came."""

    id: int
    hook_id: int
    guid: str
    event: str
    action: str | None
    body: bytes
    redelivery: int
    created_at: float
    delivered_at: float | None
    duration: float
    status: str
    status_code: int
    request_headers: str
    response_headers: str
    response_body: str
    installation_id: int | None
    repository_id: int | None


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App: `permissions` is JSON (name → read or write), `events` a comma-separated list, `url` its home."""

    id: int
    slug: str
    name: str
    owner: str
    description: str
    url: str
    client_id: str
    public_key: str
    permissions: str
    events: str
    created_at: float

    @property
    def login(self) -> str:
        """The account that the App acts as."""
        return f"{self.slug}[bot]"


@dataclass(frozen=True, slots=True)
class Installation:
    """An App on repositories of one owner: "all" or the "selected" ones. What was granted is a copy of the App's."""

    id: int
    app_id: int
    owner: str
    selection: str
    permissions: str
    events: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Grant:
    """What an installation token allows: `repositories` is a JSON list of ids, None for all of the installation."""

    sha256: str
    installation_id: int
    permissions: str
    repositories: str | None
    expires_at: float
