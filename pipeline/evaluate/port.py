"""The `Evaluator` seam: model in, per-item scores out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Progress = Callable[[str, float], None]
Suite = Literal["heldout", "regression"]


class EvaluateError(Exception):
    """A model cannot be scored. The message says what and why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its reference answer.

    `group`: leaf path, or the regression set's category. `cluster`: what the bootstrap draws as one, such as a seed
    example whose pairs share a context; "" where the item stands alone.
    """

    id: str
    suite: Suite
    group: str
    question: str
    reference: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """`nats`: mean negative log-likelihood of the reference's tokens (lower is better). `answer`: the model's greedy
    answer; `f1`: its token F1 against the reference, 0..1. Held-out items alone are answered: others have "" and 0."""

    id: str
    nats: float
    tokens: int
    answer: str
    f1: float


class Evaluator(Protocol):
    """Contract (tests/contract/test_evaluator.py): scores in the order of the items, answers in the order of the
    questions; the same call gives the same numbers and texts."""

    def score(self, model: Path, adapter: Path | None, items: Sequence[Item], progress: Progress) -> list[Score]:
        """Score `model`, with the PEFT adapter on top where one is given, in float32 with fixed batching. Raises
        `EvaluateError`."""
        ...

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        """The greedy answer to each question, and whether it ended by itself within `max_tokens`.

        Raises `EvaluateError`.
        """
        ...
