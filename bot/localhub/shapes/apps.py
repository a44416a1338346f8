"""Apps, installations and their tokens as GitHub's API shows them."""

from __future__ import annotations

import json

from bot.localhub import installations
from bot.localhub.models import App, Grant, Hook, Installation
from bot.localhub.shapes.core import JSON, View, app, node_id, repository, user, when


def integration(view: View, row: App) -> JSON:
    """GitHub's integration, as the App itself sees it."""
    return {**app(view, row.login), "installations_count": len(installations.installations_of(view.hub.db, row))}


def installation(view: View, of: App, row: Installation) -> JSON:
    """GitHub's installation."""
    owner = user(view, row.owner)
    return {
        "id": row.id,
        "account": owner,
        "repository_selection": row.selection,
        "access_tokens_url": f"{view.api}/app/installations/{row.id}/access_tokens",
        "repositories_url": f"{view.api}/installation/repositories",
        "html_url": f"{view.base}/apps/{of.slug}/installations/{row.id}",
        "app_id": of.id,
        "client_id": of.client_id,
        "app_slug": of.slug,
        "target_id": owner["id"],
        "target_type": owner["type"],
        "permissions": json.loads(row.permissions),
        "events": _listed(row.events),
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }


def reference(row: Installation) -> JSON:
    """GitHub's simple-installation, which every payload to an App carries."""
    return {"id": row.id, "node_id": node_id("IntegrationInstallation", row.id)}


def token(view: View, secret: str, allowed: Grant, selection: str) -> JSON:
    """GitHub's installation-token; `repositories` only where it was narrowed to some."""
    shape: JSON = {
        "token": secret,
        "expires_at": when(allowed.expires_at),
        "permissions": json.loads(allowed.permissions),
        "repository_selection": selection,
    }
    if allowed.repositories is not None:
        rows = installations.granted_repositories(view.hub.db, allowed)
        shape |= {"repository_selection": "selected", "repositories": [repository(view, row) for row in rows]}
    return shape


def hook(view: View, of: App, row: Hook) -> JSON:
    """The App's hook as a ping shows it."""
    return {
        "type": "App",
        "id": row.id,
        "name": "web",
        "active": True,
        "events": _listed(row.events),
        "config": hook_config(row),
        "updated_at": when(row.created_at),
        "created_at": when(row.created_at),
        "app_id": of.id,
        "deliveries_url": f"{view.api}/app/hook/deliveries",
    }


def hook_config(row: Hook) -> JSON:
    """GitHub's webhook-config; the secret is never shown."""
    shape = {"url": row.url, "content_type": "json", "insecure_ssl": "0"}
    return {**shape, "secret": "********"} if row.secret else shape


def _listed(events: str) -> list[str]:
    return events.split(",") if events else []
