"""A front with engines of a few lines behind it: real HTTP on real sockets, and every engine does as it is told."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession, web

from pipeline.models import ModelFolder
from pipeline.serving.choice import Choice
from pipeline.serving.desk import Desk
from pipeline.serving.front import Front
from pipeline.serving.keeper import Keeper, Patience

T = TypeVar("T")
QUICK = Patience(poll=0.02, start=5.0, drain=5.0, again=0.01, again_most=0.02)


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


class FakeEngine:
    """Answers with its label. A request that names "hold" waits for `go`; one that names "stream" gets three events,
    the second and third after `go`; "die" kills the engine before its answer, "die-in-stream" after the first event."""

    def __init__(self, choice: Choice, loop: asyncio.AbstractEventLoop, *, healthy: bool = True) -> None:
        self.label, self.healthy, self.go, self.arrived = choice.label, healthy, asyncio.Event(), asyncio.Event()
        self.stopped = asyncio.Event()
        self.answered = 0
        self.left = asyncio.Event()
        self.headers: dict[str, str] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="fake-"))
        self._ended: str | None = None
        self._loop = loop
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        asyncio.run_coroutine_threadsafe(self._start(), loop).result()

    @property
    def socket(self) -> Path:
        return self._folder / "http"

    @property
    def ended(self) -> str | None:
        return self._ended

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.die("stopped"), self._loop).result()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._loop.call_soon_threadsafe(self.stopped.set)

    async def die(self, why: str = "killed by SIGKILL") -> None:
        """As a process dies: no more answers, connections cut."""
        if self._ended is not None:
            return
        self._ended = why
        if self._runner.server is not None:
            for connection in list(self._runner.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()
        await self._runner.cleanup()

    async def _start(self) -> None:
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "seedbed", "max_model_len": 2048, "root": "/secret/path"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["ask"]
        self.headers = dict(request.headers)
        self.arrived.set()
        try:
            if "stream" in asked:
                return await self._stream(request, asked)
            if asked == "hold":
                await self.go.wait()
            if asked == "die":
                await self._doomed()
        except asyncio.CancelledError:
            self.left.set()
            raise
        self.answered += 1
        return web.json_response({"build": self.label}, headers={"x-request-id": "7"})

    async def _stream(self, request: web.Request, asked: str) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await reply.prepare(request)
        for number in range(3):
            if number == 1:
                await (self._doomed() if asked == "die-in-stream" else self.go.wait())
            await reply.write(b"data: " + json.dumps({"build": self.label, "n": number}).encode() + b"\n\n")
        self.answered += 1
        return reply

    async def _doomed(self) -> None:
        self._loop.create_task(self.die())
        await asyncio.Event().wait()


@dataclass
class World:
    """Registry, launcher and client in one. `champion`: what the registry names, or what it raises."""

    champion_is: str | Exception | None = None
    engines: list[FakeEngine] = field(default_factory=list)
    sick: set[str] = field(default_factory=set)
    broken: dict[str, Exception] = field(default_factory=dict)
    one_at_a_time: bool = False
    hold_s: float = 10.0
    patience: Patience = QUICK
    meet: Callable[[FakeEngine], None] = lambda engine: None

    def champion(self) -> str | None:
        if isinstance(self.champion_is, Exception):
            raise self.champion_is
        return self.champion_is

    def choose(self, build: str | None) -> Choice:
        label = build or "base"
        if isinstance(error := self.broken.get(label), Exception):
            raise error
        return Choice(build, ModelFolder(Path("/models") / label, f"build {label}", f"digest-{label}", "apache-2.0"))

    def launch(self, choice: Choice) -> FakeEngine:
        engine = FakeEngine(choice, self.loop, healthy=choice.label not in self.sick)
        self.engines.append(engine)
        self.meet(engine)
        return engine

    @asynccontextmanager
    async def open(self, *, begin: bool = True) -> AsyncIterator[World]:
        """Front and keeper run in the block."""
        self.loop = asyncio.get_running_loop()
        self.desk = Desk(self.hold_s)
        self.keeper = Keeper(self, self.launch, self.desk, self.one_at_a_time, self.patience)
        self.front = Front(self.desk, self.keeper)
        runner = web.AppRunner(self.front.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        keeping = None
        try:
            if begin:
                await self.keeper.begin()
                keeping = self.loop.create_task(self.keeper.run())
            async with ClientSession(self.url) as self.client:
                yield self
        finally:
            if keeping:
                keeping.cancel()
                with suppress(asyncio.CancelledError):
                    await keeping
            for engine in self.engines:
                engine.go.set()
            await self.keeper.end()
            await runner.cleanup()

    async def ask(self, what: str = "now") -> tuple[int, Any]:
        """Status, and JSON or the text of a stream."""
        async with self.client.post("/v1/chat/completions", json={"model": "seedbed", "ask": what}) as reply:
            text = await reply.text()
            return reply.status, text if "stream" in what else json.loads(text)

    def asking(self, what: str) -> asyncio.Task[tuple[int, Any]]:
        """The same, beside other things."""
        return self.loop.create_task(self.ask(what))

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what the loop is about to do."""
        while not true():
            await asyncio.sleep(0.005)

    async def serving(self, label: str) -> None:
        """Wait until a build takes the requests."""
        await self.until(lambda: self.desk.station is not None and self.desk.station.choice.label == label)
