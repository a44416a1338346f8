"""What a build is judged by: held-out seed examples and choices of its leaves, the general suite, held-out anchors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from pipeline.anchors import Anchor
from pipeline.choices import parse_choice
from pipeline.evaluate.general import load_general
from pipeline.evaluate.port import Item, Suite
from pipeline.flows.filters import strip_control
from pipeline.leafdata import LeafDataset
from pipeline.samples import Sample
from pipeline.splits import Split, split_of
from validators import Leaf, Seed

ANCHOR_GROUP = "anchors"
_SUITES: dict[Split, Suite] = {"gate": "heldout", "dev": "dev", "audit": "audit"}


def question_of(leaf: Leaf, seed: Seed, question: str) -> str:
    """What the student is asked. A grounded skill works on its context; a knowledge leaf must be known without."""
    asked = f"{seed.context}\n\n{question}" if leaf.kind == "grounded" and question else question or seed.context
    return strip_control(asked)


def heldout_items(leaf: Leaf) -> list[Item]:
    """The pairs of all seed examples that are held out, each in the suite of its split.

    Pairs of one example share a context, hence a cluster.
    """
    splits = split_of(leaf)
    return [
        Item(
            id=f"{leaf.path}#{seed.index}.{number}",
            suite=_SUITES[splits[seed.index]],
            group=leaf.path,
            question=question_of(leaf, seed, pair.question),
            reference=strip_control(pair.answer),
            cluster=f"{leaf.path}#{seed.index}",
        )
        for seed in leaf.seeds
        if splits[seed.index] != "train"
        for number, pair in enumerate(seed.pairs)
    ]


def gate_items(leaf: Leaf, dataset: LeafDataset | None = None) -> list[Item]:
    """What the gate judges a leaf by: its seeds of the split `gate`, and its dataset's multiple-choice items."""
    return _of(leaf, "heldout") + (choice_items(dataset) if dataset else [])


def dev_items(leaf: Leaf) -> list[Item]:
    """What checkpoints are chosen by. Many leaves have none: their one held-out seed is the gate's."""
    return _of(leaf, "dev")


def audit_items(leaf: Leaf) -> list[Item]:
    """What full builds alone look at."""
    return _of(leaf, "audit")


def choice_items(dataset: LeafDataset) -> list[Item]:
    """The held-out multiple-choice items of a knowledge leaf, each question once, sorted by id.

    Items on one piece of the document share a cluster.
    """
    items: dict[str, Item] = {}
    for sample in sorted(dataset.choices, key=lambda sample: sample.id):
        item = _choice(sample)
        items.setdefault(" ".join(item.question.casefold().split()), item)
    return list(items.values())


def general_items(anchors: Iterable[Anchor]) -> list[Item]:
    """The packaged general suite, and the anchors that are not trained on."""
    held = [Item(f"anchor-{a.id[:12]}", "general", ANCHOR_GROUP, a.prompt, a.answer) for a in anchors]
    return [*load_general(), *held]


def items_digest(items: Iterable[Item]) -> str:
    """SHA-256 (hex) of the items in their order."""
    return hashlib.sha256(json.dumps([asdict(item) for item in items], sort_keys=True).encode()).hexdigest()


def _of(leaf: Leaf, suite: Suite) -> list[Item]:
    return [item for item in heldout_items(leaf) if item.suite == suite]


def _choice(sample: Sample) -> Item:
    choice = parse_choice(sample.question, sample.answer)
    return Item(
        id=f"choice-{sample.id[:12]}",
        suite="heldout",
        group=sample.leaf,
        question=strip_control(choice.question),
        reference=strip_control(choice.options[choice.right]),
        cluster=f"{sample.leaf}#chunk{sample.chunk}" if sample.chunk is not None else "",
        choices=tuple(strip_control(text) for at, text in enumerate(choice.options) if at != choice.right),
    )
