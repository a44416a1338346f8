"""Paired statistics of the gate: intervals, tests, and what keeps many tests honest. The same on every machine.

Differences are taken in whole millionths of a nat, so that sums are exact in any order, and random numbers come from
the raw bits of PCG64, which numpy promises never to change (NEP 19). What they are for: docs/explanation/gate.md.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy is not there where Seedbed only lints or serves a forge
    import numpy as np

    Whole = np.ndarray[Any, np.dtype[np.int64]]

DRAWS = 10_000  # of a bootstrap
FLIPS = 20_000  # of a sign-flip test beyond `EXACT_UP_TO`
EXACT_UP_TO = 16  # 2^16 sign patterns are all looked at; beyond that `FLIPS` are drawn
FEW = 20  # units; with fewer a bootstrap gives intervals that are too narrow, and Student's t takes its place
_SCALE = 1_000_000
_BLOCK = 1_000_000  # numbers drawn at a time: 8 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its bounds. With a single unit nothing is known of chance, and both bounds are the mean."""

    mean: float
    low: float
    high: float


def interval(differences: Sequence[float], units: Sequence[str], *, seed: str, level: float = 0.95) -> Interval:
    """The mean difference; each bound holds one-sided at `level`. `units`: what each difference belongs to, such as
    one seed example; units are independent of each other, differences within a unit need not be.
    """
    if len(set(units)) < FEW:
        return student_interval(differences, units, level=level)
    return paired_bootstrap(differences, units, seed=seed, level=level)


def paired_bootstrap(
    differences: Sequence[float], units: Sequence[str], *, seed: str, level: float = 0.95, draws: int | None = None
) -> Interval:
    """Percentile bootstrap: whole units are drawn, as items which share a context are not independent."""
    import numpy as np

    draws = draws or DRAWS
    sums, counts = _by_unit(differences, units)
    means = np.sort(
        np.concatenate([sums[drawn].sum(1) / counts[drawn].sum(1) for drawn in _indexes(seed, draws, len(sums))])
    )
    tail = round((1 - level) * draws)
    return _interval(sums.sum() / counts.sum(), means[tail], means[draws - 1 - tail])


def student_interval(differences: Sequence[float], units: Sequence[str], *, level: float = 0.95) -> Interval:
    """The same by Student's t, with the variance between units (as in survey statistics: a ratio of totals)."""
    sums, counts = (column.tolist() for column in _by_unit(differences, units))
    mean, k = sum(sums) / sum(counts), len(sums)
    if k < 2:
        return _interval(mean, mean, mean)
    spread = sum((total - mean * count) ** 2 for total, count in zip(sums, counts, strict=True))
    half = student_quantile(level, k - 1) * math.sqrt(k / (k - 1) * spread) / sum(counts)
    return _interval(mean, mean - half, mean + half)


