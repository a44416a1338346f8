"""Jobs in memory: the engine for scripted tests and for trying things out. Nothing outlives the object.

Otherwise the contract is that of the durable engine: the result of each step is recorded, and the next `start` takes up
a job that `stop` cut short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bot.engine.port import JSON, Job, JobStatus, Queue, State
from bot.engine.rules import CONCURRENCY, EngineError, Stopping, error_text, exit_as_failure, find_job, plain

T = TypeVar("T")

STOP_GRACE_S = 1.0


class _Cancelled(BaseException):
    """Unwinds a job that was cancelled, at its next step."""


@dataclass(slots=True)
class _Entry:
    """One accepted job. `attempt` grows when the job is taken up again, so that an older run of it can tell."""

    id: str
    name: str
    payload: JSON
    queue: Queue
    state: State = "queued"
    result: JSON = None
    error: str | None = None
    attempt: int = 0
    steps: dict[int, tuple[str, JSON]] = field(default_factory=dict)

    def status(self) -> JobStatus:
        return JobStatus(self.id, self.name, self.state, self.result, self.error)


class MemoryEngine:
    """See `Engine`. Either `start` and `stop` (threads), or `drain` (everything in the calling thread, in order)."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._jobs: Mapping[str, Job] = {}
        self._changed = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._stopping = False

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue) -> bool:
        """Accept a job; see `Enqueuer`."""
        if queue not in CONCURRENCY:
            raise EngineError(f"there is no queue called {queue!r}; there are: {', '.join(CONCURRENCY)}")
        entry = _Entry(id, name, plain(payload, f"the payload of job {id!r}"), queue)
        with self._changed:
            if id in self._entries:
                return False
            self._entries[id] = entry
            self._changed.notify_all()
        return True

    def status(self, id: str) -> JobStatus | None:
        """State of a job; see `Enqueuer`."""
        with self._changed:
            entry = self._entries.get(id)
            return entry.status() if entry else None

    def jobs(self, *, states: tuple[State, ...] = (), limit: int = 100) -> list[JobStatus]:
        """Newest first; see `Enqueuer`."""
        with self._changed:
            newest = [e.status() for e in reversed(self._entries.values()) if not states or e.state in states]
        return newest[:limit]

    def cancel(self, id: str) -> None:
        """Ask a job to stop; see `Enqueuer`. Does nothing to one that has ended."""
        with self._changed:
            entry = self._entries.get(id)
            if entry is not None and entry.state in ("queued", "running"):
                entry.state = "cancelled"

    def start(self, jobs: Mapping[str, Job]) -> None:
        """Run what is queued, and what the last `stop` cut short, in threads; see `Engine`."""
        if self._workers:
            raise EngineError("this engine was started already")
        self._jobs = dict(jobs)
        self._stopping = False
        self._workers = [
            threading.Thread(target=self._work, args=(queue,), name=f"{queue}-{n}", daemon=True)
            for queue, width in CONCURRENCY.items()
            for n in range(width)
        ]
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Stop taking jobs, in a second even while a step runs; see `Engine`. What that step returns is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._with_state("running"), STOP_GRACE_S)
            for entry in self._with_state("running"):
                self._requeue(entry)
            self._workers = []

    def close(self) -> None:
        """Stop. There is nothing else to give back."""
        self.stop()

    def drain(self, jobs: Mapping[str, Job]) -> None:
        """Run what is queued and what that enqueues, in order of acceptance, in the calling thread."""
        self._jobs = dict(jobs)
        self._stopping = False
        while entry := self._take(None):
            self._run(entry)

    def _with_state(self, state: State) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.state == state]

    def _requeue(self, entry: _Entry) -> None:
        entry.state = "queued"
        entry.attempt += 1

    def _take(self, queue: Queue | None) -> _Entry | None:
        """Mark the oldest queued job (of `queue`) as running and return it."""
        with self._changed:
            for entry in self._with_state("queued"):
                if queue in (None, entry.queue):
                    entry.state = "running"
                    return entry
        return None

    def _work(self, queue: Queue) -> None:
        """Body of one worker thread; ends when its `start` is over."""
        me = threading.current_thread()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or any(e.queue == queue for e in self._with_state("queued"))
                )
                if self._stopping or me not in self._workers:
                    return
                entry = self._take(queue)
            if entry is not None:
                self._run(entry)

    def _run(self, entry: _Entry) -> None:
        """Run one job to its end and keep what came of it, unless it was taken up by another run meanwhile."""
        attempt = entry.attempt
        state: State = "done"
        result: JSON = None
        error: str | None = None
        try:
            job = find_job(self._jobs, entry.name)
            payload = plain(entry.payload, "the payload")  # a copy: a job may change what it is handed
            result = plain(job(_MemorySteps(self, entry), payload), f"the result of job {entry.id!r}")
        except _Cancelled:
            state = "cancelled"
        except Stopping:
            state = "queued"
        except (Exception, SystemExit) as failure:
            state, error = "failed", error_text(exit_as_failure(failure))
        with self._changed:
            if entry.attempt == attempt and entry.state == "running":
                if state == "queued":
                    self._requeue(entry)
                else:
                    entry.state, entry.result, entry.error = state, result, error
            self._changed.notify_all()


class _MemorySteps:
    """The `Steps` of one run of a job. Steps are known by their order, as in the durable engine."""

    def __init__(self, engine: MemoryEngine, entry: _Entry) -> None:
        self._engine = engine
        self._entry = entry
        self._attempt = entry.attempt
        self._next = 0

    @property
    def job_id(self) -> str:
        """The id that the job was enqueued under."""
        return self._entry.id

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Run a step and record its result, or return the record; see `Steps`."""
        entry, index = self._entry, self._next
        self._next += 1
        self._check()
        if index in entry.steps:
            recorded, result = entry.steps[index]
            if recorded != name:
                raise EngineError(f"job {entry.id!r} ran step {recorded!r} before, and now runs {name!r} in its place")
            return cast(T, result)
        what = f"the result of step {name!r} of job {entry.id!r}"
        result = plain(work(), what)
        with self._engine._changed:
            if entry.attempt != self._attempt:
                raise Stopping
            if entry.state == "cancelled":
                raise _Cancelled
            entry.steps[index] = (name, result)
        return cast(T, result)

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop."""
        return self._entry.state == "cancelled"

    def _check(self) -> None:
        with self._engine._changed:
            if self.cancelled():
                raise _Cancelled
            if self._engine._stopping or self._entry.attempt != self._attempt:
                raise Stopping
