"""Conditional requests: every answer to a GET has an ETag, and who has the same already gets 304 without a body."""

from __future__ import annotations

import hashlib

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.localhub.edge.answers import header, is_api, keep

_OF_BODY = (b"content-length", b"content-type")


class ETags:
    """Adds ETags to the API's answers and compares `If-None-Match` with them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GETs with an ETag; pass the rest on."""
        if not is_api(scope) or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        kept = await keep(self._app, scope, receive)
        if kept.status != 200:
            await kept.pass_on(send)
            return
        etag = f'W/"{hashlib.sha256(kept.body).hexdigest()}"'
        headers = [*kept.headers, (b"etag", etag.encode()), (b"vary", b"Accept, Authorization")]
        if _known(header(scope, "if-none-match"), etag):
            headers = [(name, value) for name, value in headers if name not in _OF_BODY]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": kept.body})


def _known(wanted: str | None, etag: str) -> bool:
    """The weak comparison of RFC 9110, section 8.8.3.2, with each of a list."""
    if wanted is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags
