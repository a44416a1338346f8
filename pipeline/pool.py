"""One pool of requests for all leaves, stages and jobs: what is stored is not asked, what is equal is asked once.

Each request has an order. Whenever the teacher has a free place, the waiting request with the lowest order gets it, so
nothing waits for a batch to end. Answers are stored as they arrive, and callers go on at once. The pool lives on an
event loop in a thread of its own, so that several jobs of a worker share it: a preview overtakes a running generation.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.responses import Responses
from pipeline.teacher.port import ChatRequest, Completion, Teacher

T = TypeVar("T")
Order = tuple[int, ...]

PREVIEW, BATCH = 0, 1
"""Lanes: somebody waits for a preview, nobody for a batch."""

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion and the key under which it is stored. `made`: the teacher had to answer now; it took `seconds`."""

    completion: Completion
    key: str
    made: bool
    seconds: float = 0.0


@dataclass(slots=True)
class Usage:
    """What a pool asked its teacher since it was opened. Tokens count once for each request that was made.

    `busy_s`: seconds with at least one request in flight. `in_flight_s`: the sum over requests of their seconds in
    flight, so that `in_flight_s / busy_s` is the mean number in flight.
    """

    requests: int = 0
    failed: int = 0
    stored: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    busy_s: float = 0.0
    in_flight_s: float = 0.0


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request that is not answered yet. `askers`: callers that wait for it; `task`: set while it is in flight."""

    key: str
    request: ChatRequest
    order: Order
    future: asyncio.Future[Completion]
    askers: int = 0
    task: asyncio.Task[None] | None = None
    seconds: float = 0.0


class Pool:
    """Asks `teacher`, and stores in `responses`. `run` may be called from any thread; `ask` on the pool's loop alone.

    A teacher that cannot serve fails all who wait with its `TeacherError`; what is answered until then is stored.
    """

    def __init__(self, teacher: Teacher, responses: Responses) -> None:
        """Loads a teacher that is not known yet, which may take a minute. Raises `TeacherError`."""
        self.fingerprint = teacher.fingerprint  # asked here: on the loop, loading would hold all jobs
        self.teacher = teacher
        self.responses = responses
        self.usage = Usage()
        self._heap: list[tuple[Order, int, _Waiting]] = []
        self._open: dict[str, _Waiting] = {}
        self._flying = 0
        self._since = 0.0
        self._numbers = itertools.count()
        self._wanting: asyncio.Future[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="teacher pool")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], watch: Callable[[], None] = lambda: None) -> T:
        """Run `work` on the pool's loop and wait for it. `watch` is called meanwhile, in the caller's thread.

        When `watch` raises, the work is cancelled, and what it raised is raised here. Raises what the work raises, and
        `StoreError` where an answer could not be written.
        """
        tasks: list[asyncio.Task[T]] = []
        ended = threading.Event()

        def begin() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda task: ended.set())

        self._loop.call_soon_threadsafe(begin)
        try:
            while not ended.wait(_POLL_S):
                watch()
        except BaseException:
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            ended.wait()  # cancelled work must have unwound before its caller goes on
            raise
        self.responses.flush()
        return tasks[0].result()

    def close(self) -> None:
        """End the loop and its thread; the teacher stays open. Closing twice is harmless."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(_end_others(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def ask(self, request: ChatRequest, order: Order) -> Answer:
        """The answer to `request`; the lower `order`, the sooner. Raises `TeacherError` and `StoreError`.

        An answer that nobody waits for any more is not made, or is stopped where it is being made.
        """
        key = request.key(self.fingerprint)
        stored = self.responses.get(key)
        if stored is not None:
            self.usage.stored += 1
            await asyncio.sleep(0)  # a leaf whose answers are all stored must not hold the loop
            return Answer(stored, key, made=False)
        waiting = self._join(key, request, order)
        try:
            completion = await asyncio.shield(waiting.future)
        finally:
            waiting.askers -= 1
            if not waiting.askers and not waiting.future.done():
                self._abandon(waiting)
        return Answer(completion, key, made=True, seconds=waiting.seconds)

    async def hungry(self) -> None:
        """Returns as soon as fewer requests wait than the teacher takes at once: time to bring more."""
        while len(self._open) - self._flying >= self.teacher.concurrency:
            self._wanting = self._wanting or self._loop.create_future()
            await asyncio.shield(self._wanting)

    def _join(self, key: str, request: ChatRequest, order: Order) -> _Waiting:
        waiting = self._open.get(key)
        if waiting is None:
            waiting = self._open[key] = _Waiting(key, request, order, self._loop.create_future())
            self._queue(waiting, order)
            self._loop.call_soon(self._fill)  # after those that are asked in the same breath: the lowest goes first
        elif order < waiting.order:
            self._queue(waiting, order)
        waiting.askers += 1
        return waiting

    def _queue(self, waiting: _Waiting, order: Order) -> None:
        waiting.order = order
        heapq.heappush(self._heap, (order, next(self._numbers), waiting))

    def _abandon(self, waiting: _Waiting) -> None:
        waiting.future.cancel()
        self._forget(waiting)
        if waiting.task is not None:
            waiting.task.cancel()

    def _forget(self, waiting: _Waiting) -> None:
        if self._open.get(waiting.key) is waiting:
            del self._open[waiting.key]

    def _fill(self) -> None:
        """Give every free place of the teacher to the waiting request with the lowest order."""
        while self._heap and self._flying < self.teacher.concurrency:
            order, _, waiting = heapq.heappop(self._heap)
            # An entry is stale where nobody waits any more, or where a lower order was given later.
            if waiting.task is None and waiting.order == order and not waiting.future.done():
                self._count(+1)
                waiting.task = self._loop.create_task(self._fetch(waiting))
                waiting.task.add_done_callback(self._landed)
        if self._wanting is not None and len(self._open) - self._flying < self.teacher.concurrency:
            self._wanting.set_result(None)
            self._wanting = None

    async def _fetch(self, waiting: _Waiting) -> None:
        started = time.monotonic()
        try:
            completion = await self.teacher.answer(waiting.request)
            if not completion.failed:
                self.responses.put(waiting.key, completion)
        except Exception as error:
            self._forget(waiting)
            if not waiting.future.done():
                waiting.future.set_exception(error)
            return
        finally:
            waiting.seconds = time.monotonic() - started
            self.usage.in_flight_s += waiting.seconds
        self._note(completion)
        self._forget(waiting)
        if not waiting.future.done():
            waiting.future.set_result(completion)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._count(-1)
        self._fill()

    def _note(self, completion: Completion) -> None:
        self.usage.requests += 1
        self.usage.failed += completion.failed
        self.usage.prompt_tokens += completion.prompt_tokens
        self.usage.cached_tokens += completion.cached_tokens
        self.usage.output_tokens += completion.output_tokens

    def _count(self, change: int) -> None:
        now = time.monotonic()
        if self._flying:
            self.usage.busy_s += now - self._since
        self._flying, self._since = self._flying + change, now


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
