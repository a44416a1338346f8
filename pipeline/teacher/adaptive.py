"""How many requests a server takes at once, found out while it serves: `Pace` decides, `Gate` holds to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START = 8
_FAIR_GAIN, _LEAST_GAIN = 0.1, 0.05
"""A limit that grows by a share must bring this part of that share in throughput (twice as many, a tenth more), and at
least so much: less cannot be told from chance."""
_LEAST_ANSWERS = 32
_HOLD = 8
"""Windows to stay before trying a higher limit again."""
_PROMPT_SHARE = 0.1
"""Reading a prompt token costs about so much of writing one."""


class Pace:
    """The limit of requests in flight: grows while throughput grows, is halved when the server is overloaded.

    Throughput is measured over windows of twice as many answers as the limit, after as many that are not counted, since
    they began under another limit. The limit doubles until that no longer pays or the server complains; from then on it
    tries a quarter more now and then (additive increase, multiplicative decrease; Chiu and Jain 1989). Times are
    seconds of any one clock. Windows in which the caller had less to ask than the limit say nothing.
    """

    def __init__(self, most: int, start: int = START) -> None:
        self.limit = min(start, most)
        self._most = most
        self._doubling = True
        self._known: tuple[int, float] | None = None
        self._hold = 0
        self._cut_at = float("-inf")
        self._low = 0
        self._open_window()

    def finished(self, now: float, inside: int, prompt_tokens: int, output_tokens: int) -> None:
        """An answer came at `now`, when `inside` requests were in flight, itself among them."""
        self._low = self._low + 1 if inside < self.limit * 0.75 else 0
        if self._low > self.limit:  # fewer are a burst of answers, whose places are not taken again yet
            self._open_window()
            return
        self._count += 1
        if self._count <= self.limit:
            self._since, self._work = now, 0.0
            return
        self._work += 1 + output_tokens + _PROMPT_SHARE * prompt_tokens
        if self._count >= self.limit + max(2 * self.limit, _LEAST_ANSWERS) and now > self._since:
            self._judge(self._work / (now - self._since))
            self._open_window()

    def overloaded(self, sent: float, now: float) -> None:
        """The server refused a request, or let it time out, that was `sent` then. Of one volley only one counts."""
        if sent >= self._cut_at:
            self._cut_at = now
            self._change(self.limit // 2)
            self._doubling, self._known, self._hold = False, None, _HOLD

    def _judge(self, rate: float) -> None:
        limit, before = self._known or (self.limit, 0.0)
        grown = self.limit / limit - 1
        if grown > 0 and rate < before * (1 + max(_FAIR_GAIN * grown, _LEAST_GAIN)):
            self._doubling, self._hold = False, _HOLD
            self._change(limit)
        elif grown <= 0 and rate < before / 2:  # the same number takes twice as long: others press on the server
            self._known, self._hold = None, _HOLD
            self._change(self.limit * 3 // 4)
        else:
            self._known = (self.limit, rate if grown > 0 or not before else 0.7 * before + 0.3 * rate)
            self._hold -= 1
            if self._hold < 0:
                self._change(self.limit * 2 if self._doubling else self.limit + max(1, self.limit // 4))

    def _change(self, limit: int) -> None:
        self.limit = max(1, min(limit, self._most))
        self._open_window()

    def _open_window(self) -> None:
        self._count, self._work, self._since, self._low = 0, 0.0, 0.0, 0


class Gate:
    """Lets `pace.limit` requests in at once, in the order in which they came. Belongs to one event loop."""

    def __init__(self, pace: Pace) -> None:
        self.inside = 0
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shut_until = float("-inf")

    @asynccontextmanager
    async def entered(self, *, first: bool = False) -> AsyncIterator[None]:
        """Wait for a place and hold it. `first`: before all who wait."""
        await self._enter(first)
        try:
            yield
        finally:
            self._leave()

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long."""
        until = self._loop.time() + seconds
        if until > self._shut_until:
            self._shut_until = until
            self._loop.call_at(until, self._reopen, until)

    async def _enter(self, first: bool) -> None:
        turn = self._loop.create_future()
        (self._waiting.appendleft if first else self._waiting.append)(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in and cancelled in one breath
                self._leave()
            raise

    def _reopen(self, until: float) -> None:
        if until == self._shut_until:  # no longer pause came meanwhile
            self._shut_until = float("-inf")
            self._admit()

    def _leave(self) -> None:
        self.inside -= 1
        self._admit()

    def _admit(self) -> None:
        shut = self._shut_until > float("-inf")
        while not shut and self._waiting and self.inside < self._pace.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)
