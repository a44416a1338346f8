"""The desk: which engine takes new requests, and which requests each engine still has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.serving.choice import Choice
from pipeline.serving.port import Engine

if TYPE_CHECKING:
    from aiohttp import ClientSession


class NobodyServes(Exception):
    """No engine took the request in time. The message says why."""


class Station:
    """An engine that is ready, with the connections to it. `context`: its model's window in tokens, 0: unknown."""

    def __init__(self, choice: Choice, engine: Engine, session: ClientSession, context: int = 0) -> None:
        self.choice, self.engine, self.session, self.context = choice, engine, session, context
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """One more request."""
        self.in_flight += 1
        self._idle.clear()

    def end(self) -> None:
        """One request less."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()

    async def drained(self, patience_s: float) -> bool:
        """Wait until all its requests are answered; False where some were not, for so long."""
        try:
            async with asyncio.timeout(patience_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def dismiss(self) -> None:
        """Close the connections, and end the engine."""
        await self.session.close()
        await asyncio.to_thread(self.engine.stop)


class Desk:
    """Hands new requests to the station that is open. While none is, they wait, `hold_s` at most.

    All of it belongs to one event loop, and what does not await happens at once. `trouble`: the last thing that went
    wrong, "" when all is as it should be. `suspects`: stations that did not answer; `alarm` calls the keeper to them.
    """

    def __init__(self, hold_s: float) -> None:
        self.hold_s = hold_s
        self.trouble = ""
        self.waiting = 0
        self.suspects: list[Station] = []
        self.alarm = asyncio.Event()
        self.station: Station | None = None
        self._open = asyncio.Event()

    async def take(self) -> Station:
        """A station that counts one request more; `Station.end` gives it back. Raises `NobodyServes`."""
        self.waiting += 1
        try:
            async with asyncio.timeout(self.hold_s):
                while (station := self.station) is None:
                    await self._open.wait()
        except TimeoutError:
            raise NobodyServes(self.trouble or "the model is still loading") from None
        finally:
            self.waiting -= 1
        station.begin()
        return station

    def open(self, station: Station) -> Station | None:
        """From now on new requests go to `station`. Returns the one that took them before."""
        before, self.station = self.station, station
        self._open.set()
        return before

    def close(self) -> Station | None:
        """New requests wait from now on. Returns the station that took them."""
        before, self.station = self.station, None
        self._open.clear()
        return before

    def suspect(self, station: Station) -> None:
        """`station` did not answer: no request goes there until the keeper has looked."""
        if self.station is station:
            self.close()
            self.suspects.append(station)
            self.alarm.set()
