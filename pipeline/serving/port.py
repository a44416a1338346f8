"""What the front needs of whatever answers behind it: a server on a socket, that can end and be ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pipeline.serving.choice import Choice

MODEL_ID = "seedbed"
"""What clients name, whichever build answers."""


class ServeError(Exception):
    """The model cannot be served. The message says which, why, and what to do."""


class Engine(Protocol):
    """One server that speaks OpenAI's protocol for one model. `GET /health` says when it is ready."""

    @property
    def socket(self) -> Path:
        """The Unix socket on which it listens, there as soon as it is ready."""
        ...

    @property
    def ended(self) -> str | None:
        """Why it ended, None while it runs."""
        ...

    def stop(self) -> None:
        """End it now, and all that it started. Waits until it is gone. Twice is once."""
        ...


Launch = Callable[[Choice], Engine]
"""Start a server; returns at once. Raises `ServeError` where not even a process can be had."""
