from __future__ import annotations

import random

import pytest

from pipeline.statistics import holm, paired_bootstrap, sign_flip


def test_bootstrap_is_repeatable_and_brackets_the_mean() -> None:
    rng = random.Random(1)
    differences = [rng.gauss(-0.2, 0.3) for _ in range(40)]
    names = [str(i) for i in range(40)]
    interval = paired_bootstrap(differences, names, seed="a")
    assert interval == paired_bootstrap(differences, names, seed="a")
    assert interval.low < interval.mean < interval.high < 0
    assert interval.mean == pytest.approx(sum(differences) / 40, abs=1e-6)


def test_clusters_that_move_together_widen_the_interval() -> None:
    differences = [0.5] * 5 + [-0.4] * 5 + [0.3] * 5 + [-0.2] * 5
    alone = paired_bootstrap(differences, [str(i) for i in range(20)], seed="a", draws=2000)
    together = paired_bootstrap(differences, [str(i // 5) for i in range(20)], seed="a", draws=2000)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_false_alarms_stay_near_the_level() -> None:
    """On unchanged models the one-sided bound at 95 % is crossed about once in twenty; a bare mean half the time."""
    rng = random.Random(7)
    crossed = 0
    for trial in range(200):
        noise = [rng.gauss(0, 0.3) for _ in range(30)]
        crossed += paired_bootstrap(noise, [str(i) for i in range(30)], seed=str(trial), draws=200).high < 0
    assert crossed <= 24


def test_sign_flip_is_exact_for_few() -> None:
    assert sign_flip([1.0, 1.0, 1.0], seed="a") == pytest.approx(1 / 8)
    assert sign_flip([-1.0, -1.0], seed="a") == 1.0
    assert sign_flip([0.5] * 20, seed="a") < 0.001


def test_holm_orders_and_caps() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.9}) == {"a": 0.03, "b": 0.08, "c": 0.9}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
