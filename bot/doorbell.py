"""Answers a webhook: verify, parse, enqueue, and nothing else, so that the forge has its answer at once.

202 the job is durable (a redelivery has the same id and adds nothing); 204 nothing to do; 400 not what a forge sends;
401 not signed by our forge; 404 another repository or installation; 408 and 413 a body that is too slow or too large;
415 not JSON; 503 the job could not be stored. What was not accepted is delivered again by the job `redeliver`.
"""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bot import events, webhook
from bot.inbox import Inbox
from bot.metrics import Metrics
from bot.settings import Settings, SettingsError

log = logging.getLogger(__name__)
RETRY_S = 30
INLINE_BYTES = 128 * 1024  # read in half a millisecond; handing it to a thread takes as long
BODY_S = 10.0  # GitHub itself gives up after ten seconds
INSTALLED = frozenset({"installation", "installation_repositories", "installation_target"})
"""Somebody installs the App, or changes where it is: noted in the log. They name no repository."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Doorbell:
    """The webhook of one bot. Of an App, deliveries of the settings' installation alone are taken.

    Raises `SettingsError` when no secret is set, or when the installation is not known (see `wiring.resolved`).
    """

    def __init__(self, settings: Settings, inbox: Inbox, figures: Metrics) -> None:
        if settings.app_id and not settings.app_installation:
            raise SettingsError(
                "The App's installation is not known, so that any could send. Set SEEDBED_APP_INSTALLATION."
            )
        self._secrets = settings.secrets()
        self._repository = settings.repository
        self._installation = settings.app_installation if settings.app_id else 0
        self._here = events.Here(settings.forge_login, settings.main_branch, settings.push_delay_seconds)
        self._inbox = inbox
        self._figures = figures

    async def answer(self, request: Request) -> Response:
        """One delivery. Answers every request, whatever it is."""
        start = time.perf_counter()
        self._inbox.enter()
        try:
            response = await self._answer(request)
        except Refused as refusal:
            log.warning("webhook refused with %d: %s", refusal.status, refusal)
            response = JSONResponse({"error": str(refusal)}, refusal.status)
        finally:
            self._inbox.leave()
        self._figures.answered(_label(request), response.status_code, time.perf_counter() - start)
        return response

    async def _answer(self, request: Request) -> Response:
        signature = request.headers.get("x-hub-signature-256")
        if signature is None or not webhook.well_formed(signature):
            raise Refused(401, "The header X-Hub-Signature-256 is missing or malformed.")
        body = await _body(request)
        if len(body) <= INLINE_BYTES:
            delivery = self._read(request, body, signature)
        else:  # off the event loop: a large body would keep the others waiting
            delivery = await run_in_threadpool(self._read, request, body, signature)
        work = self._work(delivery)
        return Response(status_code=204) if work is None else await self._accept(f"gh-{delivery.guid}", work)

    def _read(self, request: Request, body: bytes, signature: str) -> webhook.Delivery:
        """Verify before anything is parsed."""
        if not webhook.verify(self._secrets, body, signature):
            raise Refused(401, "The signature does not match. Is the same secret set here and at the forge?")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refused(415, "Set the webhook's content type to application/json.")
        event, guid = request.headers.get("x-github-event"), request.headers.get("x-github-delivery")
        try:
            return webhook.parse(event, guid, body)
        except webhook.BadDelivery as error:
            raise Refused(400, str(error)) from error

    def _work(self, delivery: webhook.Delivery) -> events.Work | None:
        if delivery.event in INSTALLED:
            log.info("the App's installation %d: %s %r", delivery.installation, delivery.event, delivery.action[:40])
        if delivery.event not in events.EVENTS:
            return None
        if delivery.repository.lower() != self._repository.lower():
            raise Refused(
                404, f"This bot serves {self._repository} only. Remove this webhook, or start a bot for the other one."
            )
        if self._installation not in (0, delivery.installation):
            raise Refused(404, f"This bot serves the installation {self._installation} of its App only.")
        return events.route(delivery, self._here)

    async def _accept(self, job: str, work: events.Work) -> Response:
        """Answered with 202 only when the job is durable."""
        try:
            added = await self._inbox.accept(job, work)
        except Exception as error:  # the database's drivers have no common error; all of them mean: not accepted
            log.error("job %s cannot be stored: %s", job, error)
            text = {"error": "The job could not be stored. Deliver this again later."}
            return JSONResponse(text, 503, headers={"Retry-After": str(RETRY_S)})
        return JSONResponse({"job": job, "new": added}, 202)


async def _body(request: Request) -> bytes:
    """The raw body, never holding more than the limit and one chunk."""
    too_large = Refused(413, f"The body is larger than {webhook.LIMIT} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > webhook.LIMIT:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                if len(body) + len(chunk) > webhook.LIMIT:
                    raise too_large
                body += chunk
    except TimeoutError as error:
        raise Refused(408, f"The body took longer than {BODY_S:.0f} seconds.") from error
    except ClientDisconnect as error:
        raise Refused(400, "The body ended before its time.") from error
    return bytes(body)


def _label(request: Request) -> str:
    """The event for the figures, from a fixed list."""
    event = request.headers.get("x-github-event", "")
    return event if event in events.EVENTS or event in INSTALLED or event == "ping" else "other"
