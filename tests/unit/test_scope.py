from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluate.items import ANCHOR_GROUP
from pipeline.evaluate.port import Item
from pipeline.scope import repeated, scope, some


def items_of(leaves: int, each: int = 4) -> list[Item]:
    items = [
        Item(f"l{leaf}#{n}", "heldout", f"l{leaf}", f"question {n}?", "answer", f"l{leaf}#{n // 2}")
        for leaf in range(leaves)
        for n in range(each)
    ]
    return items + [Item(f"facts-{n}", "general", "facts", f"what {n}?", "that") for n in range(5)]


def test_a_full_build_is_judged_by_all() -> None:
    items = items_of(30)
    assert scope(items, "full", frozenset(), most=3) == items


def test_changed_leaves_and_the_general_suite_count_in_full() -> None:
    items = items_of(30)
    chosen = scope(items, "incremental", frozenset({"l3", "l4"}), most=10)
    groups = Counter(item.group for item in chosen)
    assert groups["l3"] == groups["l4"] == 4
    assert groups["facts"] == 5
    assert len(chosen) == 8 + 5 + 10
    assert chosen == [item for item in items if item in chosen]


def test_others_are_sampled_leaf_by_leaf() -> None:
    groups = Counter(item.group for item in scope(items_of(10), "incremental", frozenset(), most=25))
    assert {groups[f"l{leaf}"] for leaf in range(10)} == {2, 3}
    assert scope(items_of(10), "incremental", frozenset(), most=40) == items_of(10)


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(0, 30))
def test_a_leaf_that_is_added_displaces_and_never_exchanges(leaves: int, most: int) -> None:
    before = {item.id for item in scope(items_of(leaves), "incremental", frozenset(), most)}
    after = {item.id for item in scope(items_of(leaves + 1), "incremental", frozenset(), most)}
    assert {name for name in after if not name.startswith(f"l{leaves}#")} <= before


def test_some_are_of_every_group_and_stay_when_more_are_allowed() -> None:
    items = items_of(6)
    few, more = some(items, 10), some(items, 14)
    assert len(few) == 10
    assert {item.group for item in few} == {item.group for item in items}
    assert set(few) <= set(more)
    assert some(items, 1000) == items


def test_what_is_scored_twice_is_of_the_packaged_suite_whatever_anchors_and_leaves_there_are() -> None:
    suite = [Item(f"safety-{n}", "general", "safety", f"may I {n}?", "no") for n in range(100)]
    anchors = [Item(f"anchor-{n}", "general", ANCHOR_GROUP, f"say {n}", "that") for n in range(50)]
    chosen = repeated([*items_of(4), *anchors, *suite])
    assert len(chosen) == 64
    assert {item.group for item in chosen} == {"facts", "safety"}
    assert repeated([*items_of(9), *reversed(suite)]) == chosen
