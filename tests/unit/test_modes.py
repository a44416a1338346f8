from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.modes import MOST_ITEMS, BuildFacts, BuildPlan, LeafFacts, plan_build, plan_impact, predict
from pipeline.recipe import Recipe
from pipeline.speeds import Speed, Speeds

RECIPE = Recipe(name="night", epochs=3, leaf_rows=32, budget_rows=100_000)
SPEEDS = Speeds(
    {
        "mixture": Speed(5, 20_000),
        "train": Speed(20, 200),
        "score": Speed(10, 600),
        "answer": Speed(10, 80),
        "export": Speed(60, 600),
    }
)
HOUR = 3600.0


def leaves(count: int, new: int) -> tuple[LeafFacts, ...]:
    """The base has been scored on all but the first `new`."""
    known, unknown = (0, 0), (4 * 40, 4)
    return tuple(
        LeafFacts(f"knowledge/leaf_{i}", 32, 32 * 60, 4, 4 * 40, 4, *(unknown if i < new else known))
        for i in range(count)
    )


def facts(
    count: int = 10, changed: int = 2, champion: str | None = "c1", weekday: int = 2, **more: object
) -> BuildFacts:
    of = leaves(count, changed if champion else count)
    fields = {"general_tokens": 300 * 40, "again_tokens": 64 * 40, **more}
    return BuildFacts(of, frozenset(leaf.path for leaf in of[:changed]), champion, weekday, RECIPE, **fields)  # type: ignore[arg-type]


def plan(of: BuildFacts, budget: float = HOUR) -> BuildPlan:
    return plan_build(of, SPEEDS, budget)


def test_a_full_build_is_the_default_whenever_it_fits() -> None:
    made = plan(facts())
    assert (made.mode, made.fits) == ("full", True)
    assert made.why == "full: 10 min of the night's 60 min; the default whenever it fits"
    assert made.seconds == pytest.approx(sum(made.parts.values()))
    assert set(made.parts) == {"anchors", "mixture", "train", "evaluate", "export"}
    assert made.tokens == 3 * (10 * 32 * 60 + 120 * 60)


def test_incremental_when_the_taxonomy_has_outgrown_the_night() -> None:
    made = plan(facts(150, 3))
    assert (made.mode, made.fits) == ("incremental", True)
    assert made.why == (
        "incremental: a full build takes 87 min, and the night has 60 min; 3 of 150 leaves changed and take 11 min"
    )


def test_a_prediction_that_only_just_fits_does_not() -> None:
    seconds = predict("full", facts(), SPEEDS).seconds
    assert plan(facts(), 1.26 * seconds).mode == "full"
    tight = plan(facts(), 1.24 * seconds)
    assert tight.mode == "incremental"
    assert "10 min of the night's 13 min, too near to its end for a prediction" in tight.why


def test_more_rows_than_the_recipe_allows_do_not_fit() -> None:
    tight = replace(facts(), recipe=replace(RECIPE, budget_rows=319))
    assert plan(tight).mode == "incremental"
    assert "a full build has 320 rows, more than the recipe's budget_rows of 319" in plan(tight).why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"champion": None}, "full: there is no champion to go on from; "),
        ({"base_changed": True}, "full: the base model is another one; "),
        ({"removed": ("knowledge/a",)}, "full: knowledge/a was removed, and only a build from the base forgets; "),
        (
            {"removed": ("knowledge/a", "knowledge/b", "knowledge/c")},
            "full: knowledge/a and 2 other leaves were removed, and only a build from the base forgets; ",
        ),
        ({"relicensed": ("knowledge/a",)}, "full: knowledge/a was put under another licence, "),
        ({"since_full": 6}, "full: 6 incremental builds came since the last full one; "),
        ({"since_full": 1, "weekday": 5}, "full: it is the weekend, and 1 incremental builds came "),
        ({"since_full": 1, "weekday": 6}, "full: it is the weekend, "),
    ],
)
def test_what_makes_a_build_full_whatever_it_costs(more: dict[str, Any], why: str) -> None:
    made = plan(facts(150, 3, **more))
    assert made.mode == "full"
    assert made.why.startswith(why)
    assert made.why.endswith(". That is more than fits, and it runs all the same")
    assert not made.fits


@pytest.mark.parametrize("weekday", range(7))
def test_a_weekend_needs_no_second_full_build(weekday: int) -> None:
    assert plan(facts(150, 3, weekday=weekday, since_full=0)).mode == "incremental"
    assert plan(facts(150, 3, weekday=weekday, since_full=2)).mode == ("full" if weekday >= 5 else "incremental")


def test_an_incremental_build_that_does_not_fit_says_so() -> None:
    made = plan(facts(300, 300))
    assert (made.mode, made.fits) == ("incremental", False)
    assert made.why.endswith("That is more than fits: give the night more time, or the recipe fewer epochs")


