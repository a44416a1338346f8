"""Jobs in memory: the engine for scripted tests and for trying things out. Nothing outlives the object.

Otherwise the contract is that of the durable engine: the result of each step is recorded, and the next `start` takes up
a job that `stop` cut short.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from bot.engine.again import is_again, patiently
from bot.engine.clock import check, latest_tick, tick_id
from bot.engine.port import JSON, Job, JobStatus, Queue, Schedule, State
from bot.engine.rules import (
    QUEUES,
    SLOTS,
    EngineError,
    Stopping,
    Waiting,
    error_text,
    exit_as_failure,
    find_job,
    plain,
    rule,
    too_long,
)

T = TypeVar("T")

STOP_GRACE_S: Final = 1.0
POLL_S: Final = 0.05


class _Cancelled(BaseException):
    """Unwinds a job that was cancelled, at its next step."""


@dataclass(slots=True)
class _Entry:
    """One accepted job. `attempt` grows when the job is taken up again, so that an older run of it can tell."""

    number: int
    id: str
    name: str
    payload: JSON
    queue: Queue
    key: str
    created_at: float
    due: float
    state: State = "queued"
    result: JSON = None
    error: str | None = None
    ended_at: float | None = None
    started_at: float = 0.0
    begun: bool = False
    attempt: int = 0
    steps: dict[int, tuple[str, JSON]] = field(default_factory=dict)

    def status(self) -> JobStatus:
        times = (self.created_at, self.ended_at)
        return JobStatus(self.id, self.name, self.state, self.result, self.error, self.queue, self.key, *times)

    def end(self, state: State, now: float, result: JSON = None, error: str | None = None) -> None:
        self.state, self.result, self.error, self.ended_at = state, result, error, now

    def put_back(self, due: float = 0.0) -> None:
        self.state, self.due = "queued", due
        self.attempt += 1


class MemoryEngine:
    """See `Engine`. Either `start` and `stop` (threads), or `drain` (everything in the calling thread, no waiting).

    `clock`: seconds since 1970. `wait_scale`: real seconds for one that a step is to wait. `limits`: seconds that jobs
    of a queue may run, where they differ from the rules.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        wait_scale: float = 1.0,
        limits: Mapping[Queue, float] | None = None,
    ) -> None:
        self._clock = clock
        self._skipped = 0.0
        self._wait_scale = wait_scale
        self._limits = {queue: known.limit_s for queue, known in QUEUES.items()} | dict(limits or {})
        self._entries: dict[str, _Entry] = {}
        self._accepted = 0
        self._jobs: Mapping[str, Job] = {}
        self._schedules: dict[Schedule, float] = {}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue, key: str = "", delay_s: float = 0.0) -> bool:
        """Accept a job; see `Enqueuer`."""
        rule(queue)
        payload = plain(payload, f"the payload of job {id!r}")
        with self._changed:
            if id in self._entries:
                return False
            now = self._now()
            self._accepted += 1
            self._entries[id] = _Entry(self._accepted, id, name, payload, queue, key, now, now + delay_s)
            self._changed.notify_all()
        return True

    def status(self, id: str) -> JobStatus | None:
        """State of a job; see `Enqueuer`."""
        with self._changed:
            entry = self._entries.get(id)
            return entry.status() if entry else None

    def jobs(self, *, states: tuple[State, ...] = (), key: str = "", limit: int = 100) -> list[JobStatus]:
        """Newest first; see `Enqueuer`."""
        with self._changed:
            newest = [e for e in reversed(self._entries.values()) if not states or e.state in states]
            return [entry.status() for entry in newest if not key or entry.key == key][:limit]

    def cancel(self, id: str) -> None:
        """Ask a job to stop; see `Enqueuer`. Does nothing to one that has ended."""
        with self._changed:
            entry = self._entries.get(id)
            if entry is not None and entry.state in ("queued", "running"):
                entry.end("cancelled", self._now())
                self._changed.notify_all()

    def retry(self, id: str) -> bool:
        """Put a failed or cancelled job back; see `Enqueuer`. A step that had given up waiting starts counting anew."""
        with self._changed:
            entry = self._entries.get(id)
            if entry is None or entry.state not in ("failed", "cancelled"):
                return False
            while entry.steps and is_again(entry.steps[max(entry.steps)][1]):
                del entry.steps[max(entry.steps)]
            entry.put_back()
            entry.begun, entry.error, entry.ended_at = False, None, None
            self._changed.notify_all()
        return True

    def start(self, jobs: Mapping[str, Job], schedules: Sequence[Schedule] = ()) -> None:
        """Run what is queued, and what the last `stop` cut short, in threads; see `Engine`."""
        if self._threads:
            raise EngineError("this engine was started already")
        check(schedules)
        self._jobs = dict(jobs)
        self._stopping = False
        self.schedule(schedules)
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"{slot}-{n}", daemon=True)
            for slot, width in SLOTS.items()
            for n in range(width)
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def schedule(self, schedules: Sequence[Schedule]) -> None:
        """Let `tick` enqueue these from now on. One that was known before may have missed a tick."""
        now = self._now()
        with self._changed:
            self._schedules = {schedule: self._schedules.get(schedule, now) for schedule in schedules}

    def tick(self, now: float) -> None:
        """Enqueue what the clock asks for at `now`: of each schedule the latest tick that was not enqueued yet."""
        for schedule, since in list(self._schedules.items()):
            tick = latest_tick(schedule.cron, since, now)
            if tick is not None:
                self.enqueue(schedule.job, {}, id=tick_id(schedule.job, tick), queue=schedule.queue)
                self._schedules[schedule] = tick

    def stop(self) -> None:
        """Stop taking jobs, in a second even while a step runs; see `Engine`. What that step returns is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._with_state("running"), STOP_GRACE_S)
            for entry in self._with_state("running"):
                entry.put_back()
            self._threads = []

    def close(self) -> None:
        """Stop. There is nothing else to give back."""
        self.stop()

    def prune(self, older_than_s: float) -> int:
        """Forget jobs that ended so long ago; see `Engine`."""
        with self._changed:
            before = self._now() - older_than_s
            old = [e.id for e in self._entries.values() if e.ended_at is not None and e.ended_at <= before]
            for id in old:
                del self._entries[id]
        return len(old)

    def drain(self, jobs: Mapping[str, Job]) -> None:
        """Run what is queued and what that enqueues in the calling thread, until nothing is left.

        In order of acceptance, as far as keys, priorities and delays allow. Time that would be waited is skipped.
        """
        self._jobs = dict(jobs)
        self._stopping = False
        while entry := self._take(None) or self._skip():
            self._run(entry)

    def _now(self) -> float:
        return self._clock() + self._skipped

    def _skip(self) -> _Entry | None:
        """Let time pass until the next queued job is due."""
        now = self._now()
        later = [entry.due for entry in self._with_state("queued") if entry.due > now]
        if not later:
            return None
        self._skipped += min(later) - now
        return self._take(None) or self._skip()

    def _with_state(self, state: State) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.state == state]

    def _ready(self, slot: str | None) -> Iterator[_Entry]:
        """Jobs that could start now, oldest first: due, and no job with their key is before them."""
        now = self._now()
        held: set[tuple[Queue, str]] = {(e.queue, e.key) for e in self._entries.values() if _holds(e)}
        for entry in self._with_state("queued"):
            waits = entry.key and not entry.begun and (entry.queue, entry.key) in held
            if entry.due <= now and not waits:
                held.add((entry.queue, entry.key))
                if slot in (None, rule(entry.queue).slot):
                    yield entry

    def _take(self, slot: str | None) -> _Entry | None:
        """Mark the next job (of `slot`) as running and return it."""
        with self._changed:
            first: dict[str, _Entry] = {}
            for entry in self._ready(slot):
                known = rule(entry.queue)
                best = first.get(known.slot)
                if best is None or known.priority < rule(best.queue).priority:
                    first[known.slot] = entry
            taken = min(first.values(), key=lambda found: found.number, default=None)
            if taken is not None:
                taken.state, taken.started_at, taken.begun = "running", self._now(), True
            return taken

    def _work(self, slot: str) -> None:
        """Body of one worker thread; ends when its `start` is over."""
        me = threading.current_thread()
        while True:
            with self._changed:
                entry = None
                while not self._stopping and me in self._threads and (entry := self._take(slot)) is None:
                    self._changed.wait(POLL_S)
            if entry is None:
                return
            self._run(entry)

    def _watch(self) -> None:
        """Body of the thread that looks at the clock: schedules, and jobs that run too long."""
        me = threading.current_thread()
        while True:
            with self._changed:
                if self._stopping or me not in self._threads:
                    return
                for entry in self._with_state("running"):
                    limit = self._limits[entry.queue]
                    if self._now() - entry.started_at > limit:
                        entry.end("failed", self._now(), error=too_long(limit))
                self._changed.wait(POLL_S)
            self.tick(self._now())

    def _run(self, entry: _Entry) -> None:
        """Run one job to its end and keep what came of it, unless it was taken up by another run meanwhile."""
        attempt = entry.attempt
        state: State = "done"
        result: JSON = None
        error: str | None = None
        due = 0.0
        try:
            job = find_job(self._jobs, entry.name)
            payload = plain(entry.payload, "the payload")  # a copy: a job may change what it is handed
            result = plain(job(_MemorySteps(self, entry), payload), f"the result of job {entry.id!r}")
        except _Cancelled:
            state = "cancelled"
        except Stopping:
            state = "queued"
        except Waiting as waiting:
            state, due = "queued", waiting.until
        except (Exception, SystemExit) as failure:
            state, error = "failed", error_text(exit_as_failure(failure))
        with self._changed:
            if entry.attempt == attempt and entry.state == "running":
                if state == "queued":
                    entry.put_back(due)
                else:
                    entry.end(state, self._now(), result, error)
            self._changed.notify_all()


def _holds(entry: _Entry) -> bool:
    """Whether a job keeps others with its key from starting: it runs, or waits in the middle of its work."""
    return bool(entry.key) and (entry.state == "running" or (entry.state == "queued" and entry.begun))


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
        value = patiently(
            work,
            f"the result of step {name!r} of job {self._entry.id!r}",
            once=lambda attempt: self._once(name, attempt),
            wait=self._wait,
            now=self._engine._now,
            scale=self._engine._wait_scale,
        )
        return cast(T, value)

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop."""
        return self._entry.state in ("cancelled", "failed")

    def _once(self, name: str, attempt: Callable[[], JSON]) -> JSON:
        entry, index = self._entry, self._next
        self._next += 1
        self._check()
        if index in entry.steps:
            recorded, result = entry.steps[index]
            if recorded == name:
                return result
            self._forget(index)  # the job's code has changed: what is recorded from here on answers other questions
        result = attempt()
        with self._engine._changed:
            self._check_run()
            entry.steps[index] = (name, result)
        return result

    def _forget(self, first: int) -> None:
        for index in [index for index in self._entry.steps if index >= first]:
            del self._entry.steps[index]

    def _wait(self, until: float) -> None:
        if self._engine._now() < until:
            raise Waiting(until)

    def _check(self) -> None:
        with self._engine._changed:
            self._check_run()
            if self._engine._stopping:
                raise Stopping

    def _check_run(self) -> None:
        if self._entry.attempt != self._attempt:
            raise Stopping
        if self.cancelled():
            raise _Cancelled
