"""Splits: by seed example, by hash, and with as little movement as ranking allows when a leaf grows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.items import audit_items, choice_items, dev_items, gate_items, heldout_items
from pipeline.leafkeys import HELD_SHARE, held_groups, heldout
from pipeline.splits import INFORMING_BELOW, split_of
from tests.building import dataset_of, freeform
from validators import QA, Leaf, Seed
from validators.model import Span

WORDS = st.text(alphabet="abcdefg ", min_size=1, max_size=12)


def leaf_of(questions: list[str], path: str = "compositional_skills/x") -> Leaf:
    seeds = tuple(Seed(at, "", (QA(text, f"about {text}"),), Span()) for at, text in enumerate(questions))
    return replace(freeform(), path=path, seeds=seeds)


@given(st.lists(WORDS, min_size=1, max_size=60))
def test_held_out_seeds_and_no_others_leave_training(questions: list[str]) -> None:
    leaf = leaf_of(questions)
    splits = split_of(leaf)
    assert list(splits) == [seed.index for seed in leaf.seeds]
    assert {index for index, split in splits.items() if split != "train"} == heldout(leaf)
    assert "gate" in splits.values()
    assert split_of(leaf) == splits


@given(st.lists(WORDS, min_size=2, max_size=30), st.data())
def test_seeds_of_the_same_words_share_a_split(questions: list[str], data: st.DataObject) -> None:
    repeated = data.draw(st.sampled_from(questions))
    leaf = leaf_of([*questions, repeated])
    splits = split_of(leaf)
    alike = {splits[at] for at, text in enumerate([*questions, repeated]) if text.split() == repeated.split()}
    assert len(alike) == 1


@given(st.lists(WORDS, min_size=1, max_size=30, unique_by=lambda text: tuple(text.split())), WORDS)
def test_a_new_seed_moves_no_other_between_dev_gate_and_audit_but_the_first(questions: list[str], new: str) -> None:
    before, after = leaf_of(questions), leaf_of([*questions, new])
    was, now = split_of(before), split_of(after)
    first = {held_groups(leaf)[0][1][0] for leaf in (before, after)}
    new_words = new.split()
    for at, text in enumerate(questions):
        if at not in first and "train" not in (was[at], now[at]) and text.split() != new_words:
            assert was[at] == now[at]


@given(st.permutations(range(12)))
def test_where_a_seed_stands_changes_nothing(order: list[int]) -> None:
    texts = [f"word{at} and more" for at in range(12)]
    plain = split_of(leaf_of(texts))
    moved = split_of(leaf_of([texts[at] for at in order]))
    assert [moved[order.index(at)] for at in range(12)] == [plain[at] for at in range(12)]


def test_half_goes_to_the_gate_a_quarter_each_to_dev_and_audit() -> None:
    counts: Counter[str] = Counter()
    for number in range(60):
        leaf = leaf_of([f"question {at}" for at in range(80)], f"compositional_skills/{number}")
        rest = [split_of(leaf)[indexes[0]] for _, indexes in held_groups(leaf)[1:]]
        counts.update(rest)
    total = counts.total()
    assert total == 60 * (80 // HELD_SHARE - 1)
    assert 0.46 < counts["gate"] / total < 0.54
    assert 0.21 < counts["dev"] / total < 0.29
    assert 0.21 < counts["audit"] / total < 0.29


def test_items_go_with_their_seed() -> None:
    leaf = leaf_of([f"question number {at}" for at in range(60)])
    splits = split_of(leaf)
    items = heldout_items(leaf)
    assert {item.cluster for item in items} == {f"{leaf.path}#{index}" for index in heldout(leaf)}
    wanted = {"gate": "heldout", "dev": "dev", "audit": "audit"}
    assert all(item.suite == wanted[splits[int(item.cluster.rpartition("#")[2])]] for item in items)
    assert gate_items(leaf) + dev_items(leaf) + audit_items(leaf) == sorted(
        items, key=lambda item: ("heldout", "dev", "audit").index(item.suite)
    )
    assert len(gate_items(leaf)) >= INFORMING_BELOW
    assert dev_items(leaf)
    assert audit_items(leaf)


def test_choices_of_a_dataset_are_gate_items() -> None:
    leaf = freeform()
    dataset = dataset_of(leaf)
    text = "Which bird nests on the pier?\n\nA. a heron\nB. a gull\nC. an owl\nD. a wren"
    sample = dataset.samples[0]
    rows = [
        replace(sample, task="choice", chunk=chunk, messages=(replace(sample.messages[0], content=asked), letter))
        for chunk, asked in (
            (3, text),
            (None, text.replace("Which bird", "Which  BIRD")),
            (3, text.replace("pier", "roof")),
        )
        for letter in [replace(sample.messages[1], content="B")]
    ]
    dataset = replace(dataset, choices=tuple(rows))
    items = choice_items(dataset)
    assert len(items) == 2, "the same question in other letters is one item"
    assert {item.suite for item in items} == {"heldout"}
    assert {item.reference for item in items} == {"a gull"}
    assert {item.choices for item in items} == {("a heron", "an owl", "a wren")}
    assert all(item.group == leaf.path and item.id.startswith("choice-") for item in items)
    assert items == choice_items(replace(dataset, choices=tuple(rows[::-1])))
    assert [item for item in gate_items(leaf, dataset) if item.choices] == items
    assert {item.cluster for item in choice_items(replace(dataset, choices=(rows[0], rows[2])))} == {
        f"{leaf.path}#chunk3"
    }
