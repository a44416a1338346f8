"""The web process before there is an App: one page with a button that registers it, and nothing else."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from bot.app import PAGE_HEADERS, add_health
from bot.render import pages
from bot.settings import Settings
from bot.setup.credentials import SetupError, exchange, keep
from bot.setup.manifest import manifest
from bot.setup.owner import addresses
from pipeline.git import is_loopback

log = logging.getLogger(__name__)


def create_setup_app(settings: Settings, token: str) -> FastAPI:
    """Serves /setup to whoever has `token` in the address, once: a registered App ends it."""
    flow = _Flow(settings, token)
    app = FastAPI(title="Seedbed setup", docs_url=None, redoc_url=None, openapi_url=None)
    add_health(app)

    @app.get("/setup")
    def start(token: str = "") -> HTMLResponse:
        return flow.start(token)

    @app.get("/setup/done")
    async def done(code: str = "", state: str = "") -> HTMLResponse:
        return await run_in_threadpool(flow.done, code, state)

    return app


class _Flow:
    """From the button to the credentials. `state` comes back from the forge, so that nobody else's code is taken."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._settings = settings
        self._token = token
        self._state = secrets.token_urlsafe(32)
        self._done = False

    def start(self, token: str) -> HTMLResponse:
        if self._done or not _same(token, self._token):
            return _refusal(404, "This address is not, or no longer, the one that `seedbed serve --setup` printed.")
        settings, forge = self._settings, self._settings.forge_url
        owners = addresses(settings.forge_api_url, forge, settings.repository.partition("/")[0])
        html = pages.setup(
            settings.repository,
            forms={owner: f"{address}?state={self._state}" for owner, address in owners.items()},
            manifest=json.dumps(manifest(settings.repository, settings.url)),
            unreachable=_is_local(settings.url) and not _is_local(settings.forge_api_url),
        )
        return HTMLResponse(html, headers=_headers(forge))

    def done(self, code: str, state: str) -> HTMLResponse:
        if self._done or not _same(state, self._state):
            return _refusal(404, "This answer does not belong to a registration that was begun here.")
        try:
            credentials = exchange(self._settings.forge_api_url, code)
            path = keep(credentials, self._settings.state_dir)
        except SetupError as error:
            log.error("%s", error)
            return _refusal(502, str(error))
        self._done = True
        log.info("the App %s is registered; its credentials are in %s", credentials.slug, path)
        html = pages.setup_done(
            self._settings.repository,
            slug=credentials.slug,
            install=f"{credentials.page}/installations/new",
            path=path,
        )
        return HTMLResponse(html, headers=PAGE_HEADERS)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _refusal(status: int, text: str) -> HTMLResponse:
    return HTMLResponse(pages.refusal(text), status_code=status, headers=PAGE_HEADERS)


def _headers(forge: str) -> dict[str, str]:
    """The form, and only that, goes to the forge."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(forge))
    policy = PAGE_HEADERS["Content-Security-Policy"].replace("form-action 'none'", f"form-action {origin}")
    return {**PAGE_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store"}


def _is_local(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
