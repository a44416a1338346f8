"""The App's manifest: what it may do, what it is told of, and where. `docs/how-to/register-the-app.md` shows it."""

from __future__ import annotations

from typing import Any

from bot.events import EVENTS
from bot.forge.github.credentials import PERMISSIONS

NAME_LIMIT = 34  # GitHub's


def manifest(repository: str, url: str) -> dict[str, Any]:
    """What the forge is sent, for the bot of `repository` (owner/name) whose pages are at `url`."""
    return {
        "name": f"seedbed-{repository.partition('/')[0]}"[:NAME_LIMIT].rstrip("-"),
        "url": url,
        "description": f"Checks contributions to {repository}, and grows a language model from them.",
        "hook_attributes": {"url": f"{url}/webhook", "active": True},
        "redirect_url": f"{url}/setup/done",
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS),
    }
