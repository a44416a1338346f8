from __future__ import annotations

import random

import pytest

from pipeline import statistics
from pipeline.statistics import (
    benjamini_hochberg,
    holm,
    interval,
    mcnemar,
    paired_bootstrap,
    rule_of_three,
    sign_flip,
    smallest_p,
    student_interval,
    student_quantile,
)


def alone(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def test_bootstrap_is_repeatable_and_brackets_the_mean() -> None:
    rng = random.Random(1)
    differences = [rng.gauss(-0.2, 0.3) for _ in range(40)]
    found = paired_bootstrap(differences, alone(40), seed="a")
    assert found == paired_bootstrap(differences, alone(40), seed="a")
    assert found == paired_bootstrap(differences[::-1], alone(40)[::-1], seed="a")
    assert found != paired_bootstrap(differences, alone(40), seed="b")
    assert found.low < found.mean < found.high < 0
    assert found.mean == pytest.approx(sum(differences) / 40, abs=1e-6)


def test_random_numbers_are_the_same_on_every_machine() -> None:
    """Figures that this code gave when it was written; numpy keeps the bits of PCG64 for ever."""
    differences = [((i * 37) % 101 - 40) / 100 for i in range(30)]
    found = paired_bootstrap(differences, alone(30), seed="fixed", draws=500)
    assert (found.mean, found.low, found.high) == (0.083333, -0.005667, 0.164)
    assert sign_flip(differences, seed="fixed") == 0.06769661516924154


def test_clusters_that_move_together_widen_the_interval() -> None:
    differences = [0.5] * 5 + [-0.4] * 5 + [0.3] * 5 + [-0.2] * 5
    apart = paired_bootstrap(differences, alone(20), seed="a", draws=2000)
    together = paired_bootstrap(differences, [str(i // 5) for i in range(20)], seed="a", draws=2000)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_false_alarms_stay_near_the_level() -> None:
    """On unchanged models the one-sided bound at 95 % is crossed about once in twenty; a bare mean half the time."""
    rng = random.Random(7)
    crossed = worse = 0
    for trial in range(400):
        noise = [rng.gauss(0, 0.3) for _ in range(30)]
        found = paired_bootstrap(noise, alone(30), seed=str(trial), draws=200)
        crossed, worse = crossed + (found.high < 0), worse + (found.mean < 0)
    assert crossed <= 32
    assert 160 <= worse <= 240


@pytest.mark.parametrize("units", [3, 5, 10])
def test_few_units_have_bounds_that_hold(units: int) -> None:
    """Where a bootstrap is too narrow: with three units its bound fails three times as often as it says."""
    rng = random.Random(units)
    failed = {"student": 0, "bootstrap": 0}
    for trial in range(600):
        noise = [rng.gauss(0, 0.3) for _ in range(units)]
        failed["student"] += interval(noise, alone(units), seed="a").high < 0
        failed["bootstrap"] += paired_bootstrap(noise, alone(units), seed=str(trial), draws=200).high < 0
    assert failed["student"] <= 45  # 30 expected
    assert failed["bootstrap"] > failed["student"]


def test_student_agrees_with_the_bootstrap_where_units_are_many() -> None:
    rng = random.Random(2)
    differences = [rng.gauss(0.1, 0.3) for _ in range(300)]
    clusters = [str(i // 2) for i in range(300)]
    ours, theirs = student_interval(differences, clusters), paired_bootstrap(differences, clusters, seed="a")
    assert ours.mean == theirs.mean
    assert ours.high == pytest.approx(theirs.high, abs=0.004)
    assert interval(differences, clusters, seed="a") == theirs


def test_one_unit_has_no_interval() -> None:
    assert student_interval([0.4, 0.2], ["a", "a"]) == statistics.Interval(0.3, 0.3, 0.3)


@pytest.mark.parametrize(
    ("level", "freedom", "value"),
    [
        (0.95, 1, 6.3138),
        (0.975, 2, 4.3027),
        (0.95, 3, 2.3534),
        (0.975, 4, 2.7764),
        (0.95, 30, 1.6973),
        (0.99, 9, 2.8214),
    ],
)
def test_student_quantiles_are_those_of_the_tables(level: float, freedom: int, value: float) -> None:
    assert student_quantile(level, freedom) == pytest.approx(value, abs=1e-4)


def test_sign_flip_is_exact_for_few() -> None:
    assert sign_flip([1.0, 1.0, 1.0], seed="a") == 1 / 8
    assert sign_flip([3.0, 1.0, -1.0], seed="a") == 3 / 8
    assert sign_flip([-1.0, -1.0], seed="a") == 1.0
    assert sign_flip([0.0] * 5, seed="a") == 1.0
    assert sign_flip([0.2] * 16, seed="a") == 2**-16 == smallest_p(16)


def test_sign_flip_draws_for_many_and_agrees_with_the_exact_test() -> None:
    assert sign_flip([0.5] * 20, seed="a") == smallest_p(20) == 1 / 20_001
    rng = random.Random(5)
    differences = [rng.gauss(0.06, 0.2) for _ in range(16)]
    exact = sign_flip(differences, seed="a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "EXACT_UP_TO", 5)
        assert sign_flip(differences, seed="a") == pytest.approx(exact, abs=0.01)


def test_mcnemar_counts_only_what_changed_sides() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == 1 / 32
    assert mcnemar(9, 1) == 11 / 1024
    assert mcnemar(0, 5) == 1.0


def test_holm_orders_and_caps() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.9}) == {"a": 0.03, "b": 0.08, "c": 0.9}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_tests_that_can_never_alarm_do_not_count_among_the_many() -> None:
    p_values = {"large": 0.01} | {f"small{n}": 0.25 for n in range(50)}
    smallest = {"large": 2.0**-12} | {f"small{n}": 2.0**-2 for n in range(50)}
    assert holm(p_values)["large"] == 0.51
    assert holm(p_values, smallest) == {"large": 0.01} | {f"small{n}": 1.0 for n in range(50)}
    assert holm({"a": 0.5}, {"a": 0.5}) == {"a": 1.0}


def test_q_values_by_hand() -> None:
    assert benjamini_hochberg({"a": 0.01, "b": 0.02, "c": 0.5}) == {"a": 0.03, "b": 0.03, "c": 0.5}
    assert benjamini_hochberg({}) == {}


def test_the_rule_of_three() -> None:
    assert rule_of_three(50) == 0.06
    assert rule_of_three(2) == rule_of_three(0) == 1.0
