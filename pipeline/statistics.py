"""Paired statistics: bootstrap over clusters, sign flips, Holm's correction. Standard library only, seeded."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DRAWS = 10_000
EXACT_UP_TO = 14  # 2^14 sign patterns are enumerated; beyond that `DRAWS` are drawn


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds that hold one-sided at the level asked for."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    differences: Sequence[float], clusters: Sequence[str], *, seed: str, level: float = 0.95, draws: int | None = None
) -> Interval:
    """Percentile bootstrap of the mean difference; whole clusters are drawn, so that items which share a context
    are not taken for independent ones. Each bound holds one-sided at `level`.
    """
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(differences, clusters, strict=True):
        total = sums.setdefault(cluster, [0.0, 0.0])
        total[0] += value
        total[1] += 1
    pool = [tuple(sums[cluster]) for cluster in sorted(sums)]
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    draws = draws or DRAWS
    means = sorted(_mean_of(rng.choices(pool, k=len(pool))) for _ in range(draws))
    tail = round((1 - level) * draws)
    mean = sum(differences) / len(differences)
    return Interval(round(mean, 6), round(means[tail], 6), round(means[-1 - tail], 6))


def _mean_of(drawn: Sequence[tuple[float, ...]]) -> float:
    return sum(total for total, _ in drawn) / sum(count for _, count in drawn)


def sign_flip(differences: Sequence[float], *, seed: str) -> float:
    """One-sided p-value that the mean is above zero: how often random signs reach it. Exact for few differences."""
    observed = sum(differences)
    if len(differences) <= EXACT_UP_TO:
        patterns = list(itertools.product((1, -1), repeat=len(differences)))
    else:
        rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
        patterns = [tuple(rng.choices((1, -1), k=len(differences))) for _ in range(DRAWS)]
    reached = sum(sum(s * d for s, d in zip(signs, differences, strict=True)) >= observed - 1e-12 for signs in patterns)
    exact = len(differences) <= EXACT_UP_TO
    return reached / len(patterns) if exact else (reached + 1) / (len(patterns) + 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm-adjusted p-values by name: the chance of any false alarm among all of them stays at the level."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda entry: (entry[1], entry[0]))):
        highest = max(highest, min(1.0, p * (len(p_values) - rank)))
        adjusted[name] = round(highest, 6)
    return adjusted
