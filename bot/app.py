"""The web process: one webhook, pages for people, figures for monitoring. It runs no jobs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import metrics, progress, status
from bot.doorbell import Doorbell
from bot.engine.port import Enqueuer
from bot.inbox import Inbox
from bot.metrics import Metrics
from bot.render import pages
from bot.settings import Settings
from pipeline.store.port import Store

log = logging.getLogger(__name__)
PAGE_HEADERS = {
    # Nothing on these pages runs or is fetched: they show text that strangers and models wrote.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(settings: Settings, enqueuer: Enqueuer, store: Store) -> FastAPI:
    """The application; see `wiring.resolved` for the settings of an App.

    Raises `SettingsError` when no webhook secret is set.
    """
    inbox = Inbox(settings.state_dir, enqueuer)
    figures = Metrics(enqueuer, inbox)
    bell = Doorbell(settings, inbox, figures)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(inbox.close)

    app = FastAPI(title="Seedbed", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(_Bell, bell=bell)
    _watched(app, lambda: enqueuer.jobs(limit=1), figures)
    _pages(app, settings, enqueuer, store)
    return app


class _Bell:
    """Answers `POST /webhook` before the way through FastAPI, which has nothing to read there: a fifth of the time."""

    def __init__(self, app: ASGIApp, bell: Doorbell) -> None:
        self._app = app
        self._bell = bell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/webhook" and scope["method"] == "POST":
            response = await self._bell.answer(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def add_health(app: FastAPI) -> None:
    """Add `/healthz`: the process answers."""

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"ok": True})


def _watched(app: FastAPI, probe: Callable[[], object], figures: Metrics) -> None:
    add_health(app)

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        try:
            probe()
        except Exception as error:  # whatever the database's driver raises: the answer is "not ready"
            log.warning("not ready: %s", error)
            return JSONResponse({"ok": False, "reason": "The job database does not answer."}, 503)
        return JSONResponse({"ok": True})

    @app.get("/metrics")
    def read() -> Response:
        return Response(figures.text(), media_type=metrics.CONTENT_TYPE)


def _pages(app: FastAPI, settings: Settings, enqueuer: Enqueuer, store: Store) -> None:
    @app.get("/")
    def front() -> HTMLResponse:
        found = status.look(enqueuer, time.time())
        shown = pages.status(settings, found, progress.read(settings.state_dir))
        return HTMLResponse(shown, headers=PAGE_HEADERS)

    @app.get("/pulls/{number}/samples")
    def samples(number: int) -> HTMLResponse:
        found = pages.samples(settings.repository, number, store)
        return HTMLResponse(found.html, status_code=200 if found.any else 404, headers=PAGE_HEADERS)
