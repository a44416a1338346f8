"""Lets requests meet the faults that a hub owes them."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.localhub.edge.answers import api_path, is_api, keep, refuse
from bot.localhub.edge.limiting import EXCEEDED
from bot.localhub.errors import HubError, not_found
from bot.localhub.faults import Fault
from bot.localhub.hub import Hub

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
_SECONDARY_DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
_BROKEN = "Server Error"


class Failing:
    """Stands directly before the API."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, delay or pass on."""
        if not is_api(scope):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], api_path(scope)
        if self._hub.faults.hides(method, path):
            await refuse(not_found(), scope, receive, send)
            return
        fault = self._hub.faults.take(method, path)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._meet(fault, scope, receive, send)

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "secondary_limit":
                error = HubError(fault.code, SECONDARY, documentation=_SECONDARY_DOCS)
                await refuse(error, scope, receive, send, retry_after=fault.retry_after_s)
            case "primary_limit":
                reset = int(self._hub.clock()) + fault.retry_after_s
                headers = {"x-ratelimit-remaining": 0, "x-ratelimit-reset": reset}
                await refuse(HubError(fault.code, EXCEEDED), scope, receive, send, **headers)
            case "error_before":
                await refuse(HubError(fault.code, _BROKEN), scope, receive, send)
            case "error_after":
                await keep(self._app, scope, receive)
                await refuse(HubError(fault.code, _BROKEN), scope, receive, send)
            case "slow":
                await asyncio.sleep(fault.delay_s)
                await self._app(scope, receive, send)
            case "missing_after_creation":
                kept = await keep(self._app, scope, receive)
                url = json.loads(kept.body).get("url") if kept.status == 201 else None
                if url is not None:
                    self._hub.faults.hide(_path_of(url), fault.reads)
                await kept.pass_on(send)


def _path_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/api/v3")
