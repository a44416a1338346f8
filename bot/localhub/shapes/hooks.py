"""Hooks and deliveries as GitHub's API shows them."""

from __future__ import annotations

import json

from bot.localhub.models import Delivery, Hook, Repository
from bot.localhub.shapes.core import JSON, View, when


def hook(view: View, repo: Repository, row: Hook) -> JSON:
    """GitHub's repository webhook; the secret is never shown."""
    here = url(view, repo, row.id)
    config = {"url": row.url, "content_type": "json", "insecure_ssl": "0"}
    return {
        "type": "Repository",
        "id": row.id,
        "name": "web",
        "active": True,
        "events": row.events.split(","),
        "config": {**config, "secret": "********"} if row.secret else config,
        "created_at": when(row.created_at),
        "updated_at": when(row.created_at),
        "url": here,
        "test_url": f"{here}/tests",
        "ping_url": f"{here}/pings",
        "deliveries_url": f"{here}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def url(view: View, repo: Repository, hook_id: int) -> str:
    """API URL of a repository's hook."""
    return f"{view.repo_api(repo)}/hooks/{hook_id}"


def delivery(here: str, row: Delivery, *, full: bool = False) -> JSON:
    """GitHub's hook-delivery-item; with `full` the request and the response, too. `here` is the URL of the hook."""
    shape: JSON = {
        "id": row.id,
        "guid": row.guid,
        "delivered_at": when(row.delivered_at or row.created_at),
        "redelivery": bool(row.redelivery),
        "duration": row.duration,
        "status": row.status,
        "status_code": row.status_code,
        "event": row.event,
        "action": row.action,
        "installation_id": row.installation_id,
        "repository_id": row.repository_id,
        "throttled_at": None,
        "url": f"{here}/deliveries/{row.id}",
    }
    if full:
        shape["request"] = {"headers": json.loads(row.request_headers), "payload": json.loads(row.body)}
        shape["response"] = {"headers": json.loads(row.response_headers), "payload": row.response_body}
    return shape
