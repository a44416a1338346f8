"""Webhooks of Apps: which App hears of an event, and what it is told about its own installations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.localhub import installations
from bot.localhub.hub import Hub
from bot.localhub.models import App, Hook, Installation, Repository
from bot.localhub.shapes import apps as shapes
from bot.localhub.shapes import core

# Asked of one App alone: the one that the check belongs to.
_PERSONAL = {"check_run": ("rerequested", "requested_action"), "check_suite": ("requested", "rerequested")}


def listeners(hub: Hub, repository: Repository, event: str) -> list[tuple[Hook, Installation]]:
    """The hooks of Apps that asked for an event of a repository, with the installation that makes them hear it."""
    found = []
    for row in installations.covering(hub.db, repository):
        app = installations.app(hub.db, row.app_id)
        hook = installations.hook_of(hub.db, app) if app else None
        if hook and hook.wants(event):
            found.append((hook, row))
    return found


def tell(
    hub: Hub, repository: Repository, event: str, payload: dict[str, Any], apps: Sequence[tuple[Hook, Installation]]
) -> None:
    """Log the deliveries of Apps: the payload of everyone, and which installation it is for."""
    for hook, row in apps:
        if _concerns(hook, event, payload):
            told = {**payload, "installation": shapes.reference(row)}
            hub.deliveries.record(hook, event, told, installation_id=row.id, repository_id=repository.id)


def _concerns(hook: Hook, event: str, payload: Mapping[str, Any]) -> bool:
    if payload.get("action") not in _PERSONAL.get(event, ()):
        return True
    return bool(payload[event]["app"]["id"] == hook.app_id)


def ping(hub: Hub, app: App) -> None:
    """`ping`, when the App has an address."""
    hook = installations.hook_of(hub.db, app)
    if hook is None:
        return
    view = core.View(hub, hub.base_url)
    payload = {"zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": shapes.hook(view, app, hook)}
    hub.deliveries.record(hook, "ping", payload)


def installed(hub: Hub, app: App, row: Installation, sender: str) -> None:
    """`installation.created`."""
    covered = installations.repositories(hub.db, row)
    _tell(hub, app, row, "installation", sender, {"action": "created", "repositories": _short(covered)})


def repositories_added(hub: Hub, app: App, row: Installation, added: Sequence[Repository], sender: str) -> None:
    """`installation_repositories.added`."""
    payload = {
        "action": "added",
        "repository_selection": row.selection,
        "repositories_added": _short(added),
        "repositories_removed": [],
    }
    _tell(hub, app, row, "installation_repositories", sender, payload)


def _tell(hub: Hub, app: App, row: Installation, event: str, sender: str, payload: dict[str, Any]) -> None:
    hook = installations.hook_of(hub.db, app)
    if hook is None:
        return
    view = core.View(hub, hub.base_url)
    around = {
        "installation": shapes.installation(view, app, row),
        "requester": None,
        "sender": core.user(view, sender),
    }
    hub.deliveries.record(hook, event, {**payload, **around}, installation_id=row.id)


def _short(rows: Sequence[Repository]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "node_id": core.node_id("Repository", row.id),
            "name": row.name,
            "full_name": row.full_name,
            "private": False,
        }
        for row in rows
    ]
