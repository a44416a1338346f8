"""Many leaves with one error rate: alone, by branch, and what too few questions can and cannot say."""

from __future__ import annotations

import pytest

from pipeline import statistics
from pipeline.evaluate.port import Item
from pipeline.gate import decide
from pipeline.gate.comparison import units
from tests.unit.gate_scores import evidence, items, waiver

GOOD = "compositional_skills/good"


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 400)


def small(topic: str, leaves: int, each: int) -> dict[str, int]:
    return {f"compositional_skills/{topic}/leaf{n}": each for n in range(leaves)}


def test_small_leaves_never_block_alone_but_their_branch_does() -> None:
    leaves = {GOOD: 20} | small("verse", 5, 3) | small("prose", 5, 3)
    one = decide(evidence(items(leaves), {GOOD: -1.0, "compositional_skills/verse/leaf2": 0.6}, [GOOD]))
    assert one.decision == "PROMOTE"
    assert [row.informing for row in one.rows[:3]] == [False, True, True]
    many = decide(evidence(items(leaves), {GOOD: -1.0} | dict.fromkeys(small("verse", 5, 3), 0.6), [GOOD]))
    assert many.decision == "HOLD"
    assert many.harmed == ("compositional_skills/verse/",)
    assert "The leaves under compositional_skills/verse together got worse: +0.5" in many.reasons[0]
    assert "15 held-out questions" in many.reasons[0]


def test_branches_are_folders_with_leaves_of_their_own() -> None:
    leaves = small("verse", 2, 3) | small("prose/letters", 2, 3) | {"knowledge/alone": 3}
    verdict = decide(evidence(items(leaves), {"heldout": -1.0}, list(leaves)))
    assert [(row.group, row.n) for row in verdict.branches] == [
        ("compositional_skills/", 12),
        ("compositional_skills/prose/letters/", 6),
        ("compositional_skills/verse/", 6),
        ("all leaves", 15),
        ("all general questions", 100),
    ]


def test_harm_to_everything_is_named_once() -> None:
    leaves = {"a/x": 4, "b/y": 4, "c/z": 4, "d/w": 4}
    verdict = decide(evidence(items(leaves), {"heldout": 0.4}, ["a/x"]))
    assert verdict.harmed == ("all leaves",)
    assert "All leaves together got worse: +0.4" in verdict.reasons[0]


def test_a_collapse_blocks_where_no_p_value_could() -> None:
    leaves = {GOOD: 30} | small("verse", 30, 6)
    victim = "compositional_skills/verse/leaf7"
    verdict = decide(evidence(items(leaves), {GOOD: -1.0, victim: 1.4}, [GOOD]))
    assert verdict.harmed == (victim,)
    assert "on 6 held-out questions (more than noise ever does)." in verdict.reasons[0]
    held = [row for row in verdict.rows if row.group == victim]
    assert held[0].significance > 0.05


def test_a_leaf_that_may_be_worse_is_a_warning() -> None:
    leaves = {GOOD: 30} | small("verse", 4, 10)
    suspect = "compositional_skills/verse/leaf1"
    verdict = decide(evidence(items(leaves), {GOOD: -1.0, suspect: 0.1}, [GOOD], noise=0.02))
    assert verdict.decision == "PROMOTE"
    assert verdict.warnings == (f"Perhaps worse, though not surely enough to block: {suspect}.",)


def test_a_waived_leaf_counts_neither_alone_nor_with_its_branch() -> None:
    leaves = {GOOD: 30} | small("verse", 3, 4) | {"compositional_skills/verse/victim": 30}
    victim = "compositional_skills/verse/victim"
    harm = {GOOD: -1.0, victim: 0.8}
    assert decide(evidence(items(leaves), harm, [GOOD])).harmed == (victim,)
    verdict = decide(evidence(items(leaves), harm, [GOOD], waivers=[waiver(victim)]))
    assert verdict.decision == "PROMOTE"
    assert verdict.waived == (
        f"{victim}, waived by ada until 2027-01-02: We know, and it is worth it (.seedbed/waivers/let-it.yaml)",
    )
    assert next(row for row in verdict.branches if row.group == "compositional_skills/verse/").n == 12
    gone = decide(evidence(items(leaves), {GOOD: -1.0}, [GOOD], waivers=[waiver("knowledge/gone")]))
    assert gone.warnings == (
        "The waiver .seedbed/waivers/let-it.yaml changes nothing: no live leaf is named knowledge/gone.",
    )


def test_questions_of_one_seed_are_one_unit_where_there_are_enough_seeds() -> None:
    def asked(seeds: int) -> list[Item]:
        return [Item(f"{n}", "heldout", "leaf", "q", "a", f"seed{n // 3}") for n in range(seeds * 3)]

    assert len(set(units(asked(6)))) == 6
    assert len(set(units(asked(5)))) == 15
