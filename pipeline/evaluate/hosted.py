"""An `Evaluator` whose work runs in a child process, so that this one never loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.evaluate.port import EvaluateError, Item, Progress, Score


@dataclass(frozen=True, slots=True)
class LikelihoodEvaluator:
    """Likelihood and greedy answers (pipeline/evaluate/likelihood.py). `threads` 0: every core."""

    threads: int = 0

    def score(self, model: Path, adapter: Path | None, items: Sequence[Item], progress: Progress) -> list[Score]:
        """Score each item. Raises `EvaluateError`."""
        payload = self._payload(model, adapter) | {"items": [asdict(item) for item in items]}
        result = _call("pipeline.evaluate.likelihood:score", payload, "scoring", progress)
        return [Score(**fields) for fields in result["scores"]]

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        """Answer each question. Raises `EvaluateError`."""
        payload = self._payload(model, adapter) | {"questions": list(questions), "max_tokens": max_tokens}
        result = _call("pipeline.evaluate.likelihood:answer", payload, "answering", progress)
        return [(text, ended) for text, ended in result["answers"]]

    def _payload(self, model: Path, adapter: Path | None) -> dict[str, Any]:
        return {"model": str(model), "adapter": str(adapter) if adapter else None, "threads": self.threads}


def _call(target: str, payload: dict[str, Any], doing: str, progress: Progress) -> dict[str, Any]:
    def report(event: dict[str, Any]) -> None:
        progress(f"{doing}: {event['done']} of {event['total']}", event["done"] / max(1, event["total"]))

    progress(f"{doing}: loading the model", 0.0)
    try:
        return run(target, payload, on_event=report)
    except (ChildError, ChildDied) as error:
        raise EvaluateError(f"{doing} with {payload['model']} stopped: {error}") from error
