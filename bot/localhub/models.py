"""Rows of localhub's database as frozen records. Field names are column names; times are seconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["none", "read", "triage", "write", "admin"]
LEVELS: tuple[Level, ...] = ("none", "read", "triage", "write", "admin")
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
EVENTS = ("pull_request", "push", "issue_comment", "check_run", "ping")


@dataclass(frozen=True, slots=True)
class Account:
    """A user, a bot (what GitHub calls an App's account) or an organization. `kind` is GitHub's `type`."""

    id: int
    login: str
    kind: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Repository:
    """One bare repository; the branches and commits live in git, not here."""

    id: int
    owner: str
    name: str
    default_branch: str
    description: str
    created_at: float
    pushed_at: float

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request; `state` is "open" or "closed", `merged_at` tells whether it was merged."""

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


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the conversation of a pull request."""

    id: int
    pull_id: int
    author: str
    body: str
    created_at: float
    updated_at: float


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
    """A check run of one commit; `app` is the login of the bot that wrote it."""

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
    """Where webhooks go; `events` is a comma-separated list, "*" means all."""

    id: int
    repository_id: int
    url: str
    secret: str
    events: str
    created_at: float

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
