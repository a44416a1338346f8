"""Answers side by side, or one by itself: for a request that may be what kills the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """Many may be `together`, one may be `alone`, and who waits to be alone goes before who comes after.

    Belongs to one event loop, whose single thread is all the locking it needs.
    """

    def __init__(self) -> None:
        self._together = self._lonely = 0  # inside together; alone or waiting to be
        self._alone = False
        self._waiters: dict[asyncio.Future[None], None] = {}  # in the order in which they came

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Be one of many."""
        await self._until(lambda: not self._lonely)
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            self._wake()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only one."""
        self._lonely += 1
        try:
            await self._until(lambda: not self._together and not self._alone)
            self._alone = True
            try:
                yield
            finally:
                self._alone = False
        finally:
            self._lonely -= 1
            self._wake()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                self._waiters.pop(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
