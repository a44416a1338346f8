"""The jobs that one process runs: each in its own thread, each with an eye on its time. Knows no engine library."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from bot.engine.port import JSON, Queue
from bot.engine.rules import EngineError, Stopping, exit_as_failure, too_long

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Run:
    """One run of a job. `over`: its time is up."""

    id: str
    queue: Queue
    done: Future[JSON] = field(default_factory=Future)
    started: float = field(default_factory=time.monotonic)
    over: bool = False

    def fail(self, error: BaseException) -> None:
        """End the run with `error`, unless it has ended."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)

    def succeed(self, result: JSON) -> None:
        """End the run with its result, unless it has ended."""
        with suppress(InvalidStateError):
            self.done.set_result(result)


class Runs:
    """Runs jobs until `stop`. `limits`: seconds by queue; `grace_s`: what a job over its time has to notice that.

    `stopping`: no step may begin; `closed`: what a step returns is dropped.
    """

    def __init__(self, limits: Mapping[Queue, float], grace_s: float) -> None:
        self._limits = limits
        self._grace_s = grace_s
        self._running: set[Run] = set()
        self._changed = threading.Condition()
        self.stopping = False
        self.closed = False

    def open(self) -> None:
        """Take jobs again after a `stop`."""
        self.stopping = self.closed = False

    def perform(self, id: str, queue: Queue, work: Callable[[Run], JSON]) -> JSON:
        """Run `work` in a daemon thread, in a copy of this context, and return or raise what it does.

        Not in the caller's thread: a library's threads keep the process alive until the step in them ends.
        """
        run = Run(id, queue)
        with self._changed:
            if self.stopping:
                raise Stopping
            self._running.add(run)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._body, run, work), name=f"job-{id}", daemon=True).start()
        try:
            return run.done.result()
        finally:
            with self._changed:
                self._running.discard(run)
                self._changed.notify_all()

    def stop_overdue(self) -> None:
        """Tell runs that their time is up, and give the place of those away that have not ended a grace later."""
        with self._changed:
            running = list(self._running)
        for run in running:
            limit = self._limits[run.queue]
            lasted = time.monotonic() - run.started
            if lasted > limit and not run.over:
                run.over = True
                log.warning("job %s %s", run.id, too_long(limit))
            if lasted > limit + self._grace_s:
                run.fail(EngineError(too_long(limit)))

    def stop(self, grace_s: float) -> None:
        """Let steps end for so long, then let go of all runs."""
        with self._changed:
            self.stopping = True
            self._changed.wait_for(lambda: not self._running, grace_s)
            self.closed = True
            left = list(self._running)
        for run in left:
            run.fail(Stopping())

    def _body(self, run: Run, work: Callable[[Run], JSON]) -> None:
        try:
            result = work(run)
        except BaseException as error:
            run.fail(EngineError(too_long(self._limits[run.queue])) if run.over else exit_as_failure(error))
        else:
            if run.over:
                run.fail(EngineError(too_long(self._limits[run.queue])))
            run.succeed(result)
