"""Small things that the layers of the edge share: answers made without the API, and answers kept back for a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.localhub.errors import HubError


@dataclass
class Kept:
    """An answer of the API, whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    messages: list[Message] = field(default_factory=list)

    async def pass_on(self, send: Send) -> None:
        """Send it as it came."""
        for message in self.messages:
            await send(message)


def is_api(scope: Scope) -> bool:
    """Whether a request is one to the API."""
    return bool(scope["type"] == "http" and scope["path"].startswith("/api/"))


def api_path(scope: Scope) -> str:
    """The path from `/repos`, `/app`, `/graphql` … on."""
    path: str = scope["path"]
    return path.removeprefix("/api").removeprefix("/v3")


def header(scope: Scope, name: str) -> str | None:
    """A header of the request."""
    return Headers(scope=scope).get(name)


async def keep(app: ASGIApp, scope: Scope, receive: Receive) -> Kept:
    """Let the API answer and keep what it says."""
    kept = Kept(500, [])

    async def take(message: Message) -> None:
        kept.messages.append(message)
        if message["type"] == "http.response.start":
            kept.status, kept.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            kept.body += message.get("body", b"")

    await app(scope, receive, take)
    return kept


async def refuse(error: HubError, scope: Scope, receive: Receive, send: Send, **headers: Any) -> None:
    """Answer with GitHub's JSON for a refusal; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    await JSONResponse(error.body(), error.status, named)(scope, receive, send)
