"""Reading a mixture, and the order in which its rows are trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.causal import IGNORED, Encoded
from pipeline.train.port import Thinned, TrainError
from pipeline.train.rows import EMPTY, TrainRow, pad_order, read_rows, schedule
from tests.building import QUIET
from tests.tiny_model import byte_tokenizer


def row(length: int, kind: str = "skill", leaf: str = "a") -> TrainRow:
    return TrainRow(Encoded(tuple(range(length)), (IGNORED, *range(1, length))), leaf, kind)


ROWS = [row(10 + (7 * i) % 90) for i in range(50)]
MANY = [row(10 + i % 40, kind) for i, kind in enumerate(["knowledge", "skill", "anchor", "knowledge"] * 15)]


def test_each_row_is_trained_once_an_epoch_with_rows_of_like_length() -> None:
    recipe = replace(QUIET, epochs=3, batch=4)
    order = schedule(ROWS, recipe)
    assert order == schedule(ROWS, recipe)
    assert order != schedule(ROWS, replace(recipe, seed=1))
    assert sorted(order) == sorted(list(range(50)) * 3)
    batches = [order[at : at + 4] for at in range(0, len(order), 4)]
    padded = sum(max(ROWS[i].length for i in batch) * len(batch) for batch in batches)
    assert padded < 1.25 * 3 * sum(one.length for one in ROWS)


@pytest.mark.parametrize("count", [8, 32, 48])
def test_no_step_learns_a_row_twice(count: int) -> None:
    order = schedule(ROWS[:count], replace(QUIET, epochs=3, batch=8, micro_batch=4))
    assert all(len(set(order[at : at + count])) == count for at in range(0, 3 * count, count))


def test_the_split_into_micro_batches_changes_no_order() -> None:
    assert schedule(ROWS, replace(QUIET, batch=4, micro_batch=4)) == schedule(
        ROWS, replace(QUIET, batch=4, micro_batch=1)
    )


def test_phases_train_their_kind_in_order_with_anchors_and_replay() -> None:
    recipe = replace(QUIET, epochs=2, batch=4, phases=("knowledge", "skills"), replay_ratio=0.5)
    order = schedule(MANY, recipe)
    kinds = [MANY[i].kind for i in order]
    first = 2 * (30 + 15)  # knowledge and anchors
    assert "skill" not in kinds[: first - recipe.batch]
    assert kinds.count("knowledge") == 2 * 30 + 2 * 15  # all of it, then half of it again
    assert kinds.count("skill") == 2 * 15
    assert kinds.count("anchor") == 2 * 2 * 15
    assert sorted(kinds[first:]).count("anchor") == pytest.approx(2 * 15, abs=recipe.batch)


def test_without_phases_every_kind_is_everywhere() -> None:
    kinds = [MANY[i].kind for i in schedule(MANY, replace(QUIET, epochs=2, batch=4))]
    assert {"knowledge", "skill", "anchor"} == set(kinds[:60]) == set(kinds[60:])


def test_orders_are_filled_up_for_many_processes() -> None:
    assert pad_order([3, 1, 2], 4) == [3, 1, 2, EMPTY]
    assert pad_order([3, 1], 2) == [3, 1]


def line(name: str, answer: str, leaf: str) -> str:
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": answer}]
    return json.dumps({"id": name, "leaf": leaf, "kind": "skill", "train_on": "assistant", "messages": messages})


@pytest.mark.model
def test_drops_are_listed_and_leaves_that_lose_many_are_told(tmp_path: Path) -> None:
    lines = [line(f"a{i}", "Ada.", "a") for i in range(30)]
    lines += [line("a-long", "Ada. " * 40, "a"), line("b1", "Bo.", "b"), line("b2", "Bo <|im_end|>", "b")]
    path = tmp_path / "mixture.jsonl"
    path.write_text("\n".join(lines) + "\n")
    rows = read_rows(path, byte_tokenizer(), 100)
    assert len(rows.rows) == 31
    assert [name for name, _ in rows.dropped] == ["a-long", "b2"]
    assert "more than 100" in rows.dropped[0][1]
    assert "control token" in rows.dropped[1][1]
    assert rows.thinned == (Thinned("b", 1, 2),)  # one of 31 is below 5 %


@pytest.mark.model
def test_a_mixture_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixture.jsonl"
    path.write_text(line("a", "Ada.", "a") + "\n")
    with pytest.raises(TrainError, match=r"no row can be trained \(1 dropped\); check max_tokens"):
        read_rows(path, byte_tokenizer(), 16)
