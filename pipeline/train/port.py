"""The `Trainer` seam: mixture in, tuned weights out, resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.recipe import Recipe

Progress = Callable[[str, float], None]  # (what is being done, fraction done 0..1)
THINNED = 0.05
"""The share of a leaf's rows above which their loss is reported: a cut leaf is another leaf than was agreed on."""


class TrainError(Exception):
    """Tuning cannot go on. The message says what, where and the next step; checkpoints stay."""


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What to tune. `model`: folder with safetensors and tokenizer.

    `mixture`: JSONL, a row each with `id`, `messages`, and where known `leaf`, `kind` (knowledge, skill, anchor) and
    `train_on` (assistant, all). `dev`: such rows that are never trained, for `patience`; None for none.
    `out`: a folder that belongs to this job alone; a second run goes on from its newest complete checkpoint.
    """

    model: Path
    mixture: Path
    out: Path
    recipe: Recipe
    dev: Path | None = None


@dataclass(frozen=True, slots=True)
class Thinned:
    """A leaf that lost more than 5 % of its rows: `dropped` of `rows` could not be trained."""

    leaf: str
    dropped: int
    rows: int


@dataclass(frozen=True, slots=True)
class TrainResult:
    """`adapter`: folder in PEFT's format, or with all weights (`full`, `osf`); `causal.load_model` takes both.

    `digest`: SHA-256 (hex) of its weights. `steps`: optimizer steps made; `best_step`: the one whose weights were kept
    (0: the base's own). `loss`: last training loss in nats per trained token. `resumed_step`: 0 for a fresh run.
    `dropped`: (row id, reason) of rows not trained; `thinned`: leaves that lost many. `tokens`: trained tokens;
    `seconds`: wall-clock of this run's steps. `micro_batch`: rows in memory at once, fewer than asked after memory ran
    out.
    `dev`: (step, nats per token on the dev rows). `layout`: how rows lay in memory (`pipeline.train.layout`).
    `peak_bytes`: the most memory that was held. `seconds` and `peak_bytes` differ from run to run.
    """

    adapter: Path
    digest: str
    steps: int
    loss: float
    resumed_step: int
    dropped: tuple[tuple[str, str], ...] = ()
    thinned: tuple[Thinned, ...] = ()
    best_step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    micro_batch: int = 0
    dev: tuple[tuple[int, float], ...] = ()
    layout: str = ""
    peak_bytes: int = 0


class Trainer(Protocol):
    """Contract (tests/contract/test_trainer.py): same job, same digest; killed at any moment and run again, same
    digest; a broken checkpoint is passed over; a full disk raises `TrainError` and leaves what was there."""

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Tune. Raises `TrainError`."""
        ...
