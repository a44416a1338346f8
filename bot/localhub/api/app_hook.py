"""The webhook of an App: its settings, its deliveries, and sending one again."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub.api.apps import Signer
from bot.localhub.api.context import Seen
from bot.localhub.api.deliveries import Cursor
from bot.localhub.errors import invalid, not_found
from bot.localhub.hub import HOOK_URL, Hub
from bot.localhub.models import App, Delivery, Hook
from bot.localhub.shapes import apps as shapes
from bot.localhub.shapes import hooks as hook_shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/app/hook")


class ConfigChange(BaseModel):
    """A change of the webhook's settings."""

    url: str | None = None
    content_type: str | None = None
    secret: str | None = None
    insecure_ssl: str | float | None = None


def _hook(hub: Hub, app: App) -> Hook:
    found = hub.db.row(Hook, "SELECT * FROM hooks WHERE app_id = ?", app.id)
    if found is None:
        raise not_found()
    return found


def _delivery(hub: Hub, app: App, delivery_id: int) -> tuple[Hook, Delivery]:
    hook = _hook(hub, app)
    found = hub.deliveries.get(hook, delivery_id)
    if found is None:
        raise not_found()
    return hook, found


@router.get("/config")
def get_config(view: Seen, app: Signer) -> JSON:
    """Where the App's events go."""
    return shapes.hook_config(_hook(view.hub, app))


@router.patch("/config")
def update_config(view: Seen, app: Signer, change: ConfigChange) -> JSON:
    """Let them go elsewhere, or be signed with another secret."""
    hook = _hook(view.hub, app)
    if change.url is not None and not HOOK_URL.match(change.url):
        raise invalid("Hook", "url", f"{change.url!r} is no http(s) address")
    if change.content_type not in (None, "json"):
        raise invalid("Hook", "content_type", "localhub sends json only")
    url = hook.url if change.url is None else change.url
    secret = hook.secret if change.secret is None else change.secret
    view.hub.db.update("hooks", hook.id, url=url, secret=secret)
    return shapes.hook_config(_hook(view.hub, app))


@router.get("/deliveries")
def list_deliveries(view: Seen, app: Signer, cursor: Cursor) -> list[JSON]:
    """The log, newest first."""
    here = f"{view.api}/app/hook"
    return [hook_shapes.delivery(here, row) for row in cursor.cut(view.hub.deliveries, _hook(view.hub, app))]


@router.get("/deliveries/{delivery_id}")
def get_delivery(view: Seen, app: Signer, delivery_id: int) -> JSON:
    """One delivery with request and response."""
    _, row = _delivery(view.hub, app, delivery_id)
    return hook_shapes.delivery(f"{view.api}/app/hook", row, full=True)


@router.post("/deliveries/{delivery_id}/attempts", status_code=202)
def redeliver(view: Seen, app: Signer, delivery_id: int) -> JSON:
    """Send it again, with the same GUID."""
    hook, row = _delivery(view.hub, app, delivery_id)
    view.hub.deliveries.redeliver(hook, row)
    return {}
