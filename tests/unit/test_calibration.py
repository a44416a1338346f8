"""Calibration: what counts as a bad pair, what a judge's scores say about it, and what its verdict does to a draft."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from pipeline.calibration import auc, calibrate, calibration, threshold
from pipeline.corruptions import BAD, CORRUPTIONS, GOOD, Pair, corruptions, seed_pairs
from pipeline.flows.judges import PLAIN_JUDGE, SCHEMA_JUDGE, judge_stage
from pipeline.flows.model import Calibration, Draft, Judge, Material, Unparsable
from pipeline.teacher.port import ChatRequest, Completion
from pipeline.teacher.scripted import ScriptedTeacher
from tests.bench import bench_judges
from tests.unit import leaves, schema_script
from validators import QA, Leaf, Seed, Span

LEAVES = [leaves.freeform(count=8), leaves.grounded(), leaves.knowledge()]


def leaf_of(*pairs: tuple[str, str], contexts: Sequence[str] = ()) -> Material:
    texts = contexts or [""] * len(pairs)
    seeds = tuple(Seed(at, texts[at], (QA(*pair),), Span()) for at, pair in enumerate(pairs))
    return Material(replace(leaves.freeform(), seeds=seeds), seeds, ())


def run(material: Material, judge: Judge, teacher: ScriptedTeacher) -> Calibration:
    return asyncio.run(calibrate(material, judge, teacher.answer))


# pairs


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.kind)
def test_bad_pairs_are_few_varied_and_none_is_a_seed(leaf: Leaf) -> None:
    material = leaves.material(leaf)
    good, bad = seed_pairs(material), corruptions(material)
    assert 3 <= len(good) <= GOOD
    assert 6 <= len(bad) <= BAD
    assert (good, bad) == (seed_pairs(material), corruptions(material))
    seeds = {(pair.question, pair.answer) for seed in leaf.seeds for pair in seed.pairs}
    contexts = {(seed.context, pair.question, pair.answer) for seed in leaf.seeds for pair in seed.pairs}
    assert {(pair.question, pair.answer) for pair in good} <= seeds
    for pair in bad:
        assert pair.kind in CORRUPTIONS
        assert pair[:3] not in contexts
        assert pair.kind == "another context" or (pair.question, pair.answer) not in seeds
    assert len({pair.kind for pair in bad}) >= 5
    assert len(set(bad)) == len(bad)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.kind)
def test_no_held_out_text_is_in_a_pair(leaf: Leaf) -> None:
    material = leaves.material(leaf)
    texts = "\n".join("\n".join(pair) for pair in [*seed_pairs(material), *corruptions(material)])
    for seed in material.held:
        for secret in (seed.context, *(part for pair in seed.pairs for part in (pair.question, pair.answer))):
            assert not secret or secret not in texts


def test_each_corruption_spoils_one_thing() -> None:
    material = leaf_of(
        ("When does the ferry leave?", "The ferry leaves at 8 in the morning, on every day but Sunday."),
        ("Who built the lighthouse?", "The engineer Maud Ferrier built the lighthouse of the skerry."),
        ("May dogs come along?", "Yes, dogs may come along on a lead."),
        ("How long is the pier?", "The pier is not longer than ninety paces."),
    )
    made: dict[str, set[str]] = {}
    for question in (material, replace(material, leaf=replace(material.leaf, path="knowledge/other"))):
        for pair in corruptions(question):
            made.setdefault(pair.kind, set()).add(pair.answer)
    answers = set(material.answers)
    assert made["another answer"] <= answers
    assert made["echo"] <= set(material.questions)
    assert all("sorry" in text or "not able" in text or "don't know" in text for text in made["refusal"])
    assert all(
        any(whole.startswith(text) and 2 * len(text) < 1.4 * len(whole) for whole in answers)
        for text in made["cut off"]
    )
    for text in made["other names and numbers"]:
        assert text not in answers
        assert any(len(set(text.split()) ^ set(whole.split())) <= 6 for whole in answers), "a word or two differ"
    for text in made["negated"]:
        assert text.startswith("No,") or any(whole.replace(" not", "") == text.replace(" not", "") for whole in answers)


def test_the_number_of_a_list_s_item_is_no_particular() -> None:
    listed = "1. Crime\n2. Police\n3. Judge"
    material = leaf_of(("Order a, b, c.", listed), ("Order x and y.", "1. Chick in 1901\n2. Hen"))
    changed = [pair.answer for pair in corruptions(material) if pair.kind == "other names and numbers"]
    assert len(changed) == 1
    assert changed[0].startswith("1. Chick in ")
    assert changed[0].endswith("\n2. Hen")
    assert "1901" not in changed[0]


def test_a_context_that_does_not_hold_the_answer_makes_a_bad_pair() -> None:
    bad = [pair for pair in corruptions(leaves.material(leaves.grounded())) if pair.kind == "another context"]
    original = {(pair.question, pair.answer): seed.context for seed in leaves.grounded().seeds for pair in seed.pairs}
    assert bad
    assert all(pair.context != original[pair.question, pair.answer] for pair in bad)
    assert not [pair for pair in corruptions(leaves.material(leaves.freeform())) if pair.context]


def test_answers_of_a_handful_of_labels_are_not_swapped_for_themselves() -> None:
    material = leaf_of(
        ("Is fog wet?", "Yes."), ("Is sand wet?", "No."), ("Is rain wet?", "Yes."), ("Is ash wet?", "No.")
    )
    swapped = [pair for pair in corruptions(material) if pair.kind in ("another answer", "negated")]
    truth = {pair.question: pair.answer for _, pair in material.pairs}
    assert swapped
    assert all(truth[pair.question] != pair.answer for pair in swapped)


def test_a_leaf_without_open_seeds_has_no_pairs() -> None:
    material = replace(leaves.material(leaves.freeform()), open=())
    assert seed_pairs(material) == []
    assert corruptions(material) == []
    assert run(material, SCHEMA_JUDGE, ScriptedTeacher(schema_script.script)) == Calibration(None, 0.5, 0, 0, False)


# scores


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auc([0.9, 0.8], [0.1, 0.2, 0.3]) == 1.0
    assert auc([0.1], [0.9]) == 0.0
    assert auc([0.5, 0.5], [0.5]) == 0.5
    assert auc([0.9, 0.4], [0.5, 0.4]) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert auc([], [0.1]) is None
    assert auc([0.1], []) is None


def test_the_threshold_divides_best_and_lies_in_the_middle() -> None:
    assert threshold([0.8, 0.9], [0.1, 0.4]) == pytest.approx(0.6)
    assert threshold([0.2, 0.5, 0.8], [0.1, 0.4, 0.7]) == pytest.approx(0.45), "of three cuts as good, the middle one"
    assert threshold([0.5, 0.5], [0.5]) == 0.5
    assert threshold([], [0.1, 0.2]) == 0.5
    assert threshold([0.1, 0.2], [0.8, 0.9]) == 0.5, "no cut helps a judge that has it backwards"


def test_a_judge_is_believed_from_auc_and_number_of_scores() -> None:
    assert calibration([0.9, 0.8, 0.7], [0.1, 0.2, 0.3]) == Calibration(1.0, 0.5, 3, 3, True)
    assert not calibration([0.9, 0.8], [0.1, 0.2, 0.3]).believed, "two good pairs prove nothing"
    assert not calibration([0.9, 0.8, 0.7], [0.1, 0.2]).believed
    assert calibration([0.9, 0.5, 0.5], [0.5, 0.4, 0.3]).believed, "AUC 0.89"
    assert not calibration([0.9, 0.3, 0.5], [0.5, 0.4, 0.3]).believed, "AUC 0.67"


def test_a_guessing_judge_is_rarely_believed() -> None:
    places = range(12)
    believed = [
        calibration([float(place) for place in good], [float(place) for place in set(places) - set(good)]).believed
        for good in combinations(places, 4)
    ]
    assert sum(believed) / len(believed) == pytest.approx(0.0545, abs=0.01)


# judges


def test_a_judge_with_eyes_is_believed_and_one_that_guesses_is_not() -> None:
    material = leaves.material(leaves.freeform(count=8))
    teacher = ScriptedTeacher(schema_script.script, form="schema")
    seeing = run(material, SCHEMA_JUDGE, teacher)
    assert seeing.believed
    assert seeing.auc is not None
    assert seeing.auc > 0.9
    assert 0 < seeing.threshold <= 1
    assert (seeing.good, seeing.bad) == (4, 8)
    assert teacher.requests == 12
    dice = random.Random(5)

    def guess(request: ChatRequest) -> str:
        return json.dumps({"score": dice.choice([1, 2, 3]), "correct": True, "complete": True, "safe": True})

    blind = run(material, SCHEMA_JUDGE, ScriptedTeacher(guess, form="schema"))
    assert not blind.believed
    assert blind.auc is not None
    assert 0.2 < blind.auc < 0.8


def test_replies_without_a_verdict_and_failed_ones_are_not_counted() -> None:
    material = leaves.material(leaves.freeform(count=8))
    mute = run(material, SCHEMA_JUDGE, ScriptedTeacher(lambda request: "I would rather not say."))
    assert mute == Calibration(None, 0.5, 0, 0, False)
    failing = run(material, SCHEMA_JUDGE, ScriptedTeacher(schema_script.script, fail_at=0))
    assert (failing.good, failing.bad) == (3, 8)
    unfit = run(material, SCHEMA_JUDGE, ScriptedTeacher(schema_script.script, context_tokens=50))
    assert unfit.auc is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"score": 3, "correct": true, "complete": true, "safe": true}', 1.0),
        ('{"score": 2, "correct": true, "complete": true, "safe": true}', 0.5),
        ('{"score": 1, "correct": true, "complete": true, "safe": true}', 0.0),
        ('{"score": 3, "correct": false, "complete": true, "safe": true}', 1 / 3),
        ('{"score": 3, "correct": true, "supported": false, "complete": true, "safe": true}', 3 / 8),
        ('{"score": 3, "correct": true, "complete": true, "safe": false}', 0.0),
        ('Sure: ```json\n{"score": 2, "correct": true, "complete": true, "safe": true}\n```', 0.5),
        ('{"score": 4, "correct": true, "complete": true, "safe": true}', None),
        ('{"score": true, "correct": true, "complete": true, "safe": true}', None),
        ('{"score": 2, "correct": "yes", "complete": true, "safe": true}', None),
        ('{"score": 2, "correct": true}', None),
        ('{"score": 2, "corr', None),
        ("", None),
    ],
)
def test_the_schema_judge_keeps_two_and_three_points_with_all_checks(reply: str, expected: float | None) -> None:
    found = SCHEMA_JUDGE.score(Completion(reply))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_the_plain_judge_weighs_yes_against_no() -> None:
    def score(*alternatives: tuple[str, float]) -> float | None:
        return PLAIN_JUDGE.score(Completion("x", "length", alternatives=alternatives))

    assert score(("Yes", -0.1), ("No", -0.1)) == 0.5
    assert score((" yes", -1.0), ("YES", -1.0), ("no", -1.0)) == pytest.approx(2 / 3)
    assert score(("The", -0.1), ("No.", -3.0)) == 0.0
    assert score(("The", -0.1), ("Yesterday", -1.0), ("know", -1.0)) is None
    assert score() is None


def test_judges_ask_for_little_and_the_same_for_a_seed_as_for_a_sample() -> None:
    material = leaves.material(leaves.grounded())
    for judge in (PLAIN_JUDGE, SCHEMA_JUDGE):
        asked = judge.request(material, "A note.", "By when?", "By noon.")
        draft = Draft((7, 3), context="A note.", question="By when?", answer="By noon.")
        assert judge_stage(judge).request(material, [draft]) == asked
        assert asked.sampling.temperature == 0.0
        text = "\n".join(message.content for message in asked.messages)
        assert "A note." in text
        assert "By when?" in text
        assert "By noon." in text
        assert "Find the deadline" in text
    plain = PLAIN_JUDGE.request(material, "", "By when?", "By noon.").sampling
    assert (plain.max_tokens, plain.alternatives, plain.schema) == (1, 10, "")
    with_context, without = (SCHEMA_JUDGE.request(material, text, "q", "a").sampling for text in ("A note.", ""))
    assert list(json.loads(with_context.schema)["properties"]) == ["score", "correct", "supported", "complete", "safe"]
    assert list(json.loads(without.schema)["properties"]) == ["score", "correct", "complete", "safe"]


def test_a_verdict_stands_beside_what_it_is_worth() -> None:
    known = Calibration(0.91, 0.62, 4, 8, True)
    material = replace(leaves.material(leaves.freeform()), calibration=known)
    stage = judge_stage(PLAIN_JUDGE)
    assert (stage.name, stage.judges, stage.scope) == ("pair_judge", True, "each")

    def judged(yes: float, no: float) -> Draft:
        reply = Completion("yes", "length", alternatives=(("yes", yes), ("no", no)))
        return stage.take(material, [Draft((0,))], reply)[0]

    kept, rejected = judged(-0.1, -3.0), judged(-2.0, -1.2)
    assert kept.reason is None
    assert kept.scores["judge_auc"] == 0.91
    assert kept.scores["judge"] > 0.9
    assert rejected.reason == (
        "the judge rejects the pair (score 0.31 < 0.62; it tells this leaf's seeds from corruptions with AUC 0.91)"
    )
    with pytest.raises(Unparsable, match="no verdict"):
        stage.take(material, [Draft((0,))], Completion("maybe", "length", alternatives=(("maybe", -0.1),)))


def test_pairs_are_named_tuples_of_text() -> None:
    pair = seed_pairs(leaves.material(leaves.grounded()))[0]
    assert isinstance(pair, Pair)
    assert pair.kind == "seed"
    assert all(isinstance(part, str) for part in pair)


def test_the_bench_prints_a_line_a_leaf_and_what_they_come_to() -> None:
    found = [leaves.material(leaf) for leaf in bench_judges.bundled()]
    teacher = ScriptedTeacher(schema_script.script, form="schema", concurrency=3, delay=lambda request: 2)
    measured = asyncio.run(bench_judges.measure(found, SCHEMA_JUDGE, teacher))
    assert teacher.most_in_flight == 3
    assert bench_judges.asked(measured) == teacher.requests >= 3 * 9
    head, *lines = bench_judges.table(measured)
    assert head.split() == ["leaf", "kind", "good", "bad", "AUC", "believed"]
    assert len(lines) == 3
    assert [line.split()[0] for line in lines if line.split()[-1] == "yes"], "it has eyes for some of these leaves"
    first, second, third, *kinds = bench_judges.summary(measured)
    assert first.startswith("AUC over 3 leaves: mean 0.")
    assert second.startswith("of these, 3 with 3 good and 3 bad pairs or more: mean 0.")
    assert third.startswith("believed (AUC ≥ 0.8) on ")
    assert {line.strip().split("  ")[0] for line in kinds} <= set(CORRUPTIONS)
