"""Keeps the champion behind the desk: follows promotions and rollbacks, and replaces an engine that died."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.models import ModelError
from pipeline.registry import RegistryError
from pipeline.serving.choice import Choice
from pipeline.serving.desk import Desk, Station
from pipeline.serving.port import Engine, Launch, ServeError

log = logging.getLogger(__name__)
LOOKS, PAUSE_S = 5, 0.2
"""How often an engine that did not answer is asked again before it counts as dead, and the pause between."""


class Wishes(Protocol):
    """What should be served; `pipeline.serving.choice.Models` knows it from the registry."""

    def champion(self) -> str | None:
        """The build's id, None for the base. Asked every second. Raises `RegistryError`."""
        ...

    def choose(self, build: str | None) -> Choice:
        """Its model. Raises `ModelError`."""
        ...


class _Overtaken(ServeError):
    """Another build became the champion while this one was loaded."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `poll`: between two looks at the registry. `start`: an engine may take so long to be ready. `drain`: an
    old one gets so long for the requests it has. `again`: before a start that failed is tried again; doubles each
    time, up to `again_most`."""

    poll: float = 1.0
    start: float = 900.0
    drain: float = 600.0
    again: float = 30.0
    again_most: float = 900.0


@dataclass(slots=True)
class Counts:
    """Switches since the start: those that went well, and those that did not."""

    done: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Failure:
    """Of the model that did not start last: when to try again (`time.monotonic`), and after how long."""

    build: str | None
    at: float
    after: float


