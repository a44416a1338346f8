"""Two models on the same items: what changed, and what belongs together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluate.port import Item, Score
from pipeline.gate.evidence import Evidence, EvidenceError
from pipeline.statistics import Interval, interval, sign_flip

FEWEST_UNITS = 6
"""With fewer seed examples than this, their items are taken one by one: six is what a sign-flip test needs to say
anything. Items of one example then count as independent, which is less sure than it looks; `Row.units` shows it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores of one model before and of one after. `whom`: the one before, in words. `floor`: the noise floor, in nats.

    Changes are after minus before: above zero is worse.
    """

    items: Sequence[Item]
    before: Mapping[str, Score]
    after: Mapping[str, Score]
    whom: str
    seed: str
    floor: float

    def groups(self, suite: str) -> dict[str, list[Item]]:
        """Items of a suite by leaf or category, in the order of names."""
        found: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            if item.suite == suite:
                found[item.group].append(item)
        return dict(sorted(found.items()))

    def pick(self, suite: str, groups: Iterable[str] | None = None) -> list[Item]:
        """Items of a suite, and of some groups only where they are given."""
        wanted = None if groups is None else frozenset(groups)
        return [item for item in self.items if item.suite == suite and (wanted is None or item.group in wanted)]

    def changes(self, items: Sequence[Item]) -> list[float]:
        """In nats, per item."""
        return [self.after[item.id].nats - self.before[item.id].nats for item in items]

    def mean(self, items: Sequence[Item]) -> float:
        """The mean change, in nats."""
        return round(math.fsum(self.changes(items)) / len(items), 6)

    def interval(self, items: Sequence[Item], salt: str, alpha: float = 0.05) -> Interval:
        """The mean change; each bound is wrong with chance `alpha`."""
        return interval(self.changes(items), units(items), seed=f"{self.seed}/{self.whom}/{salt}", level=1 - alpha)

    def worse(self, items: Sequence[Item], salt: str) -> float:
        """One-sided p-value that the items got worse, flipping the signs of whole units."""
        sums: dict[str, float] = defaultdict(float)
        for unit, change in zip(units(items), self.changes(items), strict=True):
            sums[unit] += change
        return sign_flip(list(sums.values()), seed=f"{self.seed}/{self.whom}/flip/{salt}")

    def choices(self, items: Iterable[Item]) -> list[tuple[Item, float, float]]:
        """(item, margin before, margin after) of those that have choices; above zero is right."""
        found = []
        for item in items:
            before, after = self.before[item.id].margin, self.after[item.id].margin
            if before is not None and after is not None:
                found.append((item, before, after))
        return found


def units(items: Sequence[Item]) -> list[str]:
    """What each item belongs to: its seed example; the item itself where it stands alone or the examples are few."""
    clusters = [item.cluster or item.id for item in items]
    return clusters if len(set(clusters)) >= FEWEST_UNITS else [item.id for item in items]


def compare(evidence: Evidence, floor: float) -> tuple[Comparison, Comparison | None]:
    """The candidate beside the incumbent, and beside the pinned base where that is another model.

    Raises `EvidenceError` where base or champion lack a score, or have one that is not a number.
    """
    items, after = evidence.asked(), {score.id: score for score in evidence.candidate}

    def beside(scores: Sequence[Score], whom: str) -> Comparison:
        return Comparison(items, _checked(items, scores, whom), after, whom, evidence.build_id, floor)

    base = beside(evidence.base, "the base model")
    if evidence.champion is None:
        return base, None
    return beside(evidence.champion, "the champion"), base


def _checked(items: Sequence[Item], scores: Sequence[Score], whom: str) -> dict[str, Score]:
    found = {score.id: score for score in scores}
    wrong = faults(items, found)
    if wrong:
        raise EvidenceError(f"{whom} cannot be compared with: {wrong}. Remove its stored scores and build again")
    return found


def faults(items: Sequence[Item], scores: Mapping[str, Score]) -> str:
    """What is wrong with the scores of a model, in words; "" where nothing is."""
    missing = [item.id for item in items if item.id not in scores]
    if missing:
        return f"{len(missing)} of {len(items)} questions have no score, {missing[0]} for one"
    values = ((item.id, value) for item in items for value in (scores[item.id].nats, scores[item.id].margin))
    wrong = [name for name, value in values if value is not None and not math.isfinite(value)]
    return f"{len(wrong)} scores are not finite numbers, that of {wrong[0]} for one" if wrong else ""
