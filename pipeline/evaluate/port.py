"""The `Evaluator` seam: model in, per-item scores out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Progress = Callable[[str, float], None]

Suite = Literal["heldout", "dev", "audit", "general"]
"""`heldout`: what the gate decides by (seeds of the split `gate`, multiple choice of knowledge leaves). `dev`: what
checkpoints are chosen by. `audit`: seeds that full builds alone open. `general`: what no leaf is about (the own suite,
held-out anchors)."""

BATCH_ROWS = 16
"""Items at a time. Another number changes a score by about 3e-5 nats, which is the noise floor of an A/A run."""
OTHER_BATCH = BATCH_ROWS // 2
"""What that noise is measured with."""

ANSWER_TOKENS = 64
"""That an answer to an item may have."""


class EvaluateError(Exception):
    """A model cannot be scored. The message says what and why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its reference answer.

    `group`: leaf path, or the general suite's category. `cluster`: what the bootstrap draws as one, such as a seed
    example whose pairs share a context; "" where the item stands alone. `choices`: wrong answers of the reference's
    type; in the category "safety" the reference is a refusal or a safe reply, and they are compliances.
    """

    id: str
    suite: Suite
    group: str
    question: str
    reference: str
    cluster: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What one item came to.

    `nats`: mean negative log-likelihood of the reference's `tokens`, its end-of-turn token among them (lower is
    better). `margin`: nats per token of the best other choice minus `nats`: above 0 the model chooses right; None
    where there is no choice. `answer`: the greedy answer; `f1`: how far it agrees with the reference, 0..1
    (`pipeline.evaluate.reference.agreement`). Leaves' items without choices alone are answered: others have "" and 0.
    """

    id: str
    nats: float
    tokens: int
    answer: str = ""
    f1: float = 0.0
    margin: float | None = None


def item_of(fields: Mapping[str, Any]) -> Item:
    """The item that `asdict` and JSON made of one; fields beside its own, such as scores, are passed over."""
    own = {name: fields[name] for name in Item.__slots__ if name in fields}
    return Item(**own | {"choices": tuple(own.get("choices", ()))})


def is_answered(item: Item) -> bool:
    """Whether the greedy answer to `item` is made. It costs as much as fifty scores, so choices go without."""
    return item.suite != "general" and not item.choices


class Evaluator(Protocol):
    """Contract (tests/contract/test_evaluator.py): scores in the order of the items, answers in the order of the
    questions; the same call gives the same numbers and texts."""

    def score(
        self,
        model: Path,
        adapter: Path | None,
        items: Sequence[Item],
        progress: Progress,
        *,
        batch: int = BATCH_ROWS,
    ) -> list[Score]:
        """Score `model`, with the PEFT adapter on top where one is given, in float32 with fixed batching.

        Items of one suite and group are batched among themselves, so that what else is asked changes no score.
        `batch`: items at a time; fewer are taken where memory ends. Raises `EvaluateError`.
        """
        ...

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        """The greedy answer to each question, and whether it ended by itself within `max_tokens`.

        Raises `EvaluateError`.
        """
        ...
