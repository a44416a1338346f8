"""The `Engine` seam: durable jobs, enqueued once, run step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """What became of a job. `error` is the text of the exception that failed it."""

    id: str
    name: str
    state: State
    result: JSON = None
    error: str | None = None


class Enqueuer(Protocol):
    """The half of the engine that the web process holds."""

    def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue) -> bool:
        """Accept a job. False if a job with this id was accepted before (then nothing is added). Durable on return."""
        ...

    def status(self, id: str) -> JobStatus | None:
        """None where no such job was accepted."""
        ...

    def jobs(self, *, states: tuple[State, ...] = (), limit: int = 100) -> list[JobStatus]:
        """Newest first."""
        ...

    def cancel(self, id: str) -> None:
        """Ask a job to stop; one that is queued never starts, one that runs stops at its next step."""
        ...


class Engine(Enqueuer, Protocol):
    """The half that the worker holds: it also runs jobs.

    Contract (tests/contract/test_engine.py): an accepted job survives SIGKILL and ends once; a failing job harms no
    other; jobs of one queue start in order of acceptance, those of `preview`, `generate` and `build` one at a time.
    """

    def start(self, jobs: Mapping[str, Job]) -> None:
        """Run what is queued, and what an earlier process left unfinished, until `stop`."""
        ...

    def stop(self) -> None:
        """Stop taking jobs. What runs is taken up again by the next start."""
        ...
