"""How fast a simulated engine writes: so many tokens a second for so many sequences at once, as measured on a real one.

Sequences share the engine evenly. With n of them in flight each gets curve(n) / n tokens a second; so all that a
sequence of L tokens needs is that the integral of curve(n) / n over its time in flight reaches L. That integral is the
engine's own clock: one timer for the sequence that ends next is enough, and nothing is rounded to steps.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Callable

MEASURED = ((1, 21.0), (4, 76.0), (8, 138.0), (32, 343.0), (64, 474.0), (128, 537.0), (256, 562.0))
"""(sequences in flight, output tokens a second) of SmolLM2-135M in bfloat16 on vLLM, on two cores."""
SLOTS = MEASURED[-1][0]
"""More sequences than were measured wait in the engine, in the order in which they came, as in vLLM."""


def tokens_per_second(in_flight: int) -> float:
    """Output of the whole engine, between the measured points by a straight line."""
    if in_flight <= 0:
        return 0.0
    place = bisect_left(MEASURED, (in_flight, 0.0))
    if place == len(MEASURED):
        return MEASURED[-1][1]
    count, speed = MEASURED[place]
    if count == in_flight or not place:
        return speed
    fewer, slower = MEASURED[place - 1]
    return slower + (speed - slower) * (in_flight - fewer) / (count - fewer)


class SimulatedEngine:
    """Takes as long as the measured engine would, `speed_up` times as fast. Belongs to one event loop.

    `changed(in_flight)` is called whenever the number of sequences in flight changes.
    """

    def __init__(self, speed_up: float = 1.0, changed: Callable[[int], None] = lambda in_flight: None) -> None:
        self._loop = asyncio.get_running_loop()
        self._speed_up, self._changed = speed_up, changed
        self._tokens_each = 0.0
        """Tokens that a sequence would have got that is in flight since the beginning: the engine's clock."""
        self._at = self._loop.time()
        self._ends: list[tuple[float, int, asyncio.Future[None]]] = []
        self._gone: set[int] = set()
        self._waiting: deque[tuple[int, int, asyncio.Future[None]]] = deque()
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Sequences that are being written."""
        return len(self._ends) - len(self._gone)

    async def write(self, tokens: int) -> None:
        """Return when a sequence of `tokens` is written. Cancelling it frees its place."""
        number, done = next(self._numbers), self._loop.create_future()
        self._waiting.append((number, tokens, done))
        self._advance()
        try:
            await done
        except asyncio.CancelledError:
            self._drop(number)
            raise

    def _drop(self, number: int) -> None:
        for place, (other, _, _) in enumerate(self._waiting):
            if other == number:
                del self._waiting[place]
                return
        self._advance()  # up to now it had its share
        if any(other == number for _, other, _ in self._ends):
            self._gone.add(number)
            self._advance()

    def _advance(self) -> None:
        """Bring the clock up to now, end what is written, let in what waits, and wake up for the next end."""
        now, before = self._loop.time(), self.in_flight
        if before:
            self._tokens_each += (now - self._at) * self._speed_up * tokens_per_second(before) / before
        self._at = now
        while self._ends and (self._ends[0][1] in self._gone or self._ends[0][0] <= self._tokens_each + 1e-6):
            _, number, done = heapq.heappop(self._ends)
            self._gone.discard(number)
            if not done.done():
                done.set_result(None)
        while self._waiting and self.in_flight < SLOTS:
            number, tokens, done = self._waiting.popleft()
            heapq.heappush(self._ends, (self._tokens_each + tokens, number, done))
        if self.in_flight != before:
            self._changed(self.in_flight)
        self._wake()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ends:
            rate = self._speed_up * tokens_per_second(self.in_flight) / max(1, self.in_flight)
            seconds = (self._ends[0][0] - self._tokens_each) / rate if rate else 0.0
            self._timer = self._loop.call_later(max(0.0, seconds), self._advance)
