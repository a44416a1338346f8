"""Where the client stands in its hour. Asking costs nothing."""

from __future__ import annotations

from fastapi import APIRouter, Request

from bot.localhub.api.context import hub_of
from bot.localhub.rate_limits import client_of
from bot.localhub.shapes.core import JSON

router = APIRouter()


@router.get("/rate_limit")
def get_rate_limit(request: Request) -> JSON:
    """GitHub's rate-limit-overview; everything counts as `core`."""
    hub = hub_of(request)
    core = hub.rate_limits.standing(client_of(request.scope), hub.clock()).body()
    return {"resources": {"core": core, "search": core, "graphql": core}, "rate": core}
