"""Durable jobs on DBOS 3.4: one SQLite file by default, PostgreSQL by URL. The only module that imports `dbos`.

Web process and command line hold a `DbosEnqueuer` (a client that writes rows); the worker holds a `DbosEngine`.
Both write plain JSON (DBOS's default is pickle, with which whoever can write the database can run code).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from dbos import error as dbos_error

from bot.engine.again import is_again, patiently
from bot.engine.clock import check, latest_tick, tick_id
from bot.engine.database import connect, prepare_sqlite, sqlite_path, worker_lock
from bot.engine.port import JSON, Job, JobStatus, Queue, Schedule, State
from bot.engine.rules import (
    QUEUES,
    SLOTS,
    EngineError,
    Stopping,
    Waiting,
    find_job,
    plain,
    rule,
)
from bot.engine.runs import Run, Runs
from bot.engine.table import JobTable
from bot.engine.upkeep import Upkeep
from bot.engine.writer import Writer

log = logging.getLogger(__name__)

T = TypeVar("T")

APPLICATION: Final = "seedbed"
WORKFLOW: Final = "job"
VERSION: Final = "1"
"""DBOS resumes work of the same version only, and would by default hash the source: then an update strands what was
running. `start` frees work of other versions; records that no longer fit a job's steps are dropped when it meets them.
So there is no need to raise this."""

MAX_RESTARTS: Final = 100
"""A job that was cut short this often fails: it is what kills the worker."""

STOP_GRACE_S: Final = 1.0
"""How long `stop` lets running steps come to an end, so that their results are recorded."""

LIMIT_GRACE_S: Final = 30.0
"""A job over its time is left alone so long to notice; then its place is given away, whatever it still does."""

TICK_S: Final = 1.0
LOOK_FOR_DEAD_S: Final = 10.0
PRUNED_AT_ONCE: Final = 500


class DbosEnqueuer:
    """The half of the engine for processes that run no jobs. Creates the database if it is not there yet.

    `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.
    """

    _power_cuts = True

    def __init__(self, url: str) -> None:
        self._url = url
        _prepare(url)
        self._database = connect(url, power_cuts=self._power_cuts)
        self._table = JobTable(self._database)
        self._writer = Writer(self._database)
        self._client = DBOSClient(
            system_database_engine=self._database,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
        )

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue, key: str = "", delay_s: float = 0.0) -> bool:
        """Accept a job; see `Enqueuer`. One INSERT decides, so that of two racing calls exactly one is accepted."""
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": rule(queue).slot,
            "priority": rule(queue).priority,
            "workflow_id": id,
        }
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        payload = plain(payload, f"the payload of job {id!r}")

        def accept(connection: sa.Connection) -> bool:
            if not self._table.accept(connection, id=id, name=name, queue=queue, key=key, delay_s=delay_s):
                return False
            self._client.enqueue_in_transaction(connection, options, name, payload, queue, key)
            return True

        return self._writer.write(accept)

    def status(self, id: str) -> JobStatus | None:
        """State of a job; see `Enqueuer`. A job whose worker died reads "running" until a worker takes it up."""
        return self._table.find(id)

    def jobs(self, *, states: tuple[State, ...] = (), key: str = "", limit: int = 100) -> list[JobStatus]:
        """Newest first; see `Enqueuer`."""
        return self._table.find_all(states, key, limit)

    def cancel(self, id: str) -> None:
        """Ask a job to stop; see `Enqueuer`. Does nothing to one that has ended."""
        if self._table.state(id) in ("queued", "running"):
            self._client.cancel_workflow(id)

    def retry(self, id: str) -> bool:
        """Put a failed or cancelled job back; see `Enqueuer`. A step that had given up waiting starts counting anew."""
        status = self._table.find(id)
        if status is None or status.state not in ("failed", "cancelled"):
            return False
        done = [step["function_id"] for step in self._client.list_workflow_steps(id) if not is_again(step["output"])]
        self._table.leave(id)
        try:
            self._client.rewind_workflow(
                id,
                start_step=max(done, default=0) + 1,
                application_version=VERSION,
                queue_name=rule(status.queue).slot,
            )
        except dbos_error.DBOSException:
            if self._table.state(id) in ("failed", "cancelled"):
                raise
            return False  # somebody else was faster
        return True

    def prune(self, older_than_s: float) -> int:
        """Forget jobs that ended so long ago; see `Enqueuer`."""
        old = self._table.ended(time.time() - older_than_s)
        for first in range(0, len(old), PRUNED_AT_ONCE):
            self._client.delete_workflows(old[first : first + PRUNED_AT_ONCE])
        self._table.forget()
        return len(old)

    def close(self) -> None:
        """Give the database connections back."""
        self._writer.close()
        self._client.destroy()
        self._database.dispose()


class DbosEngine(DbosEnqueuer):
    """The half for the worker: launches DBOS, of which a process holds one.

    A second worker with the same `executor_id` would take the first one's running jobs for abandoned and run them
    twice, so a lock refuses it; workers with different ids share the work. `poll_s`: how often the queues are looked
    at. `limits`: seconds that jobs of a queue may run, where they differ from the rules; `limit_grace_s`: see
    `LIMIT_GRACE_S`. `clock` drives the schedules, `wait_scale` gives real seconds for one that a step is to wait.
    """

    _power_cuts = False  # what a power cut takes from the end of its writing is done again; enqueuers sync

    def __init__(
        self,
        url: str,
        executor_id: str = "worker-0",
        *,
        poll_s: float = 0.1,
        limits: Mapping[Queue, float] | None = None,
        limit_grace_s: float = LIMIT_GRACE_S,
        clock: Callable[[], float] = time.time,
        wait_scale: float = 1.0,
    ) -> None:
        super().__init__(url)
        self._executor_id = executor_id
        self._poll_s = poll_s
        limits = {queue: known.limit_s for queue, known in QUEUES.items()} | dict(limits or {})
        self._runs = Runs(limits, limit_grace_s)
        self._clock = clock
        self._wait_scale = wait_scale
        self._lock = worker_lock(url, self._database, executor_id)
        self._jobs: Mapping[str, Job] = {}
        self._schedules: dict[Schedule, float] = {}
        self._upkeep: Upkeep | None = None
        self._started = False

    def start(self, jobs: Mapping[str, Job], schedules: Sequence[Schedule] = ()) -> None:
        """Run what is queued and what a dead worker left; see `Engine`. Raises `EngineError` if one runs already."""
        if self._started:
            raise EngineError("this engine was started already")
        check(schedules)
        self._lock.hold()
        self._started = True
        self._jobs = dict(jobs)
        self._runs.open()
        try:
            self._take_over([self._executor_id])
            self._take_over_dead()
            self._schedules = {each: self._table.last_tick(each.job, each.cron, self._clock()) for each in schedules}
            self._launch()
        except BaseException:
            self._destroy()
            raise

    def stop(self) -> None:
        """Stop taking jobs, in a few seconds even while a step runs; see `Engine`.

        A step that goes on past the grace runs in a daemon thread and what it returns is dropped.
        """
        if not self._started:
            return
        self._runs.stop(STOP_GRACE_S)
        self._destroy()

    def close(self) -> None:
        """Stop, and give the database connections back."""
        self.stop()
        super().close()

    def tick(self, now: float) -> None:
        """Enqueue what the clock asks for at `now`: of each schedule the latest tick that was not enqueued yet."""
        for schedule, last in self._schedules.items():
            tick = latest_tick(schedule.cron, last, now)
            if tick is not None:
                self.enqueue(schedule.job, {}, id=tick_id(schedule.job, tick), queue=schedule.queue)
                self._table.ticked(schedule.job, tick)
                self._schedules[schedule] = tick

    def _launch(self) -> None:
        _quiet_logs()
        for slot, width in SLOTS.items():
            pause = self._poll_s if slot == "lint" else 3 * self._poll_s  # somebody waits for lint in front of a page
            self._client.register_queue(slot, worker_concurrency=width, polling_interval_sec=pause)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._url,
            "system_database_engine": self._database,
            "application_version": VERSION,
            "executor_id": self._executor_id,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
        }

        def job(name: str, payload: JSON, queue: str, key: str) -> JSON:
            return self._perform(name, payload, cast(Queue, queue), key)

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RESTARTS)(job)
        DBOS(config=config)
        DBOS.launch()
        self._client.set_latest_application_version(VERSION)  # also after a step back to older code
        self._upkeep = Upkeep(
            {
                lambda: self._table.wake(time.time()): self._poll_s,
                self._runs.stop_overdue: self._poll_s,
                lambda: self.tick(self._clock()): TICK_S,
                self._lock.hold: LOOK_FOR_DEAD_S,
                self._take_over_dead: LOOK_FOR_DEAD_S,
            }
        )

    def _destroy(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
            self._upkeep = None
        # The registry goes too: it would hold on to this engine's job, and warn at the next start.
        DBOS.destroy(destroy_registry=True)
        self._lock.release()
        self._started = False

    def _take_over_dead(self) -> None:
        others = [name for name in self._table.executors() if name != self._executor_id]
        self._take_over([name for name in others if worker_lock(self._url, self._database, name).free()])

    def _take_over(self, dead: Sequence[str]) -> None:
        for id in self._table.take_over(dead, VERSION):
            log.warning("job %s was cut short with its worker; it goes on from its last recorded step", id)

    def _perform(self, name: str, payload: JSON, queue: Queue, key: str) -> JSON:
        """Run one job. One that waits, for its turn or in the middle, is put to sleep; the table wakes it."""
        id = cast(str, DBOS.workflow_id)

        def work(run: Run) -> JSON:
            job = find_job(self._jobs, name)
            return plain(job(_DbosSteps(self, run), payload), f"the result of job {id!r}")

        if key and not self._table.enter(id, queue, key):
            raise Stopping
        try:
            return self._runs.perform(id, queue, work)
        except Waiting as waiting:
            if not self._runs.closed:
                self._table.wait(id, waiting.until)
            raise Stopping from None


class _StepFailed(BaseException):
    """Carries a step's exception past DBOS, which would record it and on recovery raise it as another type."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _DbosSteps:
    """The `Steps` of one job."""

    def __init__(self, engine: DbosEngine, run: Run) -> None:
        self._engine = engine
        self._run = run

    @property
    def job_id(self) -> str:
        """The id that the job was enqueued under."""
        return self._run.id

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Run a step and record its result, or return the record; see `Steps`."""
        value = patiently(
            work,
            f"the result of step {name!r} of job {self._run.id!r}",
            once=lambda attempt: self._once(name, attempt),
            wait=_wait,
            now=time.time,
            scale=self._engine._wait_scale,
        )
        return cast(T, value)

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop, or its time is up."""
        return self._run.over or self._engine._table.state(self._run.id) != "running"

    def _once(self, name: str, attempt: Callable[[], JSON]) -> JSON:
        def step() -> JSON:
            failure: Exception | None = None
            try:
                result = attempt()
            except Exception as error:
                failure = error
            if self._engine._runs.closed or self._run.done.done():
                raise Stopping
            if failure is not None:
                raise _StepFailed(failure)
            return result

        if self._engine._runs.stopping or self._run.over:
            raise Stopping
        try:
            return DBOS.run_step({"name": name}, step)
        except _StepFailed as failed:
            raise failed.error from None
        except (dbos_error.DBOSWorkflowCancelledError, dbos_error.DBOSWorkflowConflictIDError):
            raise Stopping from None
        except dbos_error.DBOSUnexpectedStepError as error:
            # The job's code has changed. What was recorded from here on answers other questions.
            _, first, _, recorded = error.inputs
            log.warning(
                "job %s now runs step %r where %r is recorded; it goes on from there", self.job_id, name, recorded
            )
            self._engine._table.forget_steps(self.job_id, first)
            raise Waiting(time.time()) from None


def _wait(until: float) -> None:
    if time.time() < until:
        raise Waiting(until)


def _prepare(url: str) -> None:
    """Create or migrate the database that `url` names."""
    path = sqlite_path(url)
    if path is None:
        _migrate(url)
    else:
        prepare_sqlite(path, lambda: _migrate(url))


def _migrate(url: str) -> None:
    DBOS.migrate(url)
    database = connect(url)
    JobTable(database).create()
    database.dispose()


class _NoCancellations(logging.Filter):
    """DBOS logs the end of a cancelled job as an error with its traceback; nothing went wrong there."""

    def filter(self, record: logging.LogRecord) -> bool:
        raised: Any = record.exc_info[1] if record.exc_info else None
        return not isinstance(raised, dbos_error.DBOSAwaitedWorkflowCancelledError)


def _quiet_logs() -> None:
    """Send DBOS's records the way of all others: without a handler it would add its own and cut off the root's."""
    logger = logging.getLogger("dbos")
    if not any(isinstance(known, _NoCancellations) for known in logger.filters):
        logger.addFilter(_NoCancellations())
        logger.addHandler(logging.NullHandler())
