"""Small evidence for the tests of the gate: leaves and a general suite, with scores of a known difference."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipeline.evaluate.port import Item, Score
from pipeline.gate import Evidence
from pipeline.waivers import Waiver


def items(leaves: Mapping[str, int], general: int = 80, safety: int = 20) -> list[Item]:
    """Leaves with two questions a seed example; general questions in four categories, half of them with choices."""
    held = [
        Item(f"{leaf}.{i}", "heldout", leaf, "q", "a", f"{leaf}#{i // 2}")
        for leaf, n in leaves.items()
        for i in range(n)
    ]
    ordinary = [Item(f"g{i}", "general", f"cat{i % 4}", "q", "a", "", ("b",) * (i % 2)) for i in range(general)]
    return held + ordinary + [Item(f"s{i}", "general", "safety", "q", "no", "", ("yes",)) for i in range(safety)]


def scores(of: Sequence[Item], rise: Mapping[str, float], *, noise: float = 0.05, seed: int = 3) -> list[Score]:
    """Two nats each, a right choice where there is one, plus `rise` by item, group or suite, plus noise of its own."""
    rng = random.Random(seed)
    found = []
    for item in of:
        moved = next((rise[key] for key in (item.id, item.group, item.suite) if key in rise), 0.0) + rng.gauss(0, noise)
        found.append(Score(item.id, 2 + moved, 5, "", 0.0, 1.0 - moved if item.choices else None))
    return found


def evidence(
    asked: Sequence[Item], rise: Mapping[str, float], changed: Sequence[str] = (), *, noise: float = 0.05, **other: Any
) -> Evidence:
    """A candidate beside the base model, or beside the `champion` that is given."""
    base = other.pop("base", None) or scores(asked, {}, seed=1, noise=noise)
    candidate = other.pop("candidate", None) or scores(asked, rise, noise=noise)
    return Evidence(other.pop("build_id", "b1"), asked, base, candidate, changed=frozenset(changed), **other)


def waiver(name: str) -> Waiver:
    return Waiver(
        "let-it", name, "ada", "We know, and it is worth it", date(2027, 1, 2), ".seedbed/waivers/let-it.yaml"
    )
