"""Rows of a mixture: one chat each, from a seed, a sample or an anchor, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.anchors import Anchor
from pipeline.evaluate.items import question_of
from pipeline.flows.filters import strip_control
from pipeline.leafdata import LeafDataset
from pipeline.recipe import Recipe
from pipeline.splits import Split, split_of
from validators import Leaf

Source = Literal["seed", "sample", "auxiliary", "replay", "anchor"]
Kind = Literal["knowledge", "skill", "anchor"]
TrainOn = Literal["assistant", "all"]


@dataclass(frozen=True, slots=True)
class MixtureRow:
    """One chat of one question and one answer, and where it comes from.

    `leaf`: "" for anchors. `kind`: what LAB's phases go by. `train_on`: whose tokens are learnt. `judged`: what the
    judge thought of it, 0 to 1.
    """

    id: str
    question: str
    answer: str
    source: Source
    leaf: str
    kind: Kind
    train_on: TrainOn = "assistant"
    judged: float = 0.0

    def to_json(self) -> str:
        """One canonical line, with the chat as `messages`."""
        messages = [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]
        row = {
            "id": self.id,
            "kind": self.kind,
            "leaf": self.leaf,
            "messages": messages,
            "source": self.source,
            "train_on": self.train_on,
        }
        return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def kind_of(leaf: Leaf) -> Kind:
    """What a leaf teaches."""
    return "knowledge" if leaf.kind == "knowledge" else "skill"


def rows_of(leaf: Leaf, dataset: LeafDataset, recipe: Recipe) -> list[MixtureRow]:
    """All that a leaf could be trained on, by id: open seed examples, samples and, where the recipe wants them, the
    rows of auxiliary tasks."""
    rows = {row.id: row for row in [*_samples(leaf, dataset, recipe), *seed_rows(leaf, "train")]}
    return [rows[name] for name in sorted(rows)]


def seed_rows(leaf: Leaf, split: Split) -> Iterable[MixtureRow]:
    """The pairs of the seed examples of one split."""
    splits = split_of(leaf)
    for seed in leaf.seeds:
        if splits[seed.index] == split:
            for pair in seed.pairs:
                question, answer = question_of(leaf, seed, pair.question), strip_control(pair.answer)
                yield _row(question, answer, "seed", leaf.path, kind_of(leaf))


def anchor_row(anchor: Anchor) -> MixtureRow:
    """An anchor as a row."""
    return _row(anchor.prompt, anchor.answer, "anchor", "", "anchor")


def to_jsonl(rows: Iterable[MixtureRow]) -> bytes:
    """Rows as canonical JSONL."""
    return "".join(row.to_json() + "\n" for row in rows).encode()


def rank(seed: int, row: MixtureRow) -> bytes:
    """Where a row stands among others, by hash."""
    return hashlib.sha256(f"{seed}/{row.id}".encode()).digest()


def smallest(rows: Iterable[MixtureRow], count: int, seed: int) -> list[MixtureRow]:
    """`count` rows by hash; what people wrote goes before what a teacher made, auxiliary tasks come last."""
    order: Sequence[Source] = ("seed", "sample", "auxiliary", "replay", "anchor")
    return sorted(rows, key=lambda row: (order.index(row.source), rank(seed, row)))[:count]


def _samples(leaf: Leaf, dataset: LeafDataset, recipe: Recipe) -> Iterable[MixtureRow]:
    for sample in dataset.samples:
        row = _row(sample.question, sample.answer, "sample", sample.leaf, kind_of(leaf))
        row = replace(row, id=sample.id, judged=sample.scores.get("judge", 0.0))
        if sample.task == "qa":
            yield row
        elif recipe.auxiliary_rows:
            # They hold a piece of the document; as LAB does, all of it is learnt and not the answer alone.
            yield replace(row, source="auxiliary", train_on="all" if row.kind == "knowledge" else "assistant")


def _row(question: str, answer: str, source: Source, leaf: str, kind: Kind) -> MixtureRow:
    name = hashlib.sha256(json.dumps([leaf, question, answer], ensure_ascii=False).encode()).hexdigest()
    return MixtureRow(name, question, answer, source, leaf, kind)
