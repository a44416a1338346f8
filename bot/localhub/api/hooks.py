"""Hooks of a repository, their deliveries, and sending one again."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import payloads
from bot.localhub.api.context import Context, Page, Where
from bot.localhub.api.deliveries import Cursor
from bot.localhub.api.route import OneHop
from bot.localhub.errors import invalid, not_found
from bot.localhub.models import Delivery, Hook
from bot.localhub.shapes import hooks as shapes
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}/hooks", route_class=OneHop)


class Config(BaseModel):
    """Where and how a hook sends."""

    url: str
    content_type: str = "json"
    secret: str = ""


class NewHook(BaseModel):
    """A hook to make."""

    config: Config
    name: str = "web"
    events: list[str] = ["push"]


def _hook(where: Context, hook_id: int) -> Hook:
    where.needs("admin")
    return where.hub.hook(where.repository, hook_id)


def _delivery(where: Context, hook: Hook, delivery_id: int) -> Delivery:
    found = where.hub.deliveries.get(hook, delivery_id)
    if found is None:
        raise not_found()
    return found


@router.get("")
def list_hooks(where: Where, page: Page) -> list[JSON]:
    """All hooks; needs admin."""
    where.needs("admin")
    return [shapes.hook(where.view, where.repository, row) for row in page.cut(where.hub.hooks(where.repository))]


@router.post("", status_code=201)
def create_hook(where: Where, new: NewHook) -> JSON:
    """Make a hook; needs admin."""
    where.needs("admin")
    if new.config.content_type != "json":
        raise invalid("Hook", "content_type", "localhub sends json only")
    row = where.hub.add_hook(where.repository.full_name, new.config.url, new.config.secret, new.events)
    return shapes.hook(where.view, where.repository, row)


@router.get("/{hook_id}")
def get_hook(where: Where, hook_id: int) -> JSON:
    """One hook."""
    return shapes.hook(where.view, where.repository, _hook(where, hook_id))


@router.delete("/{hook_id}", status_code=204)
def delete_hook(where: Where, hook_id: int) -> None:
    """Remove a hook and its log."""
    hook = _hook(where, hook_id)
    with where.hub.db.transaction():
        where.hub.db.run("DELETE FROM deliveries WHERE hook_id = ?", hook.id)
        where.hub.db.run("DELETE FROM hooks WHERE id = ?", hook.id)


@router.post("/{hook_id}/pings", status_code=204)
def ping_hook(where: Where, hook_id: int) -> None:
    """Send a ping."""
    payloads.ping(where.hub, where.repository, _hook(where, hook_id))


@router.get("/{hook_id}/deliveries")
def list_deliveries(where: Where, hook_id: int, cursor: Cursor) -> list[JSON]:
    """The log, newest first."""
    hook = _hook(where, hook_id)
    here = shapes.url(where.view, where.repository, hook.id)
    return [shapes.delivery(here, row) for row in cursor.cut(where.hub.deliveries, hook)]


@router.get("/{hook_id}/deliveries/{delivery_id}")
def get_delivery(where: Where, hook_id: int, delivery_id: int) -> JSON:
    """One delivery with request and response."""
    row = _delivery(where, _hook(where, hook_id), delivery_id)
    return shapes.delivery(shapes.url(where.view, where.repository, hook_id), row, full=True)


@router.post("/{hook_id}/deliveries/{delivery_id}/attempts", status_code=202)
def redeliver(where: Where, hook_id: int, delivery_id: int) -> JSON:
    """Send it again, with the same GUID."""
    hook = _hook(where, hook_id)
    where.hub.deliveries.redeliver(hook, _delivery(where, hook, delivery_id))
    return {}
