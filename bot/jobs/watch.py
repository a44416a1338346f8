"""Between the batches of a long step: say how far it is, and ask whether anybody still wants it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bot import progress
from bot.engine.port import Steps


class Unwanted(Exception):
    """The job was cancelled while a step ran."""


class Watch:
    """The progress callback of generation and builds."""

    def __init__(self, steps: Steps, state_dir: Path) -> None:
        self._steps = steps
        self._state_dir = state_dir

    def __call__(self, what: str, fraction: float) -> None:
        """Note the progress. Raises `Unwanted` when the job was cancelled."""
        with suppress(OSError):  # a full disk speaks up where something is at stake
            progress.write(self._state_dir, progress.Progress(self._steps.job_id, what, fraction))
        if self._steps.cancelled():
            raise Unwanted(f"job {self._steps.job_id} was cancelled")
