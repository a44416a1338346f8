from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.anchors import Anchor
from pipeline.evaluate.items import question_of
from pipeline.generate import heldout
from pipeline.leafdata import LeafDataset
from pipeline.mixture import mix
from pipeline.mixture.mixing import DEV_ANCHORS
from pipeline.recipe import Recipe
from pipeline.samples import Sample
from pipeline.splits import split_of
from tests.building import QUIET, WORDS, dataset_of, freeform
from validators import QA, Leaf, Seed
from validators.model import Span

ANCHORS = tuple(Anchor(f"{i:02d}", f"Prompt number {i}?", f"Answer {i}.") for i in range(50))
DEV = tuple(Anchor(f"d{i:02d}", f"Kept prompt {i}?", f"Kept answer {i}.") for i in range(30))


def rows_in(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def ids_by_leaf(data: bytes) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows_in(data):
        found.setdefault(row["leaf"], set()).add(row["id"])
    return found


def invented(name: str, seeds: int = 12, kind: str = "freeform") -> Leaf:
    """A leaf whose seeds share no run of words with those of another name."""
    folder = "knowledge" if kind == "knowledge" else "compositional_skills"
    return Leaf(
        path=f"{folder}/{name}",
        kind=kind,  # type: ignore[arg-type]
        version=3,
        created_by="ada",
        task_description="",
        domain="",
        document_outline="",
        document=None,
        seeds=tuple(
            Seed(i, "", (QA(f"{name}{i} {WORDS[i]}{name} asks?", f"{WORDS[-1 - i]}{name} {name}{i}."),), Span())
            for i in range(seeds)
        ),
        attribution="Title of work: greetings\nLicense of the work: CC-BY-4.0\nCreator names: Ada",
    )


def told(leaf: Leaf, count: int = 6, task: str = "qa") -> LeafDataset:
    """Samples of `invented` leaves, as different as their seeds."""
    name = leaf.path.rpartition("/")[2]

    def sample(i: int) -> Sample:
        row = dataset_of(leaf, 1).samples[0]
        question, answer = f"{WORDS[i]}x{name} {name}s{i} tells?", f"{name}t{i} {WORDS[-1 - i]}y{name}."
        turns = (replace(row.messages[0], content=question), replace(row.messages[1], content=answer))
        return replace(row, messages=turns, place=(i,), task=task)

    return replace(dataset_of(leaf, 0), samples=tuple(sample(i) for i in range(count)))


def pairs_of(names: Sequence[str], count: int = 6) -> list[tuple[Leaf, LeafDataset]]:
    return [(leaf, told(leaf, count)) for leaf in map(invented, names)]


def test_same_inputs_same_bytes_in_any_order() -> None:
    pairs = [(leaf, dataset_of(leaf)) for leaf in (freeform("greetings"), freeform("farewells"))]
    mixture = mix(pairs, ANCHORS, QUIET, dev_anchors=DEV)
    assert mix(pairs[::-1], ANCHORS[::-1], QUIET, dev_anchors=DEV[::-1]) == mixture
    assert mix(pairs, ANCHORS, replace(QUIET, seed=1)).digest != mixture.digest


def test_heldout_seeds_of_every_split_never_enter() -> None:
    leaf = invented("held", seeds=20)
    splits = split_of(leaf)
    assert {splits[i] for i in heldout(leaf)} == {"gate", "dev", "audit"}
    mixture = mix([(leaf, told(leaf))], ANCHORS, QUIET)
    held = [seed.pairs[0].question for seed in leaf.seeds if splits[seed.index] != "train"]
    assert len(held) == len(heldout(leaf)) == 5
    assert not any(question.encode() in mixture.data for question in held)
    assert mixture.counts[leaf.path] == {"seed": 15, "sample": 5}


@pytest.mark.parametrize("split", ["gate", "dev", "audit"])
def test_a_sample_that_asks_a_heldout_question_is_left_out_and_listed(split: str) -> None:
    leaf = invented("held", seeds=20)
    dataset = told(leaf)
    seed = next(seed for seed in leaf.seeds if split_of(leaf)[seed.index] == split)
    asked = question_of(leaf, seed, seed.pairs[0].question)
    first = dataset.samples[0]
    leaky = replace(first, messages=(replace(first.messages[0], content=f"  {asked.upper()} "), first.messages[1]))
    mixture = mix([(leaf, replace(dataset, samples=(leaky, *dataset.samples[1:])))], (), QUIET)
    assert mixture.leaked == (leaky.id,)
    assert mixture.counts[leaf.path] == {"seed": 15, "sample": 5}


def test_anchors_follow_the_ratio_are_never_repeated_and_only_grow() -> None:
    pairs = [(leaf, dataset_of(leaf)) for leaf in [freeform()]]
    assert mix(pairs, ANCHORS, QUIET).counts["anchors"] == {"anchor": 12}
    assert mix(pairs, ANCHORS[:5], QUIET).counts["anchors"] == {"anchor": 5}
    assert "anchors" not in mix(pairs, ANCHORS, replace(QUIET, anchor_ratio=0.0)).counts
    few, more = (ids_by_leaf(mix(pairs, ANCHORS, replace(QUIET, anchor_ratio=r)).data)[""] for r in (0.5, 1.0))
    assert few < more


def test_a_leaf_is_capped_and_seeds_go_first() -> None:
    leaf = freeform()
    mixture = mix([(leaf, dataset_of(leaf))], (), replace(QUIET, leaf_rows=8))
    assert mixture.counts[leaf.path] == {"seed": 6, "sample": 2}


def test_kinds_have_weights_and_rows_say_their_kind() -> None:
    knows, does = invented("facts", kind="knowledge"), invented("deeds")
    recipe = replace(QUIET, leaf_rows=10, knowledge_weight=0.5, skill_weight=1.5)
    mixture = mix([(knows, told(knows)), (does, told(does))], ANCHORS, recipe)
    assert {leaf: sum(of.values()) for leaf, of in mixture.counts.items() if leaf != "anchors"} == {
        knows.path: 5,
        does.path: 15,
    }
    rows = rows_in(mixture.data)
    assert {(row["leaf"], row["kind"]) for row in rows} == {
        (knows.path, "knowledge"),
        (does.path, "skill"),
        ("", "anchor"),
    }
    assert {row["train_on"] for row in rows} == {"assistant"}


@pytest.mark.parametrize(("most", "rows"), [(1, 15), (2, 30), (3, 45), (9, 45)])
def test_small_leaves_are_repeated_whole_as_far_as_the_recipe_says(most: int, rows: int) -> None:
    leaf = invented("small")
    recipe = replace(QUIET, leaf_rows=59, most_repeats=most)
    data = mix([(leaf, told(leaf))], (), recipe).data
    assert len({row["id"] for row in rows_in(data)}) == len(rows_in(data)) == rows
    texts = [json.dumps(row["messages"]) for row in rows_in(data)]
    assert {texts.count(text) for text in texts} == {rows // 15}


def test_rows_of_auxiliary_tasks_come_last_and_only_when_they_are_wanted() -> None:
    leaf = invented("facts", kind="knowledge")
    asked, others = told(leaf, 4), told(invented("facts_more", kind="knowledge"), 4, "summary")
    moved = tuple(replace(sample, leaf=leaf.path) for sample in others.samples)
    pairs = [(leaf, replace(asked, samples=asked.samples + moved))]
    assert mix(pairs, (), QUIET).counts[leaf.path] == {"seed": 9, "sample": 4}
    mixture = mix(pairs, (), replace(QUIET, auxiliary_rows=True, leaf_rows=15))
    assert mixture.counts[leaf.path] == {"seed": 9, "sample": 4, "auxiliary": 2}
    assert {(row["source"], row["train_on"]) for row in rows_in(mixture.data)} >= {("auxiliary", "all")}


def test_a_full_build_takes_all_leaves_whatever_is_known() -> None:
    pairs = [(leaf, dataset_of(leaf)) for leaf in (freeform("old"), freeform("new"))]
    known = frozenset(["compositional_skills/old"])
    assert mix(pairs, ANCHORS, QUIET, known=known) == mix(pairs, ANCHORS, QUIET)


def test_an_incremental_build_replays_known_leaves_in_part() -> None:
    pairs = pairs_of(["old", "older", "new"])
    known = frozenset(leaf.path for leaf, _ in pairs[:2])
    mixture = mix(pairs, ANCHORS, QUIET, known=known, mode="incremental")
    old, older, new = (mixture.counts[leaf.path] for leaf, _ in pairs)
    assert old["replay"] >= 2 <= older["replay"]
    assert old["replay"] + older["replay"] == round(QUIET.replay_ratio * 15) == 4
    assert new == {"seed": 9, "sample": 6}
    assert mixture.counts["anchors"] == {"anchor": 19}
    without = mix(pairs, ANCHORS, replace(QUIET, replay_ratio=0.0), known=known, mode="incremental")
    assert set(without.counts) == {pairs[2][0].path, "anchors"}


def test_a_leaf_that_got_worse_is_replayed_more() -> None:
    pairs = pairs_of(["hurt", "well", "new"], 20)
    recipe = replace(QUIET, leaf_rows=32, replay_ratio=0.5)
    known = frozenset(leaf.path for leaf, _ in pairs[:2])
    rises = {pairs[0][0].path: 0.4}
    counts = mix(pairs, (), recipe, known=known, mode="incremental", rises=rises).counts
    assert counts[pairs[0][0].path]["replay"] > 3 * counts[pairs[1][0].path]["replay"] >= 6


def test_a_row_in_two_leaves_stays_with_the_older_one() -> None:
    (old, rows), (new, others) = pairs_of(["old", "new"])
    stolen = replace(rows.samples[0], leaf=new.path, leaf_key="k2", scores={"judge": 1.0})
    pairs = [(old, rows), (new, replace(others, samples=(*others.samples, stolen)))]
    recipe = replace(QUIET, replay_ratio=1.0, leaf_rows=32)
    mixture = mix(pairs, (), recipe, known=frozenset([old.path]), mode="incremental")
    assert mixture.repeated == (stolen.id,)


def test_dev_rows_are_held_out_seeds_and_anchors_that_are_never_trained() -> None:
    leaf, other = invented("held", seeds=20), invented("few", seeds=4)
    mixture = mix([(leaf, told(leaf)), (other, told(other))], ANCHORS, QUIET, dev_anchors=DEV)
    rows = rows_in(mixture.dev)
    wanted = {i for i, split in split_of(leaf).items() if split == "dev"}
    assert {row["messages"][0]["content"] for row in rows if row["leaf"] == leaf.path} == {
        seed.pairs[0].question for seed in leaf.seeds if seed.index in wanted
    }
    assert sum(row["kind"] == "anchor" for row in rows) == DEV_ANCHORS
    trained = {json.dumps(row["messages"]) for row in rows_in(mixture.data)}
    assert not trained & {json.dumps(row["messages"]) for row in rows}


def test_there_are_no_dev_rows_where_no_leaf_has_one() -> None:
    leaf = invented("few", seeds=4)
    assert set(split_of(leaf).values()) == {"train", "gate"}
    assert mix([(leaf, told(leaf))], ANCHORS, QUIET, dev_anchors=DEV).dev == b""


def test_the_size_of_an_incremental_mixture_follows_what_changed() -> None:
    recipe = replace(QUIET, leaf_rows=8)
    sizes = []
    for many in (40, 80):
        pairs = pairs_of([f"leaf{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10]}" for i in range(many)], 2)
        known = frozenset(leaf.path for leaf, _ in pairs[1:])
        sizes.append(len(rows_in(mix(pairs, (), recipe, known=known, mode="incremental").data)))
    assert sizes[0] == sizes[1] == 8 + 2 * 32


NAMES = st.lists(
    st.sampled_from(["amberly", "birchen", "cedarow", "dunesan", "emberic", "fjordal", "grovely"]),
    min_size=2,
    max_size=5,
    unique=True,
)


@settings(max_examples=15, deadline=None)
@given(NAMES, st.integers(1, 20), st.integers(0, 50), st.integers(1, 3))
def test_a_leaf_that_is_added_moves_no_row_of_another(names: list[str], cap: int, seed: int, most: int) -> None:
    recipe = replace(QUIET, leaf_rows=cap, seed=seed, most_repeats=most)
    pairs = pairs_of(names)
    whole = ids_by_leaf(mix(pairs, ANCHORS, recipe).data)
    for at in range(len(pairs)):
        without = ids_by_leaf(mix(pairs[:at] + pairs[at + 1 :], ANCHORS, recipe).data)
        assert without.pop("") <= whole[""]  # more rows, more anchors; none is exchanged
        assert without == {leaf: ids for leaf, ids in whole.items() if leaf not in ("", pairs[at][0].path)}


@settings(max_examples=15, deadline=None)
@given(NAMES, st.integers(0, 50), st.floats(0.1, 1.0))
def test_replayed_rows_are_heads_of_one_order(names: list[str], seed: int, ratio: float) -> None:
    recipe = replace(QUIET, seed=seed, replay_ratio=ratio)
    pairs = pairs_of([*names, "newcome"])
    for at in range(len(names)):
        some = pairs[:at] + pairs[at + 1 :]
        known = [frozenset(leaf.path for leaf, _ in of[:-1]) for of in (pairs, some)]
        more, fewer = (
            ids_by_leaf(mix(of, (), recipe, known=old, mode="incremental").data)
            for of, old in zip((pairs, some), known, strict=True)
        )
        for leaf in fewer:
            assert more.get(leaf, set()) <= fewer[leaf]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_rows_are_whole_unique_and_from_their_leaf(seed: int, cap: int) -> None:
    leaf = freeform()
    rows = rows_in(mix([(leaf, dataset_of(leaf))], ANCHORS, replace(QUIET, seed=seed, leaf_rows=cap)).data)
    assert len({row["id"] for row in rows}) == len(rows) == 2 * min(cap, 12)
    assert {row["leaf"] for row in rows} == {leaf.path, ""}
    assert all([m["role"] for m in row["messages"]] == ["user", "assistant"] for row in rows)


def test_a_mixture_says_whether_it_teaches_anything() -> None:
    pairs = pairs_of(["old", "new"])
    everything = frozenset(leaf.path for leaf, _ in pairs)
    assert mix(pairs, ANCHORS, QUIET).learns
    assert not mix(pairs, ANCHORS, QUIET, known=everything, mode="incremental").learns
    alone = invented("alone", seeds=1)
    empty = mix([(alone, told(alone, 0))], ANCHORS, QUIET)
    assert (empty.learns, empty.data, empty.counts) == (False, b"", {})


def test_weights_leave_every_leaf_a_row() -> None:
    leaf = invented("tiny", kind="knowledge")
    recipe = Recipe(name="thin", leaf_rows=3, knowledge_weight=0.01)
    assert sum(mix([(leaf, told(leaf))], (), recipe).counts[leaf.path].values()) == 1
