"""An `Evaluator` whose work runs in a child process, so that this one never loads torch."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.evaluate.port import BATCH_ROWS, EvaluateError, Item, Progress, Score

_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory")


@dataclass(frozen=True, slots=True)
class LikelihoodEvaluator:
    """Likelihood and greedy answers (pipeline/evaluate/likelihood.py). `threads` 0: every core."""

    threads: int = 0

    def score(
        self,
        model: Path,
        adapter: Path | None,
        items: Sequence[Item],
        progress: Progress,
        *,
        batch: int = BATCH_ROWS,
    ) -> list[Score]:
        """Score each item. Raises `EvaluateError`."""
        if not items:  # loading a model for nothing takes seconds
            return []
        payload = self._payload(model, adapter) | {"items": [asdict(item) for item in items]}
        result = _call("pipeline.evaluate.likelihood:score", payload, "scoring", progress, batch)
        return [Score(**fields) for fields in result["scores"]]

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        """Answer each question. Raises `EvaluateError`."""
        if not questions:
            return []
        payload = self._payload(model, adapter) | {"questions": list(questions), "max_tokens": max_tokens}
        result = _call("pipeline.evaluate.likelihood:answer", payload, "answering", progress, BATCH_ROWS)
        return [(text, ended) for text, ended in result["answers"]]

    def _payload(self, model: Path, adapter: Path | None) -> dict[str, Any]:
        return {"model": str(model), "adapter": str(adapter) if adapter else None, "threads": self.threads}


def _call(target: str, payload: dict[str, Any], doing: str, progress: Progress, batch: int) -> dict[str, Any]:
    """Run it; where memory ends, again in a new process with half as many items at a time. Raises `EvaluateError`."""
    reached = 0.0

    def report(event: dict[str, Any]) -> None:
        nonlocal reached
        reached = max(reached, event["done"] / max(1, event["total"]))  # a second try does not go back
        progress(f"{doing}: {event['done']} of {event['total']}", reached)

    progress(f"{doing}: loading the model", 0.0)
    while True:
        try:
            return run(target, payload | {"batch": batch}, on_event=report)
        except (ChildError, ChildDied) as error:
            if not out_of_memory(error):
                raise EvaluateError(f"{doing} with {payload['model']} stopped: {error}") from error
            if batch == 1:
                raise EvaluateError(
                    f"{doing} with {payload['model']} ran out of memory with one item at a time: {error}. "
                    "Free memory, use a smaller student, or shorten the longest questions."
                ) from error
        batch //= 2
        progress(f"{doing}: out of memory, trying again with {batch} items at a time", reached)


def out_of_memory(error: ChildError | ChildDied) -> bool:
    """Whether a child ended since memory did: its own words, or the system's kill, which has no other sender here."""
    if isinstance(error, ChildDied):
        return error.code == -signal.SIGKILL
    return error.type_name in ("MemoryError", "OutOfMemoryError") or any(
        words in str(error).lower() for words in _NO_MEMORY
    )
