"""The primary rate limit: headers on every answer, and 403 for who has used the hour up. A 304 costs nothing."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.localhub.edge.answers import api_path, is_api, refuse
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.rate_limits import client_of

EXCEEDED = "API rate limit exceeded. Wait until the time that x-ratelimit-reset gives."
_FREE = "/rate_limit"


class Limiting:
    """Counts a client's requests to the API."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, refuse or pass on."""
        if not is_api(scope):
            await self._app(scope, receive, send)
            return
        limits, client, now = self._hub.rate_limits, client_of(scope), self._hub.clock()
        free = api_path(scope) == _FREE

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                costs = 0 if free or message["status"] == 304 else 1
                headers = MutableHeaders(scope=message)
                for name, value in limits.standing(client, now, count=costs).headers().items():
                    headers.setdefault(name, value)
            await send(message)

        standing = limits.standing(client, now)
        if standing.remaining == 0 and not free:
            await refuse(HubError(403, EXCEEDED), scope, receive, send, **standing.headers())
            return
        await self._app(scope, receive, send_counted)
