from __future__ import annotations

import json
import random

import pytest

from pipeline import statistics
from pipeline.evaluate.port import Item, Score
from pipeline.gate import decide, verdict_from


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 400)


def items(leaves: dict[str, int], regression: int = 40) -> list[Item]:
    held = [
        Item(f"{leaf}.{i}", "heldout", leaf, "q", "a", f"{leaf}#{i // 2}")
        for leaf, n in leaves.items()
        for i in range(n)
    ]
    return held + [Item(f"r{i}", "regression", f"cat{i % 4}", "q", "a") for i in range(regression)]


def scores(of: list[Item], rise: dict[str, float], *, noise: float = 0.05, seed: int = 3) -> list[Score]:
    """Two nats each, plus `rise` by group or suite, plus noise of its own."""
    rng = random.Random(seed)
    return [
        Score(item.id, 2 + rise.get(item.group, rise.get(item.suite, 0.0)) + rng.gauss(0, noise), 5, "", 0.0)
        for item in of
    ]


def test_better_and_harmless_is_promoted() -> None:
    asked = items({"a": 6, "b": 6})
    verdict = decide(asked, scores(asked, {}, seed=1), scores(asked, {"heldout": -0.4}), build_id="b1")
    assert verdict.decision == "PROMOTE"
    assert verdict.against == "base"
    assert "Better on 12 held-out questions: -0.3" in verdict.reasons[0]
    assert [(row.group, row.n) for row in verdict.rows][:3] == [("a", 6), ("b", 6), ("cat0", 10)]
    assert verdict.rows[0].change.high < 0


def test_no_gain_holds_with_a_reason() -> None:
    asked = items({"a": 12})
    verdict = decide(asked, scores(asked, {}, seed=1), scores(asked, {}), build_id="b1")
    assert verdict.decision == "HOLD"
    assert "Nothing gained beyond chance on 12 held-out questions" in verdict.reasons[0]


def test_too_few_items_hold() -> None:
    asked = items({"a": 3})
    verdict = decide(asked, scores(asked, {}, seed=1), scores(asked, {"heldout": -2}), build_id="b1")
    assert verdict.decision == "HOLD"
    assert "Too few held-out questions to tell: 3" in verdict.reasons[0]


def test_large_and_small_certain_harm_hold() -> None:
    asked = items({"a": 12})
    base = scores(asked, {}, seed=1, noise=0.01)
    for rise, words in ((0.3, "cannot be ruled out"), (0.04, "got worse than the base model")):
        after = scores(asked, {"heldout": -0.5, "regression": rise}, noise=0.01)
        verdict = decide(asked, base, after, build_id="b1")
        assert verdict.decision == "HOLD"
        assert any(words in reason for reason in verdict.reasons)


def test_no_regression_set_holds() -> None:
    asked = items({"a": 12}, regression=0)
    verdict = decide(asked, scores(asked, {}, seed=1), scores(asked, {"heldout": -1}), build_id="b1")
    assert verdict.decision == "HOLD"


def test_one_leaf_that_gets_worse_holds_the_others_back() -> None:
    asked = items({"good": 20, "harmed": 10})
    after = scores(asked, {"good": -1.0, "harmed": 0.4})
    verdict = decide(asked, scores(asked, {}, seed=1), after, build_id="b1")
    assert verdict.decision == "HOLD"
    assert verdict.reasons == tuple(reason for reason in verdict.reasons if "The leaf harmed got worse" in reason)


def test_benefit_is_looked_for_on_changed_leaves_against_the_champion() -> None:
    asked = items({"old": 20, "new": 6})
    base, champion = scores(asked, {}, seed=1), scores(asked, {"old": -1.0}, seed=2)
    after = scores(asked, {"old": -1.0, "new": -0.3})
    verdict = decide(asked, base, after, build_id="b2", champion=champion, champion_id="b1", changed=frozenset(["new"]))
    assert verdict.decision == "PROMOTE"
    assert verdict.against == "b1"
    assert "Better on 6 held-out" in verdict.reasons[0]


def test_slow_drift_from_the_base_holds_though_the_champion_drifted_too() -> None:
    asked = items({"a": 12})
    base = scores(asked, {}, seed=1)
    champion = scores(asked, {"regression": 0.15}, seed=2)
    after = scores(asked, {"heldout": -0.5, "regression": 0.15}, seed=2)
    verdict = decide(asked, base, after, build_id="b2", champion=champion, champion_id="b1")
    assert verdict.decision == "HOLD"
    assert all("the base model" in reason for reason in verdict.reasons)


def test_verdict_is_canonical_and_reads_back() -> None:
    asked = items({"a": 6})
    verdict = decide(asked, scores(asked, {}, seed=1), scores(asked, {"heldout": -0.4}), build_id="b1")
    again = decide(asked, scores(asked, {}, seed=1), scores(asked, {"heldout": -0.4}), build_id="b1")
    assert verdict.to_json() == again.to_json()
    assert verdict_from(json.loads(verdict.to_json())) == verdict
