"""What every engine does the same way: how many jobs run at once, what a payload may be, how a failure reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from bot.engine.port import JSON, Job, Queue

CONCURRENCY: Final[Mapping[Queue, int]] = {"lint": 4, "preview": 1, "generate": 1, "build": 1}
"""Jobs of one queue that run at the same time in one worker. Lint is short; the others want the whole machine."""


class EngineError(Exception):
    """The engine cannot start, or was asked for what it cannot do. The message says what to do about it."""


class UnknownJob(EngineError):
    """A job was enqueued under a name that this worker does not know."""


class NotJson(EngineError, TypeError):
    """A payload or a step's result holds what JSON cannot."""


class Stopping(BaseException):
    """Unwinds a job whose engine stops; not an `Exception`, so that no job takes it for a failure of its own."""


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


def exit_as_failure(error: BaseException) -> BaseException:
    """A job that calls `sys.exit` fails like any other; else its thread would end and leave it "running"."""
    if isinstance(error, SystemExit):
        return EngineError(f"the job asked its process to exit with {error.code!r}")
    return error
