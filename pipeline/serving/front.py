"""The HTTP front: what clients talk to, whichever engine answers. Requests are passed on as they are, also streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from pipeline.serving.desk import Desk, NobodyServes, Station
from pipeline.serving.keeper import Keeper
from pipeline.serving.port import MODEL_ID

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from aiohttp.web import Application, Request, StreamResponse

MOST_BYTES = 32 << 20  # of one request
TRIES = 3  # engines that may die under a request, or before it, until it is given up
PASSED_ON = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/tokenize", "/detokenize")
"""What vLLM has beside these is for its operator, such as unloading the model."""
BUILD_HEADER = "x-seedbed-build"
_HOPS = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding")
)
_DROPPED = _HOPS | frozenset(
    ("upgrade", "host", "content-length", "expect", "authorization", "cookie", "date", "server")
)
"""Headers that belong to one of the two connections, and those that one side alone should know."""


class Lost(Exception):
    """The engine was gone before it began to answer: another one may be asked the same."""


@dataclass(slots=True)
class Front:
    """Passes requests to the station that is open. `keeper` is asked for the state that `/health` tells."""

    desk: Desk
    keeper: Keeper
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _answers: Counter = field(init=False)

    def __post_init__(self) -> None:
        self._answers = Counter("seedbed_model_requests", "Answers by status code", ["code"], registry=self.registry)

    def application(self) -> Application:
        """The routes."""
        from aiohttp import web

        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get(f"/v1/models/{MODEL_ID}", self.model)
        for path in PASSED_ON:
            app.router.add_post(path, self.pass_on)
        return app

    async def health(self, request: Request) -> StreamResponse:
        """200 while an engine takes requests, 503 while they wait; and what is going on."""
        from aiohttp import web

        station = self.desk.station
        told = {
            "status": "ok" if station else "waiting",
            "build": station.choice.label if station else None,
            "in_flight": station.in_flight if station else 0,
            "waiting": self.desk.waiting,
            "switching_to": self.keeper.switching or None,
            "trouble": self.desk.trouble or None,
        }
        return web.json_response(told, status=200 if station else 503)

    async def metrics(self, request: Request) -> StreamResponse:
        """For Prometheus."""
        from aiohttp import web

        return web.Response(body=generate_latest(self.registry) + self._gauges(), content_type="text/plain")

    async def models(self, request: Request) -> StreamResponse:
        """One model, and which build it is at the moment."""
        from aiohttp import web

        card = self._card()
        return web.json_response({"object": "list", "data": [card] if card else []})

    async def model(self, request: Request) -> StreamResponse:
        """The same by its id."""
        from aiohttp import web

        card = self._card()
        return web.json_response(card) if card else self._refused(503, self.desk.trouble or "the model is loading")

    async def pass_on(self, request: Request) -> StreamResponse:
        """Ask the station, and another one where the first is gone before it begins to answer."""
        body = await request.read()
        for _ in range(TRIES):
            try:
                station = await self.desk.take()
            except NobodyServes as error:
                return self._refused(503, f"no model answers at the moment: {error}", retry_after=10)
            try:
                reply = await self._forward(request, body, station)
            except Lost:
                self.desk.suspect(station)
                continue
            finally:
                station.end()
            self._answers.labels(str(reply.status)).inc()
            return reply
        return self._refused(502, f"the model's engine died {TRIES} times under this request or before it")

    async def _forward(self, request: Request, body: bytes, station: Station) -> StreamResponse:
        from aiohttp import ClientError, web

        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        try:
            upstream = await station.session.request("POST", request.path_qs, data=body, headers=headers)
        except (ClientError, OSError) as error:
            raise Lost(str(error)) from error
        async with upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in _DROPPED}
            reply = web.StreamResponse(status=upstream.status, headers={**kept, BUILD_HEADER: station.choice.label})
            if not _streams(upstream):
                return await self._whole(request, upstream, reply)
            await reply.prepare(request)
            try:
                async for part in upstream.content.iter_any():
                    await reply.write(part)
            except (ClientError, ConnectionError) as error:
                if request.transport is None or request.transport.is_closing():
                    raise  # it is the client who left
                await reply.write(_broken(error))
            await reply.write_eof()
            return reply

    async def _whole(self, request: Request, upstream: ClientResponse, reply: StreamResponse) -> StreamResponse:
        """Read it all before the first byte goes out: until then the request can be asked of another engine."""
        from aiohttp import ClientError

        try:
            data = await upstream.read()
        except (ClientError, OSError) as error:
            raise Lost(str(error)) from error
        reply.content_length = len(data)
        await reply.prepare(request)
        await reply.write(data)
        await reply.write_eof()
        return reply

    def _card(self) -> dict[str, Any] | None:
        station = self.desk.station
        if station is None:
            return None
        window = {"max_model_len": station.context} if station.context else {}
        named = {"id": MODEL_ID, "object": "model", "created": 0, "owned_by": "seedbed"}
        return {**named, "root": station.choice.label, "digest": station.choice.model.digest, **window}

    def _gauges(self) -> bytes:
        """Made at each look: a build that is gone leaves no series behind."""
        now = CollectorRegistry()
        serving = Gauge("seedbed_model_serving", "1 for the build that answers", ["build"], registry=now)
        flying = Gauge("seedbed_model_in_flight", "Requests that it has", registry=now)
        waiting = Gauge("seedbed_model_waiting", "Requests that wait for an engine", registry=now)
        switches = Gauge("seedbed_model_switches", "Switches since the start", ["result"], registry=now)
        if self.desk.station:
            serving.labels(self.desk.station.choice.label).set(1)
            flying.set(self.desk.station.in_flight)
        waiting.set(self.desk.waiting)
        switches.labels("done").set(self.keeper.counts.done)
        switches.labels("failed").set(self.keeper.counts.failed)
        return generate_latest(now)

    def _refused(self, status: int, message: str, *, retry_after: int = 0) -> StreamResponse:
        from aiohttp import web

        self._answers.labels(str(status)).inc()
        headers = {"retry-after": str(retry_after)} if retry_after else {}
        return web.json_response(_error(status, message), status=status, headers=headers)


def _streams(upstream: ClientResponse) -> bool:
    return upstream.content_type == "text/event-stream"


def _error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": status}}


def _broken(error: Exception) -> bytes:
    """The last event of a stream whose engine died: clients read an error there, and not a finished answer."""
    message = f"the model's engine died in the middle of this answer ({type(error).__name__}); ask again"
    return b"\n\ndata: " + json.dumps(_error(502, message)).encode() + b"\n\n"
