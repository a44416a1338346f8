"""Pages of webhooks and their deliveries."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.localhub.api.context import Context
from bot.localhub.errors import HubError, not_found
from bot.localhub.models import Delivery, Hook
from bot.localhub.pages.repos import Place
from bot.localhub.pages.session import author_of
from bot.localhub.pages.show import about

router = APIRouter(prefix="/{owner}/{name}/hooks")


def _delivery(where: Context, hook_id: int, delivery_id: int) -> tuple[Hook, Delivery]:
    hook = where.hub.hook(where.repository, hook_id)
    delivery = where.hub.deliveries.get(hook, delivery_id)
    if delivery is None:
        raise not_found()
    return hook, delivery


@router.get("")
def listing(request: Request, where: Place) -> HTMLResponse:
    """Hooks and the newest hundred deliveries of each."""
    log = {hook: where.hub.deliveries.listed(hook, limit=100) for hook in where.hub.hooks(where.repository)}
    return about(request, "hooks.html", where, {"log": log})


@router.get("/{hook_id}/deliveries/{delivery_id}")
def delivery(request: Request, where: Place, hook_id: int, delivery_id: int) -> HTMLResponse:
    """One delivery: request, response, and the button to send it again."""
    hook, row = _delivery(where, hook_id, delivery_id)
    values = {
        "hook": hook,
        "delivery": row,
        "headers": json.loads(row.request_headers),
        "payload": json.dumps(json.loads(row.body), indent=2, ensure_ascii=False),
        "answered": json.loads(row.response_headers),
    }
    return about(request, "delivery.html", where, values)


@router.post("/{hook_id}/deliveries/{delivery_id}/redeliver")
def redeliver(
    request: Request, where: Place, hook_id: int, delivery_id: int, csrf: Annotated[str, Form()]
) -> RedirectResponse:
    """Send it again; needs admin."""
    author = author_of(request, csrf)
    if not where.hub.allows(where.repository, author, "admin"):
        raise HubError(403, "Sending a webhook again needs admin permission.")
    hook, row = _delivery(where, hook_id, delivery_id)
    new = where.hub.deliveries.redeliver(hook, row)
    return RedirectResponse(f"/{where.repository.full_name}/hooks/{hook_id}/deliveries/{new}", 303)
