"""The application and the server that runs it in a thread or in a process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.localhub import api, pages, refs, smart_http
from bot.localhub.edge import ETags, Failing, Limiting
from bot.localhub.errors import HubError, not_found
from bot.localhub.hub import Hub
from bot.localhub.pages.show import POLICY, refusal

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create_app(hub: Hub, *, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """The web application of a hub. `hosts` are the names it answers to, so that no other site's name can lead here."""
    app = FastAPI(title="localhub", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.hub = hub
    app.add_middleware(Failing, hub=hub)
    app.add_middleware(ETags)
    app.add_middleware(Limiting, hub=hub)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(_Edge)
    app.add_exception_handler(HubError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(Exception, _refuse)
    app.include_router(api.router)
    app.include_router(smart_http.router)
    app.include_router(pages.router)
    return app


class _Edge:
    """Adds the headers of `_HEADERS` to every answer, and reads every body sent to the API as JSON, as GitHub does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] == "http" and scope["path"].startswith("/api/") and scope["method"] != "GET":
            kept = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            scope["headers"] = [*kept, (b"content-type", b"application/json")]
        await self._app(scope, receive, send_with_headers)


def _refuse(request: Request, error: Exception) -> Response:
    """GitHub's JSON for the API, a page for people."""
    known = _known(error)
    if request.url.path.startswith("/api/"):
        return JSONResponse(known.body(), known.status)
    return refusal(request, known)


def _known(error: Exception) -> HubError:
    if isinstance(error, HubError):
        return error
    if isinstance(error, HTTPException):
        return not_found() if error.status_code == 404 else HubError(error.status_code, str(error.detail))
    if isinstance(error, RequestValidationError):
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return HubError(400, "Problems parsing JSON")
        if any(fault["loc"][0] == "path" for fault in faults):
            return not_found()
        texts = [f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in faults]
        return HubError(422, "Invalid request.\n\n" + "\n".join(texts))
    return HubError(500, "Server Error")


class Server:
    """A running localhub; `url` is where. Use as a context manager, or call `stop`."""

    def __init__(self, hub: Hub, server: uvicorn.Server, listener: socket.socket, url: str) -> None:
        self.hub = hub
        self.url = url
        self._server = server
        self._thread = threading.Thread(target=server.run, args=([listener],), name="localhub", daemon=True)
        self._thread.start()

    @property
    def api_url(self) -> str:
        """What PyGithub takes as `base_url`."""
        return f"{self.url}/api/v3"

    def wait(self) -> None:
        """Block until the server stops."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def stop(self) -> None:
        """Finish open requests and the delivery under way, then stop. The hub stays open."""
        self._server.should_exit = True
        self._thread.join(10)
        self.hub.deliveries.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(hub: Hub, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve a hub in a thread; port 0 takes a free one. Returns once it listens: connections wait in the backlog."""
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
    )
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    hub.base_url = url
    for repository in hub.repositories():
        refs.observe(hub, repository, repository.owner)  # what moved while nobody looked
    app = create_app(hub, hosts=("127.0.0.1", "localhost", host))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, proxy_headers=False, timeout_graceful_shutdown=3, lifespan="off"
    )
    hub.deliveries.start()
    return Server(hub, uvicorn.Server(config), listener, url)
