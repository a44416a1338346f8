"""Steps that are run again later: what is recorded instead of a value, how long to wait, and when to give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.engine.port import JSON
from bot.engine.rules import EngineError, error_text, plain
from bot.retry import TryAgain

MOST_TRIES: Final = 8
"""A step that does not say when to come back is run again so often."""

LONGEST_WAIT_S: Final = 300.0
_MARK: Final = "run again"


def is_again(record: JSON) -> bool:
    """Whether a step's record says "again later" rather than a value."""
    return isinstance(record, dict) and _MARK in record


class Patience:
    """What one step has waited so far, in seconds as they are recorded."""

    def __init__(self) -> None:
        self._tries = 0
        self._unasked = 0
        self._waited = 0.0

    def count(self, record: JSON) -> float:
        """Take a record in; returns when the step is due (seconds since 1970)."""
        again = record[_MARK]
        self._tries += 1
        self._unasked += not again["asked"]
        self._waited += again["in_s"]
        return float(again["at"])

    def pause(self, error: TryAgain) -> float | None:
        """Seconds to wait after this failure; None: give up. 1, 2, 4 … at least what the error asks for."""
        back_off = min(2.0**self._tries, LONGEST_WAIT_S)
        wait = max(back_off, error.after_s or 0.0)
        if error.after_s is None and self._unasked >= MOST_TRIES:
            return None
        return wait if self._waited + wait <= error.patience_s else None


def patiently(
    work: Callable[[], JSON],
    what: str,
    *,
    once: Callable[[Callable[[], JSON]], JSON],
    wait: Callable[[float], None],
    now: Callable[[], float],
    scale: float,
) -> JSON:
    """Run `work` until it has a value, and return that as JSON gives it back.

    `once` runs what it is handed and records what that returns, or returns the record: whether a step waits is part of
    the record, so a replay goes the same way. `wait` comes back when the time is past, or unwinds the run. `scale`:
    real seconds for one that is recorded; tests wait less.
    """
    patience = Patience()

    def attempt() -> JSON:
        try:
            value = plain(work(), what)
        except TryAgain as error:
            pause = patience.pause(error)
            if pause is None:
                raise
            again = {"in_s": pause, "at": now() + pause * scale, "asked": error.after_s is not None}
            return {_MARK: again | {"because": error_text(error)}}
        if is_again(value):
            raise EngineError(f"{what} must not hold {_MARK!r}: records use that word")
        return value

    while is_again(record := once(attempt)):
        wait(patience.count(record))
    return record
