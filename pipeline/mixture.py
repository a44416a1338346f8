"""The mixture: what a student is tuned on in one build. The same inputs give the same bytes.

A build starts from the pinned base and learns all live leaves together: that beats every incremental scheme at the
same cost, and it is the only way in which a removed leaf is truly forgotten. When there is more than the budget, leaves
that the champion knows already are replayed in part. Every choice is by hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.anchors import Anchor
from pipeline.evaluate.items import heldout_items, question_of
from pipeline.evaluate.sets import items_of_leaf
from pipeline.flows.filters import duplicate, strip_control, words
from pipeline.generate import LeafDataset, heldout
from pipeline.quality.decontamination import SAME_MEANING, EvalIndex, EvalItem, contaminated
from pipeline.quality.elsewhere import Candidate, repeated
from pipeline.quality.novelty import Embed
from pipeline.quality.vectors import Vectors
from pipeline.recipe import Recipe
from validators import Leaf

Source = Literal["seed", "sample", "replay", "anchor"]
LONG_QUESTION = 5  # words; shorter ones occur inside others by chance
FEWEST_REPLAYED = 2  # rows of a leaf, however small the ratio


@dataclass(frozen=True, slots=True)
class MixtureRow:
    """One chat of one question and one answer, and where it comes from. `leaf`: "" for anchors; `judged`: 0 to 1."""

    id: str
    question: str
    answer: str
    source: Source
    leaf: str
    judged: float = 0.0

    def to_json(self) -> str:
        """One canonical line, with the chat as `messages`."""
        messages = [{"role": "user", "content": self.question}, {"role": "assistant", "content": self.answer}]
        row = {"id": self.id, "leaf": self.leaf, "messages": messages, "source": self.source}
        return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Mixture:
    """`data`: JSONL. `counts`: rows by leaf (anchors under "anchors") and by source.

    Ids of rows that were left out: `leaked`, since they give an evaluation item away; `repeated`, since another leaf
    has them. `contaminated`: messages for evaluation sets of which so much was given away that no model should be
    judged by them. `flagged`: ids of rows that mean nearly the same as an evaluation item and stay.
    """

    data: bytes
    counts: dict[str, dict[str, int]]
    leaked: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    contaminated: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()

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
    guarded: Sequence[EvalItem] = (),
    embed: Embed | None = None,
) -> Mixture:
    """Mix leaves and anchors. `known`: paths of leaves which the champion has learnt as they are now.

    `guarded`: evaluation items beside those of the leaves. `embed`: finds rows of one meaning; None looks at words
    alone.
    """
    pairs = sorted(pairs, key=lambda pair: pair[0].path)
    by_leaf = {leaf.path: _rows(leaf, dataset) for leaf, dataset in pairs}
    anchored = [_anchor_row(anchor) for anchor in anchors]
    every = [row for rows in by_leaf.values() for row in rows] + anchored
    items = [item for leaf, dataset in pairs for item in items_of_leaf(leaf, dataset)] + list(guarded)
    index = EvalIndex(items, {leaf.path: [row.question for row in _seed_rows(leaf)] for leaf, _ in pairs})
    overlaps = [found for row in every for found in index.overlaps(row.id, row.leaf, row.question, row.answer)]
    leaked = {found.row for found in overlaps} | _asking(pairs, by_leaf)
    repeats = repeated([_candidate(row) for row in every if row.leaf and row.id not in leaked], embed)
    gone = leaked | repeats.keys()
    learnt = _chosen(
        {path: [row for row in rows if row.id not in gone] for path, rows in by_leaf.items()}, recipe, known
    )
    anchored = [row for row in anchored if row.id not in gone]
    anchored = _smallest(anchored, round(recipe.anchor_ratio * len(learnt)), recipe.seed)
    mixed = sorted(learnt + anchored, key=lambda row: _rank(recipe.seed, row))
    data = "".join(row.to_json() + "\n" for row in mixed).encode()
    return Mixture(
        data,
        _counts(mixed),
        tuple(row.id for row in every if row.id in leaked),
        tuple(row.id for row in every if row.id in repeats),
        tuple(contaminated(overlaps, items, recipe.overlap_allowed)),
        _flagged(mixed, items, embed),
    )


def _rows(leaf: Leaf, dataset: LeafDataset) -> list[MixtureRow]:
    rows = {row.id: row for row in [*_sample_rows(dataset), *_seed_rows(leaf)]}
    return [rows[name] for name in sorted(rows)]


def _asking(pairs: Sequence[tuple[Leaf, LeafDataset]], by_leaf: Mapping[str, Sequence[MixtureRow]]) -> set[str]:
    """Ids of rows that ask a held-out question of any leaf, or nearly one of their own."""
    asked = {_plain(item.question) for leaf, _ in pairs for item in heldout_items(leaf)}
    found: set[str] = set()
    for leaf, _ in pairs:
        # Grounded questions are often alike ("Summarise this"): there, context and question together must differ.
        near = [] if leaf.kind == "grounded" else [item.question for item in heldout_items(leaf)]
        found |= {row.id for row in by_leaf[leaf.path] if _plain(row.question) in asked or _asks(row, near)}
    return found


def _chosen(by_leaf: Mapping[str, Sequence[MixtureRow]], recipe: Recipe, known: frozenset[str]) -> list[MixtureRow]:
    """The rows of each leaf within its cap; beyond the budget, leaves that are known are replayed in part."""
    chosen = {path: _smallest(rows, recipe.leaf_rows, recipe.seed) for path, rows in by_leaf.items()}
    if sum(map(len, chosen.values())) > recipe.budget_rows:
        for path in known & chosen.keys():
            chosen[path] = _replayed(chosen[path], recipe)
    return [row for path in sorted(chosen) for row in chosen[path]]


def _candidate(row: MixtureRow) -> Candidate:
    """What people wrote stays before what a teacher made, and what the judge likes better before the rest."""
    return Candidate(row.id, row.leaf, f"{row.question}\n{row.answer}", (float(row.source != "seed"), -row.judged))


def _flagged(rows: Sequence[MixtureRow], items: Sequence[EvalItem], embed: Embed | None) -> tuple[str, ...]:
    """Rows that mean nearly the same as an evaluation item; words do not show it, so a person may look."""
    if embed is None or not items:
        return ()
    vectors = Vectors()
    for vector in embed([item.question for item in items]):
        vectors.add(vector)
    asked = zip(rows, embed([row.question for row in rows]), strict=True)
    return tuple(sorted(row.id for row, vector in asked if next(vectors.near(vector, SAME_MEANING), None)))


def _seed_rows(leaf: Leaf) -> Iterable[MixtureRow]:
    held = heldout(leaf)
    for seed in leaf.seeds:
        if seed.index not in held:
            for pair in seed.pairs:
                yield _row(question_of(leaf, seed, pair.question), strip_control(pair.answer), "seed", leaf.path)


def _sample_rows(dataset: LeafDataset) -> Iterable[MixtureRow]:
    for sample in dataset.samples:
        if sample.task != "qa":
            continue  # auxiliary rows hold a whole chunk; they are exported for recipes with room for them
        row = _row(sample.question, sample.answer, "sample", sample.leaf)
        yield replace(row, id=sample.id, judged=sample.scores.get("judge", 0.0))


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
