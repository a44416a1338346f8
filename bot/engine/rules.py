"""What every engine does the same way: which queue runs how, what a payload may be, how a failure reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.engine.port import JSON, Job, Queue


@dataclass(frozen=True, slots=True)
class QueueRule:
    """How the jobs of a queue run. Queues with one `slot` share it; the lowest `priority` goes first there."""

    slot: str
    priority: int
    limit_s: float
    """A job may run so long at a stretch; waiting (for its turn, for a rate limit) does not count."""


MINUTE_S: Final = 60.0
HOUR_S: Final = 60 * MINUTE_S

QUEUES: Final[Mapping[Queue, QueueRule]] = {
    "lint": QueueRule("lint", 1, 15 * MINUTE_S),
    "preview": QueueRule("preview", 1, 1 * HOUR_S),
    "generate": QueueRule("model", 1, 12 * HOUR_S),
    "build": QueueRule("model", 2, 24 * HOUR_S),
}

SLOTS: Final[Mapping[str, int]] = {"lint": 4, "preview": 2, "model": 1}
"""Jobs of one slot that run at the same time in one worker. Lint is short. Previews share the teacher's pool with each
other and with a running generation, which they overtake there; a build wants the whole machine."""


class EngineError(Exception):
    """The engine cannot start, or was asked for what it cannot do. The message says what to do about it."""


class UnknownJob(EngineError):
    """A job was enqueued under a name that this worker does not know."""


class NotJson(EngineError, TypeError):
    """A payload or a step's result holds what JSON cannot."""


class Stopping(BaseException):
    """Unwinds a run whose engine stops or that lost its job; no `Exception`, so that no job takes it for its own."""


class Waiting(BaseException):
    """Unwinds a run that waits: it gives its place up, and the job is run again, from its records, at `until`."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


def rule(queue: str) -> QueueRule:
    """Rule of a queue; raises `EngineError` with the queues that there are."""
    known: Mapping[str, QueueRule] = {str(name): found for name, found in QUEUES.items()}
    try:
        return known[queue]
    except KeyError:
        raise EngineError(f"there is no queue called {queue!r}; there are: {', '.join(known)}") from None


def plain(value: JSON, what: str) -> JSON:
    """Return `value` as it will come back from a database; raises `NotJson` naming `what`.

    Applied on the first run too (a tuple becomes a list at once): a resumed job then sees the same values.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise NotJson(f"{what} cannot be stored as JSON: {error}") from error


def find_job(jobs: Mapping[str, Job], name: str) -> Job:
    """Look a job up by name; raises `UnknownJob` with the names that are known."""
    try:
        return jobs[name]
    except KeyError:
        known = ", ".join(sorted(jobs)) or "none"
        raise UnknownJob(f"this worker has no job called {name!r}; it knows: {known}") from None


def error_text(error: BaseException) -> str:
    """Text of an exception for a person; its class name where it has no text."""
    return str(error) or type(error).__name__


def too_long(limit_s: float) -> str:
    """What a job says that was stopped for its time."""
    limit = f"{limit_s / MINUTE_S:.0f} min" if limit_s >= MINUTE_S else f"{limit_s:g} s"
    return f"took longer than {limit}, which is what its queue allows; it was stopped"


def exit_as_failure(error: BaseException) -> BaseException:
    """A job that calls `sys.exit` fails like any other; else its thread would end and leave it "running"."""
    if isinstance(error, SystemExit):
        return EngineError(f"the job asked its process to exit with {error.code!r}")
    return error
