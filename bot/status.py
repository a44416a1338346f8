"""How the jobs stand, for the status page and for monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine.port import Enqueuer, JobStatus

COUNTED = 10_000  # jobs looked at; with more than these the exact number is not what worries anybody
SHOWN = 100  # of the newest jobs, whatever became of them
DEAD_SHOWN = 50
QUEUES = ("lint", "preview", "generate", "build")


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue: how many jobs wait, run and failed, and for how many seconds the oldest has waited."""

    queue: str
    queued: int
    running: int
    failed: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Status:
    """All queues; `dead`: failed jobs, which wait for a person; `recent`: the newest jobs of any state."""

    queues: tuple[QueueStatus, ...]
    dead: tuple[JobStatus, ...]
    recent: tuple[JobStatus, ...]


def look(enqueuer: Enqueuer, now: float) -> Status:
    """Ask the job database. `now`: seconds since 1970."""
    dead = enqueuer.jobs(states=("failed",), limit=COUNTED)
    return Status(
        queues=_queues([*enqueuer.jobs(states=("queued", "running"), limit=COUNTED), *dead], now),
        dead=tuple(dead[:DEAD_SHOWN]),
        recent=tuple(enqueuer.jobs(limit=SHOWN)),
    )


def queues(enqueuer: Enqueuer, now: float) -> tuple[QueueStatus, ...]:
    """The queues alone."""
    return _queues(enqueuer.jobs(states=("queued", "running", "failed"), limit=COUNTED), now)


def _queues(jobs: Sequence[JobStatus], now: float) -> tuple[QueueStatus, ...]:
    return tuple(_queue(queue, [job for job in jobs if job.queue == queue], now) for queue in QUEUES)


def _queue(queue: str, jobs: Sequence[JobStatus], now: float) -> QueueStatus:
    waiting = [job for job in jobs if job.state == "queued"]
    return QueueStatus(
        queue=queue,
        queued=len(waiting),
        running=sum(job.state == "running" for job in jobs),
        failed=sum(job.state == "failed" for job in jobs),
        oldest_s=max((now - job.created_at for job in waiting), default=0.0),
    )
