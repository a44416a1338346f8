"""The gate on unchanged models and on planted harm, small: `tests/bench/nights_gate.py` has the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import statistics
from tests.bench.nights_gate import BAR, Plant, leaf_items, names, night, share, stopped, town, unchanged


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 500)
    monkeypatch.setattr(statistics, "FLIPS", 5_000)


def test_unchanged_models_are_left_alone() -> None:
    where = town(leaves=24, changed=6)
    same = unchanged(where, Plant(), 6, "same", same=True)
    assert (same["blocked"], same["promoted"]) == (0.0, 0.0)
    equal = unchanged(where, Plant(), 60, "equal")
    assert equal["blocked"] <= BAR
    assert equal["promoted"] <= BAR
    assert equal["raw_general_worse"] > 0.3  # a bare mean would have blocked these


@pytest.mark.parametrize(
    ("rise", "checks"),
    [
        ({"general": 0.1}, ("general",)),
        ({"facts": 0.5}, ("general", "categories", "choices")),  # a leaf of wrong facts
        ({"chat": 0.5, "safety": 0.5}, ("general", "categories", "safety")),  # a leaf that teaches rudeness
        ({"heldout": 0.2}, ("leaves",)),
    ],
)
def test_planted_harm_is_caught(rise: dict[str, float], checks: tuple[str, ...]) -> None:
    assert share(town(leaves=20, changed=4), Plant(rise), 10, f"harm/{rise}", stopped(*checks)) == 1.0


def test_a_harmed_leaf_is_named() -> None:
    where, victim = town(0.25, leaves=20, changed=4), "compositional_skills/topic02/victim"
    where = replace(where, items=[*where.items, *leaf_items(victim, 12)])
    assert share(where, Plant({victim: 0.6}), 10, "victim", names(victim)) >= 0.9


def test_a_gain_is_promoted() -> None:
    where = town(leaves=20, changed=8)
    plant = Plant(dict.fromkeys(where.changed, -0.4))
    assert share(where, plant, 10, "gain", lambda verdict: verdict.decision == "PROMOTE") == 1.0


def test_the_same_night_has_the_same_verdict() -> None:
    where = town(0.3, leaves=12, changed=3)
    assert night(where, Plant(), "again").to_json() == night(where, Plant(), "again").to_json()