@pytest.mark.parametrize(("changed", "mode"), [(1, "incremental"), (20, "incremental"), (1, "impact")])
def test_a_night_costs_what_changed_and_not_what_the_taxonomy_holds(changed: int, mode: str) -> None:
    enough = MOST_ITEMS // 4 + 20  # from there on even the sample of items is full
    few, many = (predict(mode, facts(count, changed), SPEEDS) for count in (enough + changed, 5000))  # type: ignore[arg-type]
    assert many.seconds == pytest.approx(few.seconds, rel=0.01)
    more = predict(mode, facts(5000, changed + 20), SPEEDS)  # type: ignore[arg-type]
    assert more.seconds > many.seconds + 20 * 32 * 60 * RECIPE.epochs / SPEEDS.of["train"].rate


def test_impact_trains_one_leaf_and_exports_nothing() -> None:
    made = plan_impact(facts(40, 12), "knowledge/leaf_30", SPEEDS, 600)
    assert (made.mode, made.parts["export"]) == ("impact", 0.0)
    assert made.seconds < predict("incremental", facts(40, 1), SPEEDS).seconds
    assert made.why.startswith("impact: knowledge/leaf_30 alone, ")
    assert plan_impact(facts(), "knowledge/leaf_1", SPEEDS, 60).why.endswith(" of 60 s, which is more than fits")
    with pytest.raises(ValueError, match="knowledge/other is not among the leaves"):
        plan_impact(facts(), "knowledge/other", SPEEDS, 600)


def test_first_build_scores_the_base_on_all_and_some_twice() -> None:
    first = predict("full", facts(10, 0, None, general_base_tokens=300 * 40), SPEEDS)
    later = predict("full", facts(10, 0), SPEEDS)
    everything, again = 10 * 4 * 40 + 300 * 40, 64 * 40
    assert first.work["evaluate"] == {"score": (2 * everything + again, 3), "answer": (2 * 40 * 64 + 20 * 48, 1)}
    # The champion's scores and the base's are on file, but for the repeat.
    assert later.work["evaluate"] == {"score": (everything + again, 2), "answer": (40 * 64 + 20 * 48, 1)}
    held = predict("full", facts(10, 0, again_tokens=0), SPEEDS)  # the night before was held, and scored all of that
    assert held.work["evaluate"] == {"score": (everything, 1), "answer": (40 * 64 + 20 * 48, 1)}


def test_anchors_that_must_be_answered_are_reckoned_with() -> None:
    assert plan(facts()).parts["anchors"] == 0.0
    assert plan(facts(unanswered=96)).parts["anchors"] == pytest.approx(96 * 48 / 80 + 10)


def test_looks_at_dev_rows_and_the_base_beside_the_student_cost_time() -> None:
    plain = predict("full", facts(), SPEEDS)
    assert plain.work["train"] == {"train": (79_200, 1)}
    rows = 10 * 32 + 120
    watched = predict("full", replace(facts(dev_tokens=500), recipe=replace(RECIPE, patience=3, dev_every=10)), SPEEDS)
    assert watched.work["train"] == {"train": (79_200, 1), "score": (500 * (rows * 3 // 8 // 10), 0)}
    beside = predict("full", replace(facts(), recipe=replace(RECIPE, kl_weight=0.5)), SPEEDS)
    assert beside.work["train"] == {"train": (79_200, 1), "score": (3 * 120 * 60, 0)}
    assert plain.parts["train"] < watched.parts["train"]
    assert plain.parts["train"] < beside.parts["train"]


def test_plans_are_data_with_one_form() -> None:
    made = plan(facts())
    data = made.to_json()
    assert json.loads(json.dumps(data)) == data
    assert BuildPlan(**data).to_json() == data
    assert list(data) == sorted(data)


def test_wrong_facts_are_refused() -> None:
    with pytest.raises(ValueError, match="weekday is 7"):
        facts(weekday=7)
    with pytest.raises(ValueError, match="generate first"):
        plan(replace(facts(), leaves=()))
    with pytest.raises(ValueError, match="must be more than 0"):
        plan(facts(), 0)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(0, 400),
    st.integers(0, 6),
    st.integers(0, 8),
    st.floats(60, 20_000),
    st.booleans(),
)
def test_the_choice_follows_the_rules(
    count: int, changed: int, weekday: int, since: int, budget: float, removed: bool
) -> None:
    gone = ("knowledge/gone",) if removed else ()
    made = plan(facts(count, min(count, changed), weekday=weekday, since_full=since, removed=gone), budget)
    must = removed or since >= 6 or (weekday >= 5 and since > 0)
    if must:
        assert made.mode == "full"
    elif made.mode == "full":
        assert made.fits
        assert 1.25 * made.seconds <= budget
    assert made.why.startswith(f"{made.mode}: ")
    assert min(made.parts.values()) >= 0
