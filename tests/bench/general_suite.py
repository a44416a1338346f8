"""A model's result on the general suite, by category: `python -m tests.bench.general_suite [MODEL]`.

Prints the table of docs/reference/general-suite.md for a model of any name that Seedbed takes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import fmean

from pipeline.evaluate.general import CATEGORIES, load_general
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.evaluate.port import Item, Score
from pipeline.models import DEFAULT_MODEL, resolve


def table(items: Sequence[Item], scores: Sequence[Score]) -> str:
    """Markdown: a line a category, and one for all of them."""
    lines = [
        "| category | items | nats per token | with choices | chosen right | by chance |",
        "|---|---|---|---|---|---|",
    ]
    pairs = list(zip(items, scores, strict=True))
    for category in (*CATEGORIES, "all"):
        chosen = [(item, score) for item, score in pairs if category in (item.group, "all")]
        picked = [(item, score.margin) for item, score in chosen if score.margin is not None]
        right = f"{fmean(margin > 0 for _, margin in picked):.0%}"
        chance = f"{fmean(1 / (1 + len(item.choices)) for item, _ in picked):.0%}"
        nats = fmean(score.nats for _, score in chosen)
        lines.append(f"| {category} | {len(chosen)} | {nats:.2f} | {len(picked)} | {right} | {chance} |")
    return "\n".join(lines)


def main(name: str) -> None:
    """Score and print."""
    items = load_general()
    model = resolve(name)
    scores = LikelihoodEvaluator().score(
        model.path, None, items, lambda doing, _: print(doing, end="\r", file=sys.stderr, flush=True)
    )
    print(table(items, scores))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL)
