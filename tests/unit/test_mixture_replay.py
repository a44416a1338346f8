from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay import ALWAYS, FEWEST, loss_rises, quotas, replay_rows

LEAVES = st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(0, 40), max_size=60)


def test_rows_follow_what_changed_and_a_fixed_floor() -> None:
    assert replay_rows(640, 0.25, 500) == 160
    assert replay_rows(4, 0.25, 10) == FEWEST * 10
    assert replay_rows(4, 0.25, 500) == replay_rows(4, 0.25, 5000) == FEWEST * ALWAYS
    assert replay_rows(640, 0.0, 500) == 0
    assert replay_rows(640, 0.25, 0) == 160  # nothing to draw from gives nothing all the same
    assert quotas({}, 160) == {}


@settings(deadline=None)
@given(LEAVES, st.integers(0, 200))
def test_every_drawn_leaf_gets_two_rows_and_none_more_than_it_has(leaves: dict[str, int], total: int) -> None:
    given_ = quotas(leaves, total)
    assert sum(given_.values()) <= total
    assert all(rows <= leaves[leaf] for leaf, rows in given_.items())
    short = [leaf for leaf, rows in given_.items() if rows < min(FEWEST, leaves[leaf])]
    assert len(short) <= total % FEWEST  # an odd total leaves one leaf with one
    if total >= FEWEST * len(leaves):
        assert sum(given_.values()) == min(total, sum(leaves.values()))


@settings(deadline=None)
@given(LEAVES, st.integers(0, 100))
def test_a_row_more_takes_none_from_a_leaf(leaves: dict[str, int], half: int) -> None:
    fewer, more = quotas(leaves, 2 * half), quotas(leaves, 2 * half + 2)
    if fewer.keys() == more.keys():
        assert all(rows <= more[leaf] for leaf, rows in fewer.items())
    assert fewer.keys() <= more.keys()


@settings(deadline=None)
@given(LEAVES.filter(len), st.integers(0, 100))
def test_a_leaf_more_gives_no_other_leaf_rows(leaves: dict[str, int], half: int) -> None:
    fewer, more = quotas(leaves, 2 * half), quotas(leaves | {"new": 10}, 2 * half)
    if more.keys() >= fewer.keys():
        assert all(more[leaf] <= rows for leaf, rows in fewer.items())
    assert len(fewer.keys() - more.keys()) <= 1


def test_weight_goes_to_leaves_that_got_worse() -> None:
    leaves = dict.fromkeys(["hurt", "well", "better"], 32)
    given_ = quotas(leaves, 32, {"hurt": 0.5, "better": -0.5})
    assert given_["hurt"] > 20 > given_["well"] == given_["better"] >= 2
    assert sum(given_.values()) == 32


def test_too_many_leaves_are_drawn_by_turns_and_the_worst_first() -> None:
    leaves = {f"leaf {i}": 8 for i in range(100)}
    one, other = quotas(leaves, 20, salt="a"), quotas(leaves, 20, salt="b")
    assert len(one) == len(other) == 10
    assert set(one.values()) == {FEWEST}
    assert one.keys() != other.keys()
    assert one == quotas(dict(reversed(leaves.items())), 20, salt="a")
    drawn = sum("leaf 7" in quotas(leaves, 20, {"leaf 7": 2.0}, salt=str(night)) for night in range(40))
    assert drawn >= 30


def test_rises_are_those_of_leaves_against_the_champion_of_the_day() -> None:
    def row(group: str, before: float, after: float, suite: str = "heldout") -> dict[str, object]:
        return {"suite": suite, "group": group, "candidate": {"nats": after}, "champion": {"nats": before}}

    rows = [row("a", 1.0, 1.5), row("a", 1.0, 1.3), row("b", 2.0, 1.0), row("facts", 0.0, 9.0, "general")]
    assert loss_rises(rows) == {"a": 0.4, "b": 0.0}
    assert loss_rises([{"suite": "heldout", "group": "a", "candidate": {"nats": 1.0}, "base": {"nats": 3.0}}]) == {}
