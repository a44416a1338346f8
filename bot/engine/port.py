"""The `Engine` seam: durable jobs, enqueued once, run step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

JSON = Any  # what json.dumps takes: payloads and step results live in a database and outlive the code that wrote them
T = TypeVar("T")
State = Literal["queued", "running", "done", "failed", "cancelled"]
Queue = Literal["lint", "preview", "generate", "build"]


class Steps(Protocol):
    """What a job is handed: each step's JSON result is recorded, so that a restarted job does not repeat it.

    A step that was cut short by a kill runs again: steps must be harmless to repeat (design §3). Steps are known by
    their order: between steps a job decides by what steps returned, never by the clock or by what lies outside.
    """

    @property
    def job_id(self) -> str:
        """The id that the job was enqueued under."""
        ...

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Run `work` once and record what it returned; on recovery return the record.

        The first run, too, returns the value as JSON gives it back (a tuple is a list). What `work` raises reaches the
        job as it is and is not recorded: on recovery that step runs again.
        """
        ...

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop; long steps look between batches."""
        ...


Job = Callable[[Steps, JSON], JSON]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What became of a job. `error` is the text of the exception that failed it. Times are seconds since 1970."""

    id: str
    name: str
    state: State
    result: JSON = None
    error: str | None = None
    queue: str = ""
    key: str = ""
    created_at: float = 0.0
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job enqueued by the clock. `cron`: five fields, UTC. Each tick has one id, so it is enqueued once."""

    job: str
    cron: str
    queue: Queue


class Enqueuer(Protocol):
    """The half of the engine that the web process holds."""

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue, key: str = "", delay_s: float = 0.0) -> bool:
        """Accept a job. False if a job with this id was accepted before (then nothing is added). Durable on return.

        Jobs of one queue with the same `key` run one at a time, in order of acceptance. `delay_s`: not before.
        """
        ...

    def status(self, id: str) -> JobStatus | None:
        """None where no such job was accepted."""
        ...

    def jobs(self, *, states: tuple[State, ...] = (), key: str = "", limit: int = 100) -> list[JobStatus]:
        """Newest first; with `key` those alone that were accepted under it."""
        ...

    def cancel(self, id: str) -> None:
        """Ask a job to stop; one that is queued never starts, one that runs stops at its next step."""
        ...

    def retry(self, id: str) -> bool:
        """Put a failed or cancelled job back into its queue; steps that succeeded are not repeated. False: neither."""
        ...

    def prune(self, older_than_s: float) -> int:
        """Forget jobs that ended so long ago, failed ones too; returns how many."""
        ...


class Engine(Enqueuer, Protocol):
    """The half that the worker holds: it also runs jobs.

    Contract (tests/contract/test_engine.py): an accepted job survives SIGKILL, also under newer code, and ends once; a
    failing job harms no other and stays visible as failed until it is retried or pruned; jobs of `lint` run several at
    a time; two of `preview` do; those of `generate` and `build` share one slot, which goes to
    generation, then to builds. A step that raises `TryAgain` is run again after a durable wait, a bounded number of
    times. A job that takes longer than its queue allows is cancelled.
    """

    def start(self, jobs: Mapping[str, Job], schedules: Sequence[Schedule] = ()) -> None:
        """Run what is queued, what an earlier process left unfinished, and what the clock asks for, until `stop`."""
        ...

    def stop(self) -> None:
        """Stop taking jobs. What runs is taken up again by the next start."""
        ...