@dataclass(slots=True)
class Keeper:
    """Switches from engine to engine. `one_at_a_time`: the old one ends before the new one starts, and requests wait.

    `switching`: the label of what is being started, "" when nothing is.
    """

    wishes: Wishes
    launch: Launch
    desk: Desk
    one_at_a_time: bool = False
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    switching: str = ""
    counts: Counts = field(default_factory=Counts)
    _failure: _Failure | None = None
    _proven: Choice | None = None  # what served last: it is put back where the champion does not start
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    async def begin(self) -> None:
        """Start the first engine. Raises `ServeError`: then there is nothing to fall back on."""
        try:
            choice = await asyncio.to_thread(self.wishes.choose, self.wishes.champion())
            self._open(await self._start(choice))
        except (RegistryError, ModelError, OSError) as error:
            raise ServeError(str(error)) from error

    async def run(self) -> None:
        """Follow the registry until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.patience.poll):
                    await self.desk.alarm.wait()
            self.desk.alarm.clear()
            await self.look()

    async def look(self) -> None:
        """See what is served and what should be, and make the two agree. Tells what fails, and raises nothing of it."""
        await self._mourn()
        try:
            build = self.wishes.champion()
        except (RegistryError, OSError) as error:
            self._tell(f"the registry cannot be read: {error}")
            return
        station = self.desk.station
        if station is not None and station.choice.build == build:
            self.desk.trouble, self._failure = "", None
            return
        if not (self._failure and self._failure.build == build and self.clock() < self._failure.at):
            await self._switch(build)
        elif station is None:
            await self._back(build)

    async def end(self) -> None:
        """Let every engine finish its requests, and end it."""
        station = self.desk.close()
        for one in [*self.desk.suspects, *([station] if station else [])]:
            self._retire(one)
        await self._alone()

    async def _mourn(self) -> None:
        """Ends stations that died; one that was suspected and answers takes requests again."""
        station = self.desk.station
        if station is not None and station.engine.ended is not None:
            self.desk.suspect(station)
        suspects, self.desk.suspects = self.desk.suspects, []
        for suspect in suspects:
            if self.desk.station is None and await _recovers(suspect):
                self.desk.open(suspect)
                continue
            why = suspect.engine.ended or "it does not answer"
            self._tell(f"{_name(suspect.choice.build)} stopped and is started again: {why}")
            await suspect.dismiss()

    async def _switch(self, build: str | None) -> None:
        self.switching = build or "base"
        try:
            choice = await asyncio.to_thread(self.wishes.choose, build)
            if self.one_at_a_time and (closed := self.desk.close()):
                self._retire(closed)
            await self._alone()  # never more than two are loaded
            station = await self._start(choice)
        except _Overtaken as overtaken:
            log.info("%s; loading it was stopped", overtaken)
            return
        except (ServeError, ModelError, OSError) as error:
            self._failed(build, error)
            await self._back(build)
            return
        finally:
            self.switching = ""
        self.counts.done += 1
        self.desk.trouble, self._failure = "", None
        log.info("%s answers now", _name(build))
        if (old := self._open(station)) is not None:
            self._retire(old)

    async def _back(self, build: str | None) -> None:
        """Where `build` did not start and nothing else answers, what served last is started again."""
        choice, self._proven = self._proven, None
        if self.desk.station is not None or choice is None or choice.build == build:
            self._proven = choice
            return
        try:
            self._open(await self._start(choice))
        except (ServeError, OSError) as error:
            self._tell(f"{self.desk.trouble}; and {_name(choice.build)} does not start again: {error}")

    def _open(self, station: Station) -> Station | None:
        self._proven = station.choice
        return self.desk.open(station)

    async def _start(self, choice: Choice) -> Station:
        """A station that is ready. Raises `ServeError`, `OSError`."""
        log.info("starting %s", _name(choice.build))
        engine = await asyncio.to_thread(self.launch, choice)
        station = _station(choice, engine)
        try:
            async with asyncio.timeout(self.patience.start):
                while not await _healthy(station):
                    if engine.ended is not None:
                        raise ServeError(engine.ended)
                    await asyncio.sleep(min(0.25, self.patience.poll))
                    if self._unwanted(choice.build):
                        raise _Overtaken(f"{_name(choice.build)} is no longer the champion")
            station.context = await _context(station)
        except BaseException as error:
            ended = engine.ended  # it may have died while it was asked, and left the question open
            await station.dismiss()
            if isinstance(error, TimeoutError):
                raise ServeError(ended or f"it was not ready after {self.patience.start:g} s") from error
            raise
        return station

    def _unwanted(self, build: str | None) -> bool:
        """Whether the registry names another one by now, while something else answers: then loading on is in vain."""
        if self.desk.station is None:
            return False
        try:
            return self.wishes.champion() != build
        except (RegistryError, OSError):
            return False

    def _failed(self, build: str | None, error: Exception) -> None:
        self.counts.failed += 1
        last = self._failure.after if self._failure and self._failure.build == build else self.patience.again / 2
        after = min(2 * last, self.patience.again_most)
        self._failure = _Failure(build, self.clock() + after, after)
        other = self._proven if self._proven and self._proven.build != build else None
        stays = f"; {_name(other.build)} goes on serving" if other else ""
        self._tell(f"{_name(build)} does not start{stays}, and it is tried again in {after:g} s: {error}")

    def _tell(self, trouble: str) -> None:
        if trouble != self.desk.trouble:  # what is looked at every second is not said every second
            log.error("%s", trouble)
        self.desk.trouble = trouble

    def _retire(self, station: Station) -> None:
        """Let it finish its requests, beside whatever else happens; then end it."""
        task = asyncio.get_running_loop().create_task(self._see_off(station))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _see_off(self, station: Station) -> None:
        if not await station.drained(self.patience.drain):
            log.warning("%s ends with %d requests open", _name(station.choice.build), station.in_flight)
        await station.dismiss()

    async def _alone(self) -> None:
        """Wait until all that leave are gone."""
        while self._leaving:
            await asyncio.wait(set(self._leaving))


def _name(build: str | None) -> str:
    return f"build {build}" if build else "the base model"


def _station(choice: Choice, engine: Engine) -> Station:
    """Connections are used once: a request must never meet one that the server is about to close."""
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, UnixConnector

    connector = UnixConnector(str(engine.socket), limit=0, force_close=True)
    timeout = ClientTimeout(total=None, sock_connect=10.0)
    jar = DummyCookieJar()
    session = ClientSession("http://model", connector=connector, cookie_jar=jar, timeout=timeout, auto_decompress=False)
    return Station(choice, engine, session)


async def _healthy(station: Station) -> bool:
    from aiohttp import ClientError, ClientTimeout

    if station.engine.ended is not None:
        return False
    try:
        async with station.session.get("/health", timeout=ClientTimeout(total=10.0)) as reply:
            return reply.status == 200
    except (ClientError, OSError):  # TimeoutError is one
        return False


async def _recovers(station: Station) -> bool:
    """Whether one that did not answer once does now. A busy one may be slow, so it is asked more than once."""
    for _ in range(LOOKS):
        if station.engine.ended is not None:
            return False
        if await _healthy(station):
            return True
        await asyncio.sleep(PAUSE_S)
    return False


async def _context(station: Station) -> int:
    """The window in tokens, as the server lists its model; 0 where it does not say."""
    from aiohttp import ClientError

    try:
        async with station.session.get("/v1/models") as reply:
            return int(json.loads(await reply.read())["data"][0].get("max_model_len") or 0)
    except (ClientError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return 0
