"""A thread that owns an engine and moves it step by step, while answers are awaited on event loops elsewhere.

Requests join between two steps and leave as soon as they are finished. The thread also loads the engine: OpenMP keeps
a team of threads for each thread that starts one, so load and work must not be two.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from pipeline.teacher.port import ChatRequest, Completion, TeacherError
from pipeline.teacher.prompt import UnfitRequest


class Engine(Protocol):
    """What the thread moves. Requests are known by number."""

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        ...

    def add(self, number: int, request: ChatRequest) -> None:
        """Take a request in. Raises `UnfitRequest`."""
        ...

    def drop(self, number: int) -> None:
        """Forget a request, which may be finished already."""
        ...

    def step(self) -> Iterable[tuple[int, Completion]]:
        """Make each running request a token longer; what finished by it. Whatever it raises ends the engine."""
        ...

    def close(self) -> None:
        """Free the memory."""
        ...


E = TypeVar("E", bound=Engine)


class Stepper(Generic[E]):
    """Runs the engine that `load` makes. `gather_s`: how long an idle engine waits for a first request's companions.

    An engine that fails is of no more use: what is in flight and all later answers raise `TeacherError`.
    """

    def __init__(self, load: Callable[[], E], name: str, *, gather_s: float = 0.0) -> None:
        """Returns when the engine is loaded. Raises what `load` raises."""
        self._name, self._gather_s = name, gather_s
        self._wake = threading.Condition()  # over the four below
        self._fresh: list[tuple[int, ChatRequest]] = []
        self._dropped: list[int] = []
        self._open: dict[int, Future[Completion]] = {}
        self._end: str | None = None
        self._numbers = itertools.count()
        loaded: Future[E] = Future()
        self._thread = threading.Thread(target=self._run, args=(load, loaded), daemon=True, name=name)
        self._thread.start()
        self.engine = loaded.result()

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`."""
        future: Future[Completion] = Future()
        with self._wake:
            if self._end is not None:
                raise TeacherError(self._end)
            number = next(self._numbers)
            self._open[number] = future
            self._fresh.append((number, request))
            self._wake.notify()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            with self._wake:
                if self._open.pop(number, None):
                    self._dropped.append(number)
                    self._wake.notify()
            raise

    def close(self) -> None:
        """End the thread after the step it is in; answers in flight raise `TeacherError`. Twice is harmless."""
        self._fail(f"{self._name} was closed.")
        self._thread.join()

    def _run(self, load: Callable[[], E], loaded: Future[E]) -> None:
        try:
            engine = load()
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(engine)
        try:
            while self._move(engine):
                pass
        except Exception as error:  # an engine raises whatever its many parts raise
            self._fail(f"{self._name} failed: {str(error) or type(error).__name__}")
        with contextlib.suppress(Exception):  # it may be in pieces
            engine.close()

    def _move(self, engine: E) -> bool:
        """Let in and out who wants to, and take one step. False when closed."""
        fresh, dropped, ended = self._news(engine.busy)
        if ended:
            return False
        for number, request in fresh:
            try:
                engine.add(number, request)
            except UnfitRequest as error:
                self._settle(number, Completion("", "unfit", error=str(error)))
        for number in dropped:
            engine.drop(number)
        if engine.busy:
            for number, completion in engine.step():
                self._settle(number, completion)
        return True

    def _news(self, busy: bool) -> tuple[list[tuple[int, ChatRequest]], list[int], bool]:
        """What has come since the last step; an idle engine waits for it."""
        with self._wake:
            while not busy and not (self._fresh or self._dropped or self._end):
                self._wake.wait()
            if not busy and self._gather_s:
                while not self._end and self._wake.wait(self._gather_s):  # false when nothing came for so long
                    pass
            fresh, self._fresh = self._fresh, []
            dropped, self._dropped = self._dropped, []
            return fresh, dropped, self._end is not None

    def _settle(self, number: int, completion: Completion) -> None:
        with self._wake:
            future = self._open.pop(number, None)
        if future is not None and future.set_running_or_notify_cancel():
            future.set_result(completion)

    def _fail(self, reason: str) -> None:
        with self._wake:
            self._end = self._end or reason
            lost, self._open = list(self._open.values()), {}
            self._wake.notify()
        for future in lost:
            if future.set_running_or_notify_cancel():
                future.set_exception(TeacherError(reason))
