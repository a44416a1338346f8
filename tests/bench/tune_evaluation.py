"""Scoring the general suite: ours beside a loop that scores one answer at a time.

`python -m tests.bench.tune_evaluation`. Both sides use the same loaded model, threads and rows. The loop is what a
plain evaluation script does.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.child import run
from pipeline.evaluate.forward import Sum
from pipeline.evaluate.general import load_general
from pipeline.evaluate.likelihood import all_sums
from pipeline.evaluate.port import Item
from pipeline.models import DEFAULT_MODEL, resolve

ITEMS = 200
BAR = 2.0  # times as fast
SAME = 1e-4  # nats per token


def measure(items: int = ITEMS, threads: int = 0) -> dict[str, Any]:
    """Seconds of both sides, how many times as fast ours is, and the largest difference in nats per token.

    In a child process, as the product scores. `passed`: at least `BAR` times as fast, and no difference above `SAME`.
    """
    model = resolve(DEFAULT_MODEL)
    threads = threads or os.cpu_count() or 1
    return run("tests.bench.tune_evaluation:both", {"model": str(model.path), "threads": threads, "items": items})


def both(payload: dict[str, Any], _emit: object) -> dict[str, Any]:
    """In the child: ours, then the loop, after a batch of each to warm up."""
    causal.set_threads(payload["threads"])
    folder = Path(payload["model"])
    tokenizer, model = causal.load_tokenizer(folder), causal.load_model(folder)
    items = every_so_many(load_general(), payload["items"])
    for warm in items[:2]:
        one_at_a_time(model, tokenizer, warm)
    all_sums(model, tokenizer, items[:16], lambda _: None)
    started = time.perf_counter()
    ours = all_sums(model, tokenizer, items, lambda _: None)
    between = time.perf_counter()
    loop = [one_at_a_time(model, tokenizer, item) for item in items]
    ended = time.perf_counter()
    apart = max(
        abs(mean(a) - mean(b)) for one, other in zip(ours, loop, strict=True) for a, b in zip(one, other, strict=True)
    )
    faster = (ended - between) / (between - started)
    return {
        "items": len(items),
        "answers": sum(map(len, ours)),
        "threads": payload["threads"],
        "seconds": round(between - started, 3),
        "loop_seconds": round(ended - between, 3),
        "times_as_fast": round(faster, 2),
        "largest_difference": apart,
        "passed": faster >= BAR and apart <= SAME,
    }


def every_so_many(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items, evenly over all of them."""
    return [items[at * len(items) // count] for at in range(min(count, len(items)))]


def one_at_a_time(model: Any, tokenizer: Any, item: Item) -> list[Sum]:
    """(sum of nats, labels) of the reference and of each choice: a forward pass each, with all its logits."""
    import torch

    sums = []
    for answer in (item.reference, *item.choices):
        chat = [{"role": "user", "content": item.question}, {"role": "assistant", "content": answer}]
        row = causal.encode(tokenizer, chat)
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([row.tokens])).logits[0, :-1].float()
        labels = torch.tensor(row.labels[1:])
        loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=causal.IGNORED, reduction="sum")
        sums.append((float(loss), int((labels != causal.IGNORED).sum())))
    return sums


def mean(of: Sum) -> float:
    """Nats per token."""
    return of[0] / of[1]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
