"""Commit statuses as GitHub's API shows them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.localhub.models import Repository, Status
from bot.localhub.shapes.core import JSON, View, node_id, repository, user, when


def _short(view: View, repo: Repository, row: Status) -> JSON:
    creator = user(view, row.creator)
    return {
        "url": f"{view.repo_api(repo)}/statuses/{row.sha}",
        "avatar_url": creator["avatar_url"],
        "id": row.id,
        "node_id": node_id("StatusContext", row.id),
        "state": row.state,
        "description": row.description,
        "target_url": row.target_url,
        "context": row.context,
        "created_at": when(row.created_at),
        "updated_at": when(row.created_at),
    }


def status(view: View, repo: Repository, row: Status) -> JSON:
    """GitHub's status."""
    return {**_short(view, repo, row), "creator": user(view, row.creator)}


def combined(view: View, repo: Repository, sha: str, state: str, rows: Sequence[Status], total: int) -> JSON:
    """GitHub's combined-commit-status."""
    url = view.repo_api(repo)
    return {
        "state": state,
        "statuses": [_short(view, repo, row) for row in rows],
        "sha": sha,
        "total_count": total,
        "repository": repository(view, repo),
        "commit_url": f"{url}/commits/{sha}",
        "url": f"{url}/commits/{sha}/status",
    }
