"""What a build is judged by: held-out seed examples of its leaves, the regression set, held-out anchors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from pipeline.anchors import Anchor
from pipeline.evaluate.port import Item
from pipeline.flows.filters import strip_control
from pipeline.generate import heldout
from validators import Leaf, Seed

REGRESSION = Path(__file__).parent.parent / "data" / "regression.jsonl"
ANCHOR_GROUP = "anchors"


def question_of(leaf: Leaf, seed: Seed, question: str) -> str:
    """What the student is asked. A grounded skill works on its context; a knowledge leaf must be known without."""
    asked = f"{seed.context}\n\n{question}" if leaf.kind == "grounded" and question else question or seed.context
    return strip_control(asked)


def heldout_items(leaf: Leaf) -> list[Item]:
    """The pairs of the seed examples that are held out. Pairs of one example share a context, hence a cluster."""
    held = heldout(leaf)
    return [
        Item(
            id=f"{leaf.path}#{seed.index}.{number}",
            suite="heldout",
            group=leaf.path,
            question=question_of(leaf, seed, pair.question),
            reference=strip_control(pair.answer),
            cluster=f"{leaf.path}#{seed.index}",
        )
        for seed in leaf.seeds
        if seed.index in held
        for number, pair in enumerate(seed.pairs)
    ]


def regression_items(anchors: Iterable[Anchor]) -> list[Item]:
    """The packaged regression set, and the anchors that are not trained on."""
    rows = [json.loads(line) for line in REGRESSION.read_text(encoding="utf-8").splitlines()]
    items = [Item(row["id"], "regression", row["category"], row["question"], row["answer"]) for row in rows]
    return items + [Item(f"anchor-{a.id[:12]}", "regression", ANCHOR_GROUP, a.prompt, a.answer) for a in anchors]


def items_digest(items: Iterable[Item]) -> str:
    """SHA-256 (hex) of the items in their order."""
    return hashlib.sha256(json.dumps([asdict(item) for item in items], sort_keys=True).encode()).hexdigest()
