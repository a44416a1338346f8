"""The mixture: what a student is tuned on in one build. The same inputs give the same bytes.

A build starts from the pinned base and learns all live leaves together: that beats every incremental scheme at the
same cost, and it is the only way in which a removed leaf is truly forgotten. When there is more than the budget, leaves
that the champion knows already are replayed in part. Every choice is by hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.anchors import Anchor
from pipeline.evaluate.items import heldout_items, question_of
from pipeline.flows.filters import duplicate, strip_control, words
from pipeline.generate import LeafDataset, heldout
from pipeline.recipe import Recipe
from validators import Leaf

Source = Literal["seed", "sample", "replay", "anchor"]
LONG_QUESTION = 5  # words; shorter ones occur inside others by chance
FEWEST_REPLAYED = 2  # rows of a leaf, however small the ratio


@dataclass(frozen=True, slots=True)
class MixtureRow:
    """One chat of one question and one answer, and where it comes from. `leaf`: "" for anchors."""

    id: str
    question: str
    answer: str
    source: Source
    leaf: str

    def to_json(self) -> str:
        """One canonical line, with the chat as `messages`."""
        messages = [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]
        row = {"id": self.id, "leaf": self.leaf, "messages": messages, "source": self.source}
        return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Mixture:
    """`data`: JSONL. `counts`: rows by leaf (anchors under "anchors") and by source. `leaked`: ids of rows that ask a
    held-out question and were therefore left out."""

    data: bytes
    counts: dict[str, dict[str, int]]
    leaked: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the data."""
        return hashlib.sha256(self.data).hexdigest()


def mix(
    pairs: Sequence[tuple[Leaf, LeafDataset]],
    anchors: Sequence[Anchor],
    recipe: Recipe,
    *,
    known: frozenset[str] = frozenset(),
) -> Mixture:
    """Mix leaves and anchors. `known`: paths of leaves which the champion has learnt as they are now."""
    leaked: list[str] = []
    by_leaf: dict[str, list[MixtureRow]] = {}
    asked = {_plain(item.question) for leaf, _ in pairs for item in heldout_items(leaf)}
    for leaf, dataset in sorted(pairs, key=lambda pair: pair[0].path):
        rows = {row.id: row for row in [*_sample_rows(dataset), *_seed_rows(leaf)]}
        # Grounded questions are often alike ("Summarise this"): there, context and question together must differ.
        near = [] if leaf.kind == "grounded" else [item.question for item in heldout_items(leaf)]
        asks_held = {name: _plain(row.question) in asked or _asks(row, near) for name, row in rows.items()}
        leaked += sorted(name for name, leaky in asks_held.items() if leaky)
        clean = [row for name, row in rows.items() if not asks_held[name]]
        by_leaf[leaf.path] = _smallest(clean, recipe.leaf_rows, recipe.seed)
    if sum(map(len, by_leaf.values())) > recipe.budget_rows:
        for path in known & by_leaf.keys():
            by_leaf[path] = _replayed(by_leaf[path], recipe)
    learnt = [row for path in sorted(by_leaf) for row in by_leaf[path]]
    anchored = [_anchor_row(anchor) for anchor in anchors]
    anchored = _smallest(anchored, round(recipe.anchor_ratio * len(learnt)), recipe.seed)
    mixed = sorted(learnt + anchored, key=lambda row: _rank(recipe.seed, row))
    data = "".join(row.to_json() + "\n" for row in mixed).encode()
    return Mixture(data, _counts(mixed), tuple(leaked))


def _seed_rows(leaf: Leaf) -> Iterable[MixtureRow]:
    held = heldout(leaf)
    for seed in leaf.seeds:
        if seed.index not in held:
            for pair in seed.pairs:
                yield _row(question_of(leaf, seed, pair.question), strip_control(pair.answer), "seed", leaf.path)


def _sample_rows(dataset: LeafDataset) -> Iterable[MixtureRow]:
    for sample in dataset.samples:
        yield replace(_row(sample.question, sample.answer, "sample", sample.leaf), id=sample.id)


def _anchor_row(anchor: Anchor) -> MixtureRow:
    return _row(anchor.prompt, anchor.answer, "anchor", "")


def _row(question: str, answer: str, source: Source, leaf: str) -> MixtureRow:
    name = hashlib.sha256(json.dumps([leaf, question, answer], ensure_ascii=False).encode()).hexdigest()
    return MixtureRow(name, question, answer, source, leaf)


def _rank(seed: int, row: MixtureRow) -> bytes:
    return hashlib.sha256(f"{seed}/{row.id}".encode()).digest()


def _smallest(rows: Sequence[MixtureRow], count: int, seed: int) -> list[MixtureRow]:
    """`count` rows by hash; what people wrote goes before what a teacher made."""
    return sorted(rows, key=lambda row: (row.source != "seed", _rank(seed, row)))[:count]


def _replayed(rows: Sequence[MixtureRow], recipe: Recipe) -> list[MixtureRow]:
    count = max(FEWEST_REPLAYED, math.ceil(recipe.replay_ratio * len(rows)))
    return [replace(row, source="replay") for row in _smallest(rows, count, recipe.seed)]


def _asks(row: MixtureRow, held: Sequence[str]) -> bool:
    """Whether a row asks a held-out question: in nearly the same words about the same, or as part of a longer text."""
    own = " ".join(words(row.question))
    return any(
        duplicate(row.question, question)
        or (len(words(question)) >= LONG_QUESTION and " ".join(words(question)) in own)
        for question in held
    )


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())


def _counts(rows: Sequence[MixtureRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        of_leaf = counts.setdefault(row.leaf or "anchors", {})
        of_leaf[row.source] = of_leaf.get(row.source, 0) + 1
    return counts
