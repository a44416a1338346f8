"""The web process: one webhook, a status page, and the samples of each pull request. It runs no jobs."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from bot import events, progress, webhook
from bot.engine.port import Enqueuer
from bot.render import pages
from bot.settings import Settings
from pipeline.store.port import Store

log = logging.getLogger(__name__)
RETRY_S = 30
_HEADERS = {
    # Nothing on these pages runs or is fetched: they show text that strangers and models wrote.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create_app(settings: Settings, enqueuer: Enqueuer, store: Store) -> FastAPI:
    """The application. Raises `SettingsError` when no webhook secret is set."""
    secrets = settings.secrets()
    here = events.Here(settings.forge_login, settings.main_branch)
    app = FastAPI(title="Seedbed", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/webhook")
    async def receive(request: Request) -> Response:
        try:
            delivery = await _delivery(request, secrets)
            work = _work(delivery, settings.repository, here)
        except Refused as refusal:
            log.warning("webhook refused with %d: %s", refusal.status, refusal)
            return JSONResponse({"error": str(refusal)}, refusal.status)
        if work is None:
            return Response(status_code=204)
        return await run_in_threadpool(_enqueue, enqueuer, f"gh-{delivery.guid}", work)

    @app.get("/healthz")
    def alive() -> JSONResponse:
        return JSONResponse({"ok": True})

    @app.get("/readyz")
    def ready() -> JSONResponse:
        try:
            enqueuer.jobs(limit=1)
        except Exception as error:  # whatever the database's driver raises: the answer is "not ready"
            log.warning("not ready: %s", error)
            return JSONResponse({"ok": False, "reason": "The job database does not answer."}, 503)
        return JSONResponse({"ok": True})

    @app.get("/")
    def status() -> HTMLResponse:
        return HTMLResponse(
            pages.status(settings.repository, enqueuer.jobs(limit=100), progress.read(settings.state_dir)),
            headers=_HEADERS,
        )

    @app.get("/pulls/{number}/samples")
    def samples(number: int) -> HTMLResponse:
        found = pages.samples(settings.repository, number, store)
        return HTMLResponse(found.html, status_code=200 if found.any else 404, headers=_HEADERS)

    return app


async def _delivery(request: Request, secrets: tuple[bytes, ...]) -> webhook.Delivery:
    """Verify before anything is parsed, and refuse what can be refused before the body is read."""
    signature = request.headers.get("x-hub-signature-256")
    if not webhook.well_formed(signature):
        raise Refused(401, "The header X-Hub-Signature-256 is missing or malformed.")
    body = await _body(request)
    if not webhook.verify(secrets, body, signature):
        raise Refused(401, "The signature does not match. Is the same secret set here and at the forge?")
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Set the webhook's content type to application/json.")
    try:
        return webhook.parse(request.headers.get("x-github-event"), request.headers.get("x-github-delivery"), body)
    except webhook.BadDelivery as error:
        raise Refused(400, str(error)) from error


async def _body(request: Request) -> bytes:
    """The raw body, never holding more than the limit and one chunk."""
    too_large = Refused(413, f"The body is larger than {webhook.LIMIT} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > webhook.LIMIT:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > webhook.LIMIT:
            raise too_large
        body += chunk
    return bytes(body)


def _work(delivery: webhook.Delivery, repository: str, here: events.Here) -> events.Work | None:
    if delivery.event == "ping":
        return None
    if delivery.repository.lower() != repository.lower():
        raise Refused(404, f"This bot serves {repository} only. Remove this webhook, or start a bot for the other one.")
    return events.route(delivery, here)


def _enqueue(enqueuer: Enqueuer, job: str, work: events.Work) -> Response:
    """Answered with 202 only when the job is durable. A redelivery has the same id, so it adds nothing."""
    try:
        added = enqueuer.enqueue(work.job, work.payload, id=job, queue=work.queue)
    except Exception:  # the database's drivers have no common error; all of them mean: not accepted
        log.exception("job %s cannot be stored", job)
        text = {"error": "The job could not be stored. Deliver this again later."}
        return JSONResponse(text, 503, headers={"Retry-After": str(RETRY_S)})
    return JSONResponse({"job": job, "new": added}, 202)
