"""The `Trainer` seam: mixture in, adapter out, resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.recipe import Recipe

Progress = Callable[[str, float], None]  # (what is being done, fraction done 0..1)


class TrainError(Exception):
    """Tuning cannot go on. The message says what, where and the next step; checkpoints stay."""


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What to tune. `model`: folder with safetensors and tokenizer. `mixture`: JSONL, a row each with `id`, `messages`.

    `out`: a folder that belongs to this job alone; a second run goes on from its newest complete checkpoint.
    """

    model: Path
    mixture: Path
    out: Path
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class TrainResult:
    """`adapter`: folder in PEFT's format. `digest`: SHA-256 (hex) of the adapter's weights. `loss`: last training loss
    in nats per trained token. `resumed_step`: 0 for a fresh run. `dropped`: (row id, reason) of rows not trained."""

    adapter: Path
    digest: str
    steps: int
    loss: float
    resumed_step: int
    dropped: tuple[tuple[str, str], ...] = ()


class Trainer(Protocol):
    """Contract (tests/contract/test_trainer.py): same job, same digest; killed at any moment and run again, same
    digest; a broken checkpoint is passed over; a full disk raises `TrainError` and leaves what was there."""

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Tune. Raises `TrainError`."""
        ...
