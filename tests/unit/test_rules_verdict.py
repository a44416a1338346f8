"""The hint that a leaf is informing only: its numbers are those of the pipeline, and it says what would do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import leafkeys, splits
from tests.unit.test_splits import leaf_of
from validators import Finding, LintConfig, lint
from validators.content.placeholders import MARK
from validators.examples import ATTRIBUTION, GROUNDED, GROUNDED_PATH, KNOWLEDGE, KNOWLEDGE_PATH, SKILL, SKILL_PATH
from validators.rules import verdict

VERDICT = LintConfig(select=("informing-only",))


def found(path: str, text: str) -> list[Finding]:
    files = {path: text.encode(), path.rpartition("/")[0] + "/attribution.txt": ATTRIBUTION.encode()}
    return list(lint(files, config=VERDICT).findings)


def skill_with(seeds: int) -> str:
    more = "".join(
        f"  - question: What is boat {at} for?\n    answer: Boat {at} carries load {at}.\n" for at in range(seeds - 5)
    )
    return SKILL + more


def test_the_numbers_are_the_pipelines() -> None:
    assert verdict.HELD_SHARE == leafkeys.HELD_SHARE
    assert verdict.INFORMING_BELOW == splits.INFORMING_BELOW


@settings(max_examples=40)
@given(st.integers(1, 90))
def test_the_share_that_is_held_out_is_the_pipelines(seeds: int) -> None:
    leaf = leaf_of([f"question {at}" for at in range(seeds)])
    held = verdict._held(seeds)
    assert len(leafkeys.heldout(leaf)) == held
    gate = sum(split == "gate" for split in splits.split_of(leaf).values())
    assert 1 <= gate <= held


def test_the_gate_gets_what_is_foretold_on_average() -> None:
    for seeds in (5, 9, 41):
        leaves = [leaf_of([f"question {at}" for at in range(seeds)], f"knowledge/{number}") for number in range(300)]
        gate = sum(list(splits.split_of(leaf).values()).count("gate") for leaf in leaves) / len(leaves)
        assert gate == pytest.approx(verdict._gate_seeds(seeds), rel=0.08)


def test_a_small_leaf_is_told_what_decides_and_what_would_do() -> None:
    (finding,) = found(SKILL_PATH, SKILL)
    assert finding.level == "hint"
    assert finding.message == (
        "2 of 5 seed examples are held out, and about 2 of their questions decide; a verdict of its own takes 6"
    )
    assert finding.help == "36 more seed examples would do. Without them the leaf is judged with its branch."
    (finding,) = found(KNOWLEDGE_PATH, KNOWLEDGE)
    assert "about 4 of their questions decide" in finding.message
    assert finding.help.startswith("4 more seed examples would do; multiple-choice questions on its document count")
    assert len(found(GROUNDED_PATH, GROUNDED)) == 1


def test_a_leaf_that_is_large_enough_hears_nothing() -> None:
    assert len(found(SKILL_PATH, skill_with(40))) == 1
    assert found(SKILL_PATH, skill_with(41)) == []


def test_it_stays_out_of_the_defaults_and_of_compat() -> None:
    files = {SKILL_PATH: SKILL.encode(), SKILL_PATH.replace("qna.yaml", "attribution.txt"): ATTRIBUTION.encode()}
    for select in (("default",), ("compat",)):
        assert lint(files, config=LintConfig(select=select)).findings == ()
    assert {finding.rule for finding in lint(files, config=LintConfig(select=("verdict",))).findings} == {
        "informing-only"
    }


def test_a_leaf_that_is_not_written_yet_hears_nothing() -> None:
    assert found(SKILL_PATH, SKILL.replace("Name a small boat", f"{MARK}: name a boat")) == []
