"""Commit statuses: what anybody who writes may say about a commit, one word for each context."""

from __future__ import annotations

from bot.localhub import payloads
from bot.localhub.errors import HubError, invalid
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository, Status

STATES = ("error", "failure", "pending", "success")
MAX_DESCRIPTION = 140


def of_commit(hub: Hub, repository: Repository, sha: str) -> list[Status]:
    """All statuses of a commit, newest first."""
    query = "SELECT * FROM statuses WHERE repository_id = ? AND sha = ? ORDER BY id DESC"
    return hub.db.rows(Status, query, repository.id, sha)


def latest(hub: Hub, repository: Repository, sha: str) -> list[Status]:
    """The newest status of each context, by context."""
    newest: dict[str, Status] = {}
    for status in of_commit(hub, repository, sha):
        newest.setdefault(status.context, status)
    return sorted(newest.values(), key=lambda status: status.context)


def combined(rows: list[Status]) -> str:
    """One word for the newest statuses, as GitHub finds it: pending where there is none."""
    states = {row.state for row in rows}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def create(
    hub: Hub, repository: Repository, creator: Account, sha: str, *, state: str, context: str = "default",
    description: str | None = None, target_url: str | None = None,
) -> Status:  # fmt: skip
    """Say something about a commit; emits `status`. The caller has checked the permission."""
    if state not in STATES:
        raise invalid("Status", "state", f"state must be one of {', '.join(STATES)}")
    if len(description or "") > MAX_DESCRIPTION:
        raise invalid("Status", "description", f"description is too long (maximum is {MAX_DESCRIPTION} characters)")
    if target_url and not target_url.startswith(("http://", "https://")):
        raise invalid("Status", "target_url", "target_url must use http(s) scheme")
    if hub.git(repository).kind(sha) != "commit":
        raise HubError(422, f"No commit found for SHA: {sha}")
    with hub.db.transaction():
        row_id = hub.db.insert(
            "statuses", repository_id=repository.id, sha=sha, context=context, state=state, description=description,
            target_url=target_url or None, creator=creator.login, created_at=hub.clock(),
        )  # fmt: skip
        row = next(row for row in of_commit(hub, repository, sha) if row.id == row_id)
        payloads.status(hub, repository, row)
    return row
