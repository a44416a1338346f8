"""Mix leaves and anchors into what one build trains on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.anchors import Anchor
from pipeline.leafdata import LeafDataset
from pipeline.mixture.clean import Pairs, flagged, items_of, unfit
from pipeline.mixture.rows import MixtureRow, anchor_row, kind_of, rank, rows_of, seed_rows, smallest, to_jsonl
from pipeline.modes import Mode
from pipeline.quality.decontamination import EvalItem
from pipeline.quality.novelty import Embed
from pipeline.recipe import Recipe
from pipeline.replay import quotas, replay_rows
from validators import Leaf

DEV_ROWS = 64  # of leaves: each look of the trainer at them costs time
DEV_ANCHORS = 16


@dataclass(frozen=True, slots=True)
class Mixture:
    """`data`: JSONL to train on. `dev`: JSONL that is never trained on and chooses checkpoints; empty where no leaf has
    a row for it. `counts`: rows by leaf (anchors under "anchors") and by source.

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
    dev: bytes = b""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the data."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def learns(self) -> bool:
        """Whether a leaf has a row in it that is not replayed: anchors and replay alone teach nothing new."""
        return any(set(sources) - {"anchor", "replay"} for sources in self.counts.values())


def mix(
    pairs: Sequence[tuple[Leaf, LeafDataset]],
    anchors: Sequence[Anchor],
    recipe: Recipe,
    *,
    known: frozenset[str] = frozenset(),
    guarded: Sequence[EvalItem] = (),
    embed: Embed | None = None,
    mode: Mode = "full",
    dev_anchors: Sequence[Anchor] = (),
    rises: Mapping[str, float] | None = None,
    salt: str = "",
) -> Mixture:
    """Mix leaves and anchors. `known`: paths of leaves which the champion has learnt as they are now.

    In a full build all leaves take part within their caps and `known` is not looked at. In any other, known leaves are
    replayed in part (`pipeline.replay`, where `rises` and `salt` are told of). `guarded`: evaluation items beside those
    of the leaves. `embed`: finds rows of one meaning; None looks at words alone.
    """
    pairs = sorted(pairs, key=lambda pair: pair[0].path)
    older = known if mode != "full" else frozenset()
    by_leaf = {leaf.path: rows_of(leaf, dataset, recipe) for leaf, dataset in pairs}
    caps = {leaf.path: cap_of(leaf, recipe) for leaf, _ in pairs}
    shares = _replayed(by_leaf, caps, recipe, older, rises, salt)
    candidates = {path: _candidates(rows, shares.get(path), recipe) for path, rows in by_leaf.items()}
    anchored = [anchor_row(anchor) for anchor in anchors]
    every = [row for rows in candidates.values() for row in rows] + anchored
    items = items_of(pairs, guarded)
    found = unfit(pairs, every, items, allowed=recipe.overlap_allowed, older=older, embed=embed)
    fit = {path: [row for row in rows if row.id not in found.all] for path, rows in candidates.items()}
    learnt = [
        row
        for path, rows in sorted(fit.items())
        for row in (_head(rows, shares[path], recipe) if path in shares else whole(rows, caps[path], recipe))
    ]
    spare = sorted((row for row in anchored if row.id not in found.all), key=lambda row: row.id)
    mixed = sorted(learnt + spare[: round(recipe.anchor_ratio * len(learnt))], key=lambda row: rank(recipe.seed, row))
    return Mixture(
        data=to_jsonl(mixed),
        counts=_counts(mixed),
        leaked=tuple(row.id for row in every if row.id in found.leaked),
        repeated=tuple(row.id for row in every if row.id in found.repeated),
        contaminated=found.contaminated,
        flagged=flagged(mixed, items, embed),
        dev=to_jsonl(dev_rows(pairs, dev_anchors, recipe, first=frozenset(by_leaf) - older)),
    )


def cap_of(leaf: Leaf, recipe: Recipe) -> int:
    """How many rows a leaf may have: the recipe's number, times the weight of its kind."""
    weight = recipe.knowledge_weight if kind_of(leaf) == "knowledge" else recipe.skill_weight
    return max(1, round(recipe.leaf_rows * weight))


def whole(rows: Sequence[MixtureRow], cap: int, recipe: Recipe) -> list[MixtureRow]:
    """The rows of a leaf within its cap; of one with few, all of them several times where the recipe says so."""
    chosen = smallest(rows, cap, recipe.seed)
    times = min(recipe.most_repeats, cap // len(chosen)) if chosen else 0
    again = [replace(row, id=f"{row.id}.{time}") for time in range(2, times + 1) for row in chosen]
    return chosen + again


def anchors_wanted(pairs: Pairs, recipe: Recipe) -> int:
    """How many anchors a build of these leaves can train on at most: each costs the base an answer, the first time."""
    rows = (whole(rows_of(leaf, dataset, recipe), cap_of(leaf, recipe), recipe) for leaf, dataset in pairs)
    return math.ceil(recipe.anchor_ratio * sum(map(len, rows)))


def dev_rows(
    pairs: Pairs, anchors: Sequence[Anchor], recipe: Recipe, *, first: frozenset[str] = frozenset()
) -> list[MixtureRow]:
    """What chooses checkpoints: seed examples of the split `dev`, those of the leaves `first` before others, and some
    anchors. None where no leaf has any: anchors alone would ask for the model that learnt nothing."""
    rows = [row for leaf, _ in pairs for row in seed_rows(leaf, "dev")]
    rows = sorted(rows, key=lambda row: (row.leaf not in first, rank(recipe.seed, row)))[:DEV_ROWS]
    kept = sorted((anchor_row(anchor) for anchor in anchors), key=lambda row: row.id)[:DEV_ANCHORS] if rows else []
    return sorted(rows + kept, key=lambda row: rank(recipe.seed, row))


def _replayed(
    by_leaf: Mapping[str, Sequence[MixtureRow]],
    caps: Mapping[str, int],
    recipe: Recipe,
    older: frozenset[str],
    rises: Mapping[str, float] | None,
    salt: str,
) -> dict[str, int]:
    """Rows of each earlier leaf, 0 for those that are not drawn; empty in a full build."""
    sizes = {path: min(len(rows), caps[path]) for path, rows in by_leaf.items()}
    earlier = {path: rows for path, rows in sizes.items() if path in older}
    changed = sum(rows for path, rows in sizes.items() if path not in older)
    total = replay_rows(changed, recipe.replay_ratio, len(earlier))
    return dict.fromkeys(earlier, 0) | quotas(earlier, total, rises, salt)


def _candidates(rows: Sequence[MixtureRow], share: int | None, recipe: Recipe) -> Sequence[MixtureRow]:
    """The rows that are looked at: all of a leaf that is learnt, and of one that is replayed the head and a few to
    spare, so that looking costs as much as what is trained."""
    if share is None:
        return rows
    return smallest(rows, 2 * share, recipe.seed)


def _head(rows: Sequence[MixtureRow], share: int, recipe: Recipe) -> list[MixtureRow]:
    return [replace(row, source="replay") for row in smallest(rows, share, recipe.seed)]


def _counts(rows: Sequence[MixtureRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        of_leaf = counts.setdefault(row.leaf or "anchors", {})
        of_leaf[row.source] = of_leaf.get(row.source, 0) + 1
    return counts