def student_quantile(level: float, freedom: int) -> float:
    """The value below which Student's t with `freedom` degrees of freedom lies with probability `level` (> 0.5)."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # bisection of the angle: atan(t / sqrt(freedom))
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 + _student_half(middle, freedom) < level else (low, middle)
    return math.tan(low) * math.sqrt(freedom)


def _student_half(angle: float, freedom: int) -> float:
    """P(0 < t < tan(angle) * sqrt(freedom)): Abramowitz and Stegun 26.7.3 and 26.7.4, exact for whole numbers."""
    cosine, total = math.cos(angle), 0.0
    term = cosine if freedom % 2 else 1.0
    for step in range(2 + freedom % 2, freedom + 1, 2):
        total, term = total + term, term * cosine**2 * (step - 1) / step
    total *= math.sin(angle)
    return (angle + total) / math.pi if freedom % 2 else total / 2


def sign_flip(differences: Sequence[float], *, seed: str) -> float:
    """One-sided p-value that the mean is above zero: how often random signs reach it. Exact up to `EXACT_UP_TO`."""
    import numpy as np

    # Flipping a subset lowers the sum by twice its own: the mean is reached where the subset's sum is not above zero.
    whole = np.array([round(d * _SCALE) for d in differences], dtype=np.int64)
    if len(whole) <= EXACT_UP_TO:
        subsets = np.zeros(1, dtype=np.int64)
        for difference in whole:
            subsets = np.concatenate([subsets, subsets + difference])
        return float((subsets <= 0).mean())
    reached = sum(int(((coins @ whole) <= 0).sum()) for coins in _coins(seed, FLIPS, len(whole)))
    return (reached + 1) / (FLIPS + 1)


def smallest_p(units: int) -> float:
    """The smallest p-value that `sign_flip` can give to that many units."""
    return float(2.0**-units) if units <= EXACT_UP_TO else 1 / (FLIPS + 1)


def mcnemar(lost: int, won: int) -> float:
    """One-sided exact p-value that more items are lost than won, where chance gives each an even coin."""
    both = lost + won
    return float(sum(math.comb(both, k) for k in range(lost, both + 1)) / 2**both)


def holm(
    p_values: Mapping[str, float], smallest: Mapping[str, float] | None = None, level: float = 0.05
) -> dict[str, float]:
    """Holm-adjusted p-values by name: the chance of any false alarm among all of them stays at the level.

    `smallest`: the smallest p-value that each test can give. Tests that could never alarm at `level` then do not count
    among the many (Tarone 1990), and their own p-value becomes 1.
    """
    family = _tarone(smallest, level) if smallest else set(p_values)
    adjusted, highest = dict.fromkeys(sorted(p_values), 1.0), 0.0
    for rank, name in enumerate(sorted(family, key=lambda name: (p_values[name], name))):
        highest = max(highest, min(1.0, p_values[name] * (len(family) - rank)))
        adjusted[name] = round(highest, 6)
    return adjusted


def _tarone(smallest: Mapping[str, float], level: float) -> set[str]:
    for size in range(1, len(smallest) + 1):
        able = {name for name, p in smallest.items() if p <= level / size}
        if len(able) <= size:
            return able
    return set()


def benjamini_hochberg(p_values: Mapping[str, float]) -> dict[str, float]:
    """q-values by name: of the alarms at q < .10, one in ten is false on average."""
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    q_values, lowest = {}, 1.0
    for rank in range(len(ordered), 0, -1):
        lowest = min(lowest, p_values[ordered[rank - 1]] * len(ordered) / rank)
        q_values[ordered[rank - 1]] = round(lowest, 6)
    return q_values


def rule_of_three(items: int) -> float:
    """The share of failures that `items` without any failure rule out with 95 % certainty."""
    return min(1.0, 3 / items) if items else 1.0


def _by_unit(differences: Sequence[float], units: Sequence[str]) -> tuple[Whole, Whole]:
    """Sum (millionths) and number of differences of each unit, by the units' names."""
    import numpy as np

    sums: dict[str, list[int]] = {unit: [0, 0] for unit in sorted(set(units))}
    for difference, unit in zip(differences, units, strict=True):
        sums[unit][0] += round(difference * _SCALE)
        sums[unit][1] += 1
    table = np.array(list(sums.values()), dtype=np.int64)
    return table[:, 0], table[:, 1]


def _indexes(seed: str, draws: int, size: int) -> Iterator[Whole]:
    """`draws` rows of `size` places below `size`, each as likely as the others (to within 2^-32)."""
    import numpy as np

    bits = _bits(seed)
    for rows in _blocks(draws, size):
        raw = bits.random_raw(rows * size) >> np.uint64(32)
        yield ((raw * np.uint64(size)) >> np.uint64(32)).astype(np.int64).reshape(rows, size)


def _coins(seed: str, draws: int, size: int) -> Iterator[Whole]:
    """`draws` rows of `size` zeros and ones."""
    import numpy as np

    bits = _bits(seed)
    words = -(-size // 64)
    for rows in _blocks(draws, words * 64):
        raw = bits.random_raw(rows * words).astype("<u8").view(np.uint8).reshape(rows, words * 8)
        yield np.unpackbits(raw, axis=1)[:, :size].astype(np.int64)


def _blocks(draws: int, size: int) -> Iterator[int]:
    most = max(1, _BLOCK // size)
    for start in range(0, draws, most):
        yield min(most, draws - start)


def _bits(seed: str) -> np.random.PCG64:
    import numpy as np

    return np.random.PCG64(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big"))


def _interval(mean: float, low: float, high: float) -> Interval:
    return Interval(*(round(float(value) / _SCALE, 6) for value in (mean, low, high)))
