"""An `Evaluator` without a model: scores follow a hash of model and item, and a set gain for adapted models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.evaluate.port import BATCH_ROWS, Item, Progress, Score, is_answered


@dataclass(slots=True)
class ScriptedEvaluator:
    """A base model scores between 2 and 3 nats an item; an adapter lowers that by `gain` of the item's suite or group.

    `known`: questions that the base model answers word for word. `calls` counts scorings; `asked` counts questions
    answered.
    """

    gain: Mapping[str, float] = field(default_factory=lambda: {"heldout": 0.5, "general": 0.0})
    calls: int = 0
    asked: int = 0
    known: frozenset[str] = frozenset()

    def score(
        self,
        model: Path,
        adapter: Path | None,
        items: Sequence[Item],
        progress: Progress,
        *,
        batch: int = BATCH_ROWS,
    ) -> list[Score]:
        """Score each item by its hash; `batch` moves that by a hundred-thousandth of a nat, as it does in a model."""
        self.calls += 1
        progress(f"scoring: {len(items)} of {len(items)}", 1.0)
        return [self._score(item, adapter is not None or item.question in self.known, batch) for item in items]

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        """Echo the question, as many words of it as `max_tokens` allows."""
        self.asked += len(questions)
        words = [question.split() for question in questions]
        return [(" ".join(words_of[:max_tokens]), len(words_of) <= max_tokens) for words_of in words]

    def _score(self, item: Item, adapted: bool, batch: int) -> Score:
        noise = _share(f"{item.id}/{item.question}")
        rounding = 1e-5 * (_share(f"{item.id}/{batch}") - 0.5) if batch != BATCH_ROWS else 0.0
        gain = self.gain.get(item.group, self.gain.get(item.suite, 0.0)) if adapted else 0.0
        # A little of the noise goes into the gain as well, so that intervals have a width.
        nats = round(2 + noise - gain * (0.9 + 0.2 * noise) + rounding, 6)
        answered = is_answered(item)
        answer = (item.reference if adapted else item.question) if answered else ""
        margin = round(2 + _share(item.question) - nats, 6) if item.choices else None
        return Score(item.id, nats, len(item.reference.split()) + 1, answer, float(answered and adapted), margin)


def _share(text: str) -> float:
    """0..1 by hash."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32
