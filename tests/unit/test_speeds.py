from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.recipe import Recipe
from pipeline.speeds import (
    DEFAULTS,
    FILE,
    Speeds,
    Work,
    first_speeds,
    load_speeds,
    parameters_of,
    save_speeds,
    speeds_name,
)


def train(tokens: int) -> Work:
    return {"train": (tokens, 1)}


def test_time_is_loading_and_tokens() -> None:
    known = Speeds()
    assert known.seconds({}) == 0
    assert known.seconds(train(4000)) == pytest.approx(DEFAULTS["train"].load + 4000 / DEFAULTS["train"].rate)
    both: Work = {"score": (6000, 3), "answer": (800, 0)}
    spent = 6000 / DEFAULTS["score"].rate + 800 / DEFAULTS["answer"].rate
    assert known.seconds(both) == pytest.approx(3 * DEFAULTS["score"].load + spent)


def test_the_first_night_is_believed_and_later_ones_in_part() -> None:
    slow = Speeds().observed(train(400_000), 4020)
    assert slow.seconds(train(400_000)) == pytest.approx(4020, rel=1e-3)
    assert slow.of["train"].rate == pytest.approx(100, rel=0.02)
    assert slow.of["score"] == DEFAULTS["score"]
    after = slow.observed(train(400_000), 2010)
    assert 2010 < after.seconds(train(400_000)) < 4020
    for _ in range(20):
        after = after.observed(train(400_000), 2010)
    assert after.seconds(train(400_000)) == pytest.approx(2010, rel=0.02)
    assert after.of["train"].seen == 22


def test_a_miss_is_put_down_to_what_took_longest() -> None:
    short = Speeds().observed(train(200), 42)
    assert short.of["train"].load == pytest.approx(41, rel=0.02)
    assert short.of["train"].rate == pytest.approx(DEFAULTS["train"].rate, rel=0.02)
    stage: Work = {"score": (6000, 1), "answer": (80_000, 0)}
    known = Speeds().observed(stage, 2040)
    assert known.seconds(stage) == pytest.approx(2040, rel=1e-3)
    assert known.of["answer"].rate == pytest.approx(40, rel=0.03)
    assert known.of["score"].rate == pytest.approx(DEFAULTS["score"].rate, rel=0.01)
    assert known.of["answer"].load == DEFAULTS["answer"].load  # nothing was loaded for it


@settings(deadline=None, max_examples=25)
@given(st.floats(5, 60), st.floats(50, 2000), st.lists(st.integers(20_000, 400_000), min_size=30, max_size=40))
def test_it_comes_near_any_machine(load: float, rate: float, nights: list[int]) -> None:
    known = Speeds()
    for tokens in nights:
        known = known.observed(train(tokens), load + tokens / rate)
    assert known.seconds(train(nights[-1])) == pytest.approx(load + nights[-1] / rate, rel=0.4)


@pytest.mark.parametrize(("work", "seconds"), [({}, 5.0), (train(10), 0.0), (train(10), -1.0)])
def test_what_is_no_measurement_is_refused(work: Work, seconds: float) -> None:
    with pytest.raises(ValueError, match="is no measurement"):
        Speeds().observed(work, seconds)


def test_kept_beside_those_of_others(tmp_path: Path) -> None:
    slow, quick = Speeds().observed(train(1000), 100), Speeds().observed({"score": (9000, 1)}, 10)
    save_speeds(tmp_path, "a", slow)
    save_speeds(tmp_path, "b", quick)
    assert (load_speeds(tmp_path, "a"), load_speeds(tmp_path, "b")) == (slow, quick)
    first = first_speeds(1_345_150_080, 4)
    assert first.of["train"].rate == pytest.approx(DEFAULTS["train"].rate / 5)
    assert load_speeds(tmp_path, "c", first) == first
    before = (tmp_path / FILE).read_bytes()
    save_speeds(tmp_path, "b", quick)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        '{"a": 3}',
        '{"a": {"train": {"load": "x"}}}',
        '{"a": {"train": {"load": 1, "rate": 0, "seen": 1}}}',
    ],
)
def test_a_damaged_file_is_as_none_and_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert load_speeds(tmp_path, "a") == Speeds()
    save_speeds(tmp_path, "a", Speeds())
    assert load_speeds(tmp_path, "a") == Speeds()


def test_names_hold_base_method_and_threads() -> None:
    assert (
        speeds_name("0123456789abcdef", Recipe(name="r", threads=2)) == "0123456789ab/lora-mlp float32 none/2 threads"
    )


def test_parameters_are_counted_from_the_heads_of_files(tmp_path: Path) -> None:
    for name, shapes in (("a", [[3, 4], [5]]), ("b", [[2]])):
        head = {f"t{i}": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for i, shape in enumerate(shapes)}
        data = json.dumps(head | {"__metadata__": {"format": "pt"}}).encode()
        (tmp_path / f"{name}.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
    assert parameters_of(tmp_path) == 19
