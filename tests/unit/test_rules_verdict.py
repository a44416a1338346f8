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
        "the build will judge this leaf together with its branch: it holds back and asks about 2 of the leaf's "
        "questions, and a verdict of its own takes 6"
    )
    assert finding.help == "For a verdict of its own, add about 36 seed examples. Else leave it as it is."
    (finding,) = found(KNOWLEDGE_PATH, KNOWLEDGE)
    assert "asks about 4 of the leaf's questions" in finding.message
    assert finding.help.startswith("For a verdict of its own, add about 4 seed examples; multiple-choice questions on")
    assert len(found(GROUNDED_PATH, GROUNDED)) == 1


def test_a_leaf_that_is_large_enough_hears_nothing() -> None:
    assert len(found(SKILL_PATH, skill_with(40))) == 1
    assert found(SKILL_PATH, skill_with(41)) == []


def test_authors_hear_it_by_default_and_it_fails_nothing() -> None:
    files = {SKILL_PATH: SKILL.encode(), SKILL_PATH.replace("qna.yaml", "attribution.txt"): ATTRIBUTION.encode()}
    report = lint(files)
    assert [(finding.rule, finding.level) for finding in report.findings] == [("informing-only", "hint")]
    assert report.ok
    assert lint(files, config=LintConfig(select=("compat",))).findings == ()
    assert lint(files, config=LintConfig(ignore=("verdict",))).findings == ()


def test_a_leaf_that_is_not_written_yet_hears_nothing() -> None:
    assert found(SKILL_PATH, SKILL.replace("Name a small boat", f"{MARK}: name a boat")) == []
