"""What must not be in a mixture: rows that give an evaluation item away, and rows that another leaf has already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluate.items import question_of
from pipeline.evaluate.sets import items_of_leaf
from pipeline.flows.filters import duplicate, words
from pipeline.leafdata import LeafDataset
from pipeline.leafkeys import heldout
from pipeline.mixture.rows import MixtureRow, seed_rows
from pipeline.quality.decontamination import SAME_MEANING, EvalIndex, EvalItem, contaminated
from pipeline.quality.elsewhere import Candidate, repeated
from pipeline.quality.novelty import Embed
from pipeline.quality.vectors import Vectors
from validators import Leaf

LONG_QUESTION = 5  # words; shorter ones occur inside others by chance
Pairs = Sequence[tuple[Leaf, LeafDataset]]


@dataclass(frozen=True, slots=True)
class Unfit:
    """Ids of rows that stay out: `leaked`, since they give an evaluation item away; `repeated`, since another leaf has
    them. `contaminated`: messages for evaluation sets that no model should be judged by any more."""

    leaked: frozenset[str]
    repeated: frozenset[str]
    contaminated: tuple[str, ...]

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.leaked | self.repeated


def unfit(
    pairs: Pairs,
    rows: Sequence[MixtureRow],
    items: Sequence[EvalItem],
    *,
    allowed: float,
    older: frozenset[str] = frozenset(),
    embed: Embed | None = None,
) -> Unfit:
    """Look at `rows` of leaves and anchors. `items`: all evaluation items; `allowed`: share of a set that rows may give
    away; `older`: leaves whose rows stay where a row stands in two leaves."""
    index = EvalIndex(items, {leaf.path: [row.question for row in seed_rows(leaf, "train")] for leaf, _ in pairs})
    overlaps = [found for row in rows for found in index.overlaps(row.id, row.leaf, row.question, row.answer)]
    leaked = {found.row for found in overlaps} | _asking(pairs, rows)
    open_rows = [_candidate(row, older) for row in rows if row.leaf and row.id not in leaked]
    return Unfit(
        frozenset(leaked), frozenset(repeated(open_rows, embed)), tuple(contaminated(overlaps, items, allowed))
    )


def items_of(pairs: Pairs, guarded: Sequence[EvalItem]) -> list[EvalItem]:
    """What the leaves are judged by, and what else is `guarded`."""
    return [item for leaf, dataset in pairs for item in items_of_leaf(leaf, dataset)] + list(guarded)


def flagged(rows: Sequence[MixtureRow], items: Sequence[EvalItem], embed: Embed | None) -> tuple[str, ...]:
    """Rows that mean nearly the same as an evaluation item; words do not show it, so a person may look."""
    if embed is None or not items or not rows:
        return ()
    vectors = Vectors()
    for vector in embed([item.question for item in items]):
        vectors.add(vector)
    asked = zip(rows, embed([row.question for row in rows]), strict=True)
    return tuple(sorted({row.id for row, vector in asked if next(vectors.near(vector, SAME_MEANING), None)}))


def _asking(pairs: Pairs, rows: Sequence[MixtureRow]) -> set[str]:
    """Ids of rows that ask a held-out question of any leaf, or nearly one of their own."""
    held = {leaf.path: _held_questions(leaf) for leaf, _ in pairs}
    asked = {_plain(question) for questions in held.values() for question in questions}
    # Grounded questions are often alike ("Summarise this"): there, context and question together must differ.
    near: Mapping[str, Sequence[str]] = {leaf.path: held[leaf.path] for leaf, _ in pairs if leaf.kind != "grounded"}
    return {row.id for row in rows if row.leaf and _gives_away(row, asked, near.get(row.leaf, ()))}


def _held_questions(leaf: Leaf) -> list[str]:
    """Of every split but the open one."""
    held = heldout(leaf)
    return [question_of(leaf, seed, pair.question) for seed in leaf.seeds if seed.index in held for pair in seed.pairs]


def _gives_away(row: MixtureRow, asked: set[str], near: Sequence[str]) -> bool:
    return _plain(row.question) in asked or _asks(row, near)


def _asks(row: MixtureRow, held: Iterable[str]) -> bool:
    """Whether a row asks a held-out question: in nearly the same words about the same, or as part of a longer text."""
    own = " ".join(words(row.question))
    return any(
        duplicate(row.question, question)
        or (len(words(question)) >= LONG_QUESTION and " ".join(words(question)) in own)
        for question in held
    )


def _candidate(row: MixtureRow, older: frozenset[str]) -> Candidate:
    """What people wrote stays before what a teacher made, an older leaf's row before a newer one's, and what the judge
    likes better before the rest."""
    standing = (float(row.source != "seed"), float(row.leaf not in older), -row.judged)
    return Candidate(row.id, row.leaf, f"{row.question}\n{row.answer}", standing)


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())
