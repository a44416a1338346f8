"""The gate: whether a candidate may replace the champion, and why.

Differences are nats per reference token, after minus before: below zero is better. A plain "mean is lower" would be
a coin toss on unchanged models, so every rule looks at what chance alone explains (docs/explanation).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.evaluate.port import Item, Score
from pipeline.statistics import Interval, holm, paired_bootstrap, sign_flip

Decision = Literal["PROMOTE", "HOLD"]
FEWEST_ITEMS = 4
FEWEST_CLUSTERS = 4
REGRESSION_MARGIN = 0.10  # nats: the mean of the regression set may rise by less than this
LEAF_MARGIN = 0.15  # nats: a smaller rise of one leaf does not block
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: means over `n` items, and the two-sided 90 % interval of the change.

    `significance`: Holm-adjusted p-value that the leaf got worse; 1 where that was not asked.
    """

    group: str
    suite: str
    n: int
    before: float
    after: float
    change: Interval
    f1_before: float
    f1_after: float
    significance: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, its reasons in plain words, the table, and against whom it was made ("base" or a build id)."""

    decision: Decision
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    against: str
    build_id: str

    def to_json(self) -> bytes:
        """Canonical JSON: the same verdict is the same bytes."""
        return (json.dumps(asdict(self), sort_keys=True, indent=1) + "\n").encode()


def verdict_from(data: Mapping[str, Any]) -> Verdict:
    """Read back what `Verdict.to_json` wrote (parsed)."""
    rows = tuple(Row(**{**row, "change": Interval(**row["change"])}) for row in data["rows"])
    return Verdict(data["decision"], tuple(data["reasons"]), rows, data["against"], data["build_id"])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores of one model before and one after, on the same items."""

    items: Sequence[Item]
    before: Mapping[str, Score]
    after: Mapping[str, Score]
    seed: str

    def pick(self, suite: str, groups: frozenset[str] | None = None) -> list[Item]:
        """Items of a suite, and of some groups only where they are given."""
        return [item for item in self.items if item.suite == suite and (groups is None or item.group in groups)]

    def changes(self, items: Sequence[Item]) -> list[float]:
        """After minus before, in nats, per item."""
        return [self.after[item.id].nats - self.before[item.id].nats for item in items]

    def interval(self, items: Sequence[Item], salt: str) -> Interval:
        """Bootstrap over seed examples; over single items where there are too few seed examples to draw from."""
        clusters = [item.cluster or item.id for item in items]
        if len(set(clusters)) < FEWEST_CLUSTERS:
            clusters = [item.id for item in items]
        return paired_bootstrap(self.changes(items), clusters, seed=f"{self.seed}/{salt}")


def decide(
    items: Sequence[Item],
    base: Sequence[Score],
    candidate: Sequence[Score],
    *,
    build_id: str,
    champion: Sequence[Score] | None = None,
    champion_id: str | None = None,
    changed: frozenset[str] | None = None,
) -> Verdict:
    """Compare `candidate` with `champion` (with `base` where there is none) on the same `items`, scores in their order.

    `changed`: leaves that the champion has not learnt, on which the benefit is looked for (None: every leaf).
    """
    after = {score.id: score for score in candidate}
    from_base = Comparison(items, {score.id: score for score in base}, after, build_id)
    ours = from_base if champion is None else Comparison(items, {s.id: s for s in champion}, after, build_id)
    rows = _rows(ours)
    blocks = [*_benefit(ours, changed or None), *_regression(ours, "the champion" if champion else "the base model")]
    if champion is not None:
        blocks += _regression(from_base, "the base model")
    blocks += _leaves(rows)
    good = _praise(ours, changed or None)
    decision: Decision = "HOLD" if blocks else "PROMOTE"
    return Verdict(decision, tuple(blocks or good), rows, champion_id or "base", build_id)


def _rows(ours: Comparison) -> tuple[Row, ...]:
    rows = []
    for suite in ("heldout", "regression"):
        for group in sorted({item.group for item in ours.pick(suite)}):
            rows.append(_row(ours, group, suite))
    worse = holm(
        {
            row.group: sign_flip(ours.changes(ours.pick("heldout", frozenset([row.group]))), seed=ours.seed)
            for row in rows
            if row.suite == "heldout"
        }
    )
    return tuple(
        Row(**{**_shallow(row), "significance": worse[row.group]}) if row.suite == "heldout" else row for row in rows
    )


def _shallow(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__slots__}


def _row(ours: Comparison, group: str, suite: str) -> Row:
    items = ours.pick(suite, frozenset([group]))

    def mean(scores: Mapping[str, Score], field: str) -> float:
        total: float = sum(getattr(scores[item.id], field) for item in items)
        return round(total / len(items), 6)

    return Row(
        group=group,
        suite=suite,
        n=len(items),
        before=mean(ours.before, "nats"),
        after=mean(ours.after, "nats"),
        change=ours.interval(items, f"{suite}/{group}"),
        f1_before=mean(ours.before, "f1"),
        f1_after=mean(ours.after, "f1"),
    )


def _benefit(ours: Comparison, changed: frozenset[str] | None) -> list[str]:
    items = ours.pick("heldout", changed)
    if len(items) < FEWEST_ITEMS:
        return [
            f"Too few held-out questions to tell: {len(items)}, and {FEWEST_ITEMS} are needed. "
            "Add seed examples to the leaves, or let more leaves come together."
        ]
    change = ours.interval(items, "benefit")
    if change.high < 0:
        return []
    return [
        f"Nothing gained beyond chance on {len(items)} held-out questions: {_words(change)}. "
        "More seed examples or more generated samples may help."
    ]


def _praise(ours: Comparison, changed: frozenset[str] | None) -> list[str]:
    items, guard = ours.pick("heldout", changed), ours.pick("regression")
    lines = []
    if items:
        lines.append(f"Better on {len(items)} held-out questions: {_words(ours.interval(items, 'benefit'))}.")
    if guard:
        lines.append(f"No harm on {len(guard)} regression questions: {_words(ours.interval(guard, 'regression'))}.")
    return lines


def _regression(ours: Comparison, whom: str) -> list[str]:
    items = ours.pick("regression")
    if not items:
        return ["The regression set is empty, so harm cannot be ruled out."]
    change = ours.interval(items, "regression")
    if change.high >= REGRESSION_MARGIN:
        return [
            f"Harm to ordinary chat cannot be ruled out against {whom}: {_words(change)} on {len(items)} regression "
            f"questions, and the upper bound must stay below {REGRESSION_MARGIN:.2f}."
        ]
    if change.low > 0:
        return [f"Ordinary chat got worse than {whom}: {_words(change)} on {len(items)} regression questions."]
    return []


def _leaves(rows: Sequence[Row]) -> list[str]:
    return [
        f"The leaf {row.group} got worse: {_words(row.change)} on {row.n} held-out questions "
        f"(p = {row.significance:.3f})."
        for row in rows
        if row.suite == "heldout" and row.significance < ALPHA and row.change.mean > LEAF_MARGIN
    ]


def _words(change: Interval) -> str:
    return f"{change.mean:+.3f} nats per token (90 % interval {change.low:+.3f} to {change.high:+.3f})"
