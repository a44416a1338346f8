"""Durable jobs on DBOS 3.4: one SQLite file by default, PostgreSQL by URL. The only module that imports `dbos`.

Web process and command line hold a `DbosEnqueuer` (a client that writes rows); the worker holds a `DbosEngine`.
Both write plain JSON (DBOS's default is pickle, with which whoever can write the database can run code).
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import IO, Any, Final, TypeVar, cast

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus
from dbos import error as dbos_error

from bot.engine.database import hold, lock_path, prepare_sqlite, sqlite_path
from bot.engine.port import JSON, Job, JobStatus, Queue, State
from bot.engine.rules import CONCURRENCY, EngineError, Stopping, error_text, exit_as_failure, find_job, plain

T = TypeVar("T")

APPLICATION: Final = "seedbed"
WORKFLOW: Final = "job"
VERSION: Final = "1"
"""Version of the order of steps in all jobs. DBOS resumes work of the same version only, and would by default hash the
source: then an update strands what was running. Raise it by hand, with a plan for running jobs."""

MAX_RESTARTS: Final = 100
"""A job that was cut short this often fails: it is what kills the worker."""

STOP_GRACE_S: Final = 1.0
"""How long `stop` lets running steps come to an end, so that their results are recorded."""

_STATES: Final[Mapping[str, State]] = {
    "ENQUEUED": "queued",
    "DELAYED": "queued",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}


class DbosEnqueuer:
    """The half of the engine for processes that run no jobs. Creates the database if it is not there yet.

    `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        _prepare(url)
        self._client = DBOSClient(
            system_database_url=url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
        )

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue) -> bool:
        """Accept a job; see `Enqueuer`. One INSERT decides, so that of two racing calls exactly one is accepted."""
        if queue not in CONCURRENCY:
            raise EngineError(f"there is no queue called {queue!r}; there are: {', '.join(CONCURRENCY)}")
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": queue,
            "workflow_id": id,
            "workflow_id_reuse_policy": "reject",
        }
        try:
            self._client.enqueue(options, name, plain(payload, f"the payload of job {id!r}"))
        except dbos_error.DBOSWorkflowIDInUseError:
            return False
        return True

    def status(self, id: str) -> JobStatus | None:
        """State of a job; see `Enqueuer`. A job whose worker died reads "running" until a worker takes it up."""
        rows = self._client.list_workflows(workflow_ids=[id], name=WORKFLOW)
        return _job_status(rows[0]) if rows else None

    def jobs(self, *, states: tuple[State, ...] = (), limit: int = 100) -> list[JobStatus]:
        """Newest first; see `Enqueuer`."""
        wanted = [theirs for theirs, ours in _STATES.items() if ours in states] if states else None
        rows = self._client.list_workflows(status=wanted, name=WORKFLOW, limit=limit, sort_desc=True)
        return [_job_status(row) for row in rows]

    def cancel(self, id: str) -> None:
        """Ask a job to stop; see `Enqueuer`. Does nothing to one that has ended."""
        self._client.cancel_workflow(id)

    def close(self) -> None:
        """Give the database connections back."""
        self._client.destroy()


class DbosEngine(DbosEnqueuer):
    """The half for the worker: launches DBOS, of which a process holds one.

    A second worker with the same `executor_id` would take the first one's running jobs for abandoned and run them
    twice. A lock on a file refuses it: beside the SQLite file, or in the temporary folder for PostgreSQL, where it
    guards one machine.
    """

    def __init__(self, url: str, executor_id: str = "worker-0", *, poll_s: float = 0.2) -> None:
        super().__init__(url)
        self._executor_id = executor_id
        self._poll_s = poll_s
        self._jobs: Mapping[str, Job] = {}
        self._lock: IO[str] | None = None
        self._running: set[Future[JSON]] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._closed = False

    def start(self, jobs: Mapping[str, Job]) -> None:
        """Run what is queued and what a dead worker left; see `Engine`. Raises `EngineError` if one runs already."""
        if self._lock is not None:
            raise EngineError("this engine was started already")
        self._lock = hold(lock_path(self._url, self._executor_id), self._executor_id)
        self._jobs = dict(jobs)
        self._stopping = self._closed = False
        try:
            self._launch()
        except BaseException:
            self._destroy()
            raise

    def _launch(self) -> None:
        _quiet_logs()
        for queue, width in CONCURRENCY.items():
            pause = self._poll_s if queue == "lint" else 3 * self._poll_s  # somebody waits for lint in front of a page
            self._client.register_queue(queue, worker_concurrency=width, polling_interval_sec=pause)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._url,
            "application_version": VERSION,
            "executor_id": self._executor_id,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
        }

        def job(name: str, payload: JSON) -> JSON:
            return self._perform(name, payload)

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RESTARTS)(job)
        DBOS(config=config)
        DBOS.launch()

    def stop(self) -> None:
        """Stop taking jobs, in a few seconds even while a step runs; see `Engine`.

        A step that goes on past the grace runs in a daemon thread and what it returns is dropped.
        """
        if self._lock is None:
            return
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: not self._running, STOP_GRACE_S)
            self._closed = True
            left = list(self._running)
        for future in left:
            with suppress(InvalidStateError):
                future.set_exception(Stopping())
        self._destroy()

    def close(self) -> None:
        """Stop, and give the database connections back."""
        self.stop()
        super().close()

    def _destroy(self) -> None:
        # The registry goes too: it would hold on to this engine's job, and warn at the next start.
        DBOS.destroy(destroy_registry=True)
        if self._lock is not None:
            self._lock.close()  # lets go of the lock
            self._lock = None

    def _perform(self, name: str, payload: JSON) -> JSON:
        """Run one job in a daemon thread: DBOS's own threads keep a process alive until the step in them ends."""
        job = find_job(self._jobs, name)
        id = cast(str, DBOS.workflow_id)
        done: Future[JSON] = Future()

        def body() -> None:
            try:
                result = plain(job(_DbosSteps(self, id), payload), f"the result of job {id!r}")
            except BaseException as error:
                failure = exit_as_failure(error)
                with suppress(InvalidStateError):  # `stop` was faster
                    done.set_exception(failure)
            else:
                with suppress(InvalidStateError):
                    done.set_result(result)

        with self._changed:
            if self._stopping:
                raise Stopping
            self._running.add(done)
        context = contextvars.copy_context()  # DBOS keeps the workflow that it is in there
        threading.Thread(target=context.run, args=(body,), name=f"job-{id}", daemon=True).start()
        try:
            return done.result()
        finally:
            with self._changed:
                self._running.discard(done)
                self._changed.notify_all()


class _StepFailed(BaseException):
    """Carries a step's exception past DBOS, which would record it and on recovery raise it as another type."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _DbosSteps:
    """The `Steps` of one job."""

    def __init__(self, engine: DbosEngine, job_id: str) -> None:
        self._engine = engine
        self._job_id = job_id

    @property
    def job_id(self) -> str:
        """The id that the job was enqueued under."""
        return self._job_id

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Run a step and record its result, or return the record; see `Steps`."""
        engine = self._engine

        def step() -> T:
            failure: Exception | None = None
            try:
                result = plain(work(), f"the result of step {name!r} of job {self._job_id!r}")
            except Exception as error:
                failure = error
            if engine._closed:
                raise Stopping
            if failure is not None:
                raise _StepFailed(failure)
            return cast(T, result)

        if engine._stopping:
            raise Stopping
        try:
            return DBOS.run_step({"name": name}, step)
        except _StepFailed as failed:
            raise failed.error from None

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop."""
        status = self._engine.status(self._job_id)
        return status is not None and status.state == "cancelled"


def _job_status(row: WorkflowStatus) -> JobStatus:
    """Read a DBOS row; the job's name is the first argument of the one workflow that we register."""
    arguments = row.input["args"] if isinstance(row.input, dict) else ()
    state = _STATES[row.status]
    error = None
    if state == "failed":
        given_up = f"the worker died {MAX_RESTARTS} times while it ran this job"
        error = given_up if row.error is None else _recorded_text(row.error)
    return JobStatus(
        id=row.workflow_id,
        name=str(arguments[0]) if arguments else "",
        state=state,
        result=row.output if state == "done" else None,
        error=error,
    )


def _recorded_text(error: Exception) -> str:
    """Text of an exception that came back from the database with its own class's name in a field."""
    message = getattr(error, "message", None)
    return str(message) or str(getattr(error, "name", "")) if message is not None else error_text(error)


def _prepare(url: str) -> None:
    """Create or migrate the database that `url` names."""
    path = sqlite_path(url)
    if path is None:
        DBOS.migrate(url)
    else:
        prepare_sqlite(path, lambda: DBOS.migrate(url))


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
