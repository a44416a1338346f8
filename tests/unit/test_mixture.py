from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.anchors import Anchor
from pipeline.evaluate.items import heldout_items
from pipeline.generate import heldout
from pipeline.mixture import mix
from tests.building import QUIET, dataset_of, freeform

ANCHORS = tuple(Anchor(f"{i:02d}", f"Prompt number {i}?", f"Answer {i}.") for i in range(50))


def rows_of(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def test_same_inputs_same_bytes_in_any_order() -> None:
    pairs = [(leaf, dataset_of(leaf)) for leaf in (freeform("greetings"), freeform("farewells"))]
    mixture = mix(pairs, ANCHORS, QUIET)
    assert mix(pairs[::-1], ANCHORS[::-1], QUIET) == mixture
    assert mix(pairs, ANCHORS, replace(QUIET, seed=1)).digest != mixture.digest


def test_heldout_seeds_never_enter() -> None:
    leaf = freeform()
    questions = {item.question for item in heldout_items(leaf)}
    assert len(questions) == len(heldout(leaf)) == 2
    mixture = mix([(leaf, dataset_of(leaf))], ANCHORS, QUIET)
    assert not any(question.encode() in mixture.data for question in questions)
    assert mixture.counts[leaf.path] == {"sample": 6, "seed": 6}


def test_a_sample_that_asks_a_heldout_question_is_left_out_and_listed() -> None:
    leaf = freeform()
    dataset = dataset_of(leaf)
    asked = heldout_items(leaf)[0].question
    leaky = replace(
        dataset.samples[0], messages=(replace(dataset.samples[0].messages[0], content=f"  {asked.upper()} "),) * 2
    )
    mixture = mix([(leaf, replace(dataset, samples=(leaky, *dataset.samples[1:])))], (), QUIET)
    assert mixture.leaked == (leaky.id,)
    assert mixture.counts[leaf.path]["sample"] == 5


def test_anchors_follow_the_ratio_and_are_never_repeated() -> None:
    leaf = freeform()
    pairs = [(leaf, dataset_of(leaf))]
    assert mix(pairs, ANCHORS, QUIET).counts["anchors"] == {"anchor": 12}
    assert mix(pairs, ANCHORS[:5], QUIET).counts["anchors"] == {"anchor": 5}
    assert "anchors" not in mix(pairs, ANCHORS, replace(QUIET, anchor_ratio=0.0)).counts


def test_a_leaf_is_capped_and_seeds_go_first() -> None:
    leaf = freeform()
    mixture = mix([(leaf, dataset_of(leaf))], (), replace(QUIET, leaf_rows=8))
    assert mixture.counts[leaf.path] == {"seed": 6, "sample": 2}


def test_known_leaves_are_replayed_in_part_only_beyond_the_budget() -> None:
    old, new = freeform("old"), freeform("new")
    pairs = [(leaf, dataset_of(leaf)) for leaf in (old, new)]
    known = frozenset([old.path])
    assert mix(pairs, (), QUIET, known=known).counts[old.path] == {"sample": 6, "seed": 6}
    tight = mix(pairs, (), replace(QUIET, budget_rows=20), known=known)
    assert tight.counts[old.path] == {"replay": 3}
    assert tight.counts[new.path] == {"sample": 6, "seed": 6}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_rows_are_whole_unique_and_from_their_leaf(seed: int, cap: int) -> None:
    leaf = freeform()
    rows = rows_of(mix([(leaf, dataset_of(leaf))], ANCHORS, replace(QUIET, seed=seed, leaf_rows=cap)).data)
    assert len({row["id"] for row in rows}) == len(rows) == 2 * min(cap, 12)
    assert {row["leaf"] for row in rows} == {leaf.path, ""}
    assert all([m["role"] for m in row["messages"]] == ["user", "assistant"] for row in rows)  # type: ignore[attr-defined]
