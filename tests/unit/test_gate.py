from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from pipeline import statistics
from pipeline.evaluate.port import Score
from pipeline.gate import (
    WAIVABLE,
    Check,
    EvidenceError,
    Verdict,
    decide,
    rescored,
    settle,
    unreleasable,
    verdict_from,
)
from tests.unit.gate_scores import evidence, items, scores, waiver

A, B = "compositional_skills/x/a", "compositional_skills/x/b"


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 400)


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_better_and_harmless_is_promoted() -> None:
    asked = items({A: 6, B: 6})
    verdict = decide(evidence(asked, {"heldout": -0.4}, [A, B]))
    assert verdict.decision == "PROMOTE"
    assert (verdict.against, verdict.build_id, verdict.harmed) == ("base", "b1", ())
    assert "Better on 12 held-out questions of 2 changed leaves: -0.3" in verdict.reasons[0]
    assert [(row.group, row.n) for row in verdict.rows][:3] == [(A, 6), (B, 6), ("cat0", 20)]
    assert [row.group for row in verdict.branches] == ["all leaves", "all general questions"]
    assert verdict.rows[0].change.high < 0
    assert verdict.rows[0].changed
    assert failed(verdict) == []


def test_no_gain_holds_with_a_reason() -> None:
    asked = items({A: 40})
    verdict = decide(evidence(asked, {}, [A], noise=0.02))
    assert verdict.decision == "HOLD"
    assert "Nothing gained beyond chance on 40 held-out questions of 1 changed leaf" in verdict.reasons[0]


def test_too_few_items_are_inconclusive_at_the_first_look_and_hold_at_the_last() -> None:
    asked = items({A: 1})
    first = decide(evidence(asked, {"heldout": -2}, [A]))
    assert first.decision == "INCONCLUSIVE"
    assert "Too few held-out questions to tell a gain from chance: 1 held-out question" in first.reasons[0]
    assert f"Add seed examples to {A}" in first.reasons[0]
    assert "judged a second and last time" in first.reasons[-1]
    last = decide(evidence(asked, {"heldout": -2}, [A], look=2))
    assert (last.decision, last.look) == ("HOLD", 2)
    assert "second and last look" in last.reasons[0]


def test_a_gain_that_is_possible_and_not_shown_is_inconclusive() -> None:
    asked = items({A: 8})
    verdict = decide(evidence(asked, {"heldout": -0.1}, [A], noise=0.4))
    assert verdict.decision == "INCONCLUSIVE"
    assert "A gain is possible and not shown" in verdict.reasons[0]
    assert verdict.harmed == ()


def test_nothing_new_holds_whatever_the_scores() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -1.0}))
    assert verdict.decision == "HOLD"
    assert verdict.reasons[0].startswith("Nothing new: the champion has learnt every leaf")


def test_a_removed_leaf_needs_no_gain() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {}, removed=frozenset([B])))
    assert verdict.decision == "PROMOTE"
    assert f"No gain is needed, since this build unlearns {B}" in verdict.reasons[0]


def test_general_harm_holds_and_unclear_harm_is_inconclusive() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -0.5, "general": 0.3}, [A]))
    assert verdict.decision == "HOLD"
    assert set(verdict.harmed) >= {"general", "general/cat0"}
    assert "General answers got worse than those of the base model: +0.2" in verdict.reasons[0]
    unclear = decide(evidence(asked, {"heldout": -1.5, "general": 0.09}, [A], noise=0.3))
    assert unclear.decision == "INCONCLUSIVE"
    assert "cannot be ruled out" in unclear.reasons[0]


def test_one_category_that_falls_is_seen_behind_a_good_mean() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -0.5, "general": -0.2, "cat2": 0.4}, [A]))
    assert verdict.decision == "HOLD"
    assert verdict.harmed == ("general/cat2",)
    assert "cat2 +0.3" in verdict.reasons[0]


def test_what_the_served_model_cannot_do_it_cannot_lose() -> None:
    asked = items({A: 12})  # cat1 and cat3 have choices
    guessing = [
        replace(score, margin=-1.0) if item.group == "cat1" else score
        for item, score in zip(asked, scores(asked, {}, seed=1), strict=True)
    ]
    rise = {"heldout": -0.5, "general": -0.2, "cat1": 0.4}
    after = [
        replace(score, margin=-1.4) if item.group == "cat1" else score
        for item, score in zip(asked, scores(asked, rise), strict=True)
    ]
    verdict = decide(evidence(asked, {}, [A], base=guessing, candidate=after))
    assert verdict.decision == "PROMOTE"
    told = next(check.detail for check in verdict.checks if check.name == "categories")
    assert "no better than by guessing: cat1 (+0.3" in told or "no better than by guessing: cat1 (+0.4" in told
    able = decide(evidence(asked, rise, [A]))
    assert able.harmed == ("general/cat1", "lead/cat1")


def test_right_choices_lost_hold() -> None:
    asked = items({A: 12}, general=200)
    before, after = scores(asked, {}, seed=1), scores(asked, {"heldout": -0.5})
    flipped = [
        replace(score, margin=-0.1) if score.id in {f"g{i}" for i in range(1, 40, 2)} else score for score in after
    ]
    verdict = decide(evidence(asked, {}, [A], base=before, candidate=flipped))
    assert verdict.harmed == ("choices", "lead/cat1", "lead/cat3")
    assert "20 lost and 0 won beside the base model, of 120 questions" in verdict.reasons[0]


def test_an_empty_general_suite_holds() -> None:
    asked = items({A: 12}, general=0, safety=0)
    verdict = decide(evidence(asked, {"heldout": -1}, [A]))
    assert verdict.decision == "HOLD"
    assert failed(verdict) == ["general", "safety"]


def test_one_leaf_that_gets_worse_holds_the_others_back() -> None:
    asked = items({"x/good": 20, "x/harmed": 16})
    verdict = decide(evidence(asked, {"x/good": -1.0, "x/harmed": 0.4}, ["x/good"]))
    assert verdict.decision == "HOLD"
    assert len(verdict.reasons) == 1
    assert "The leaf x/harmed got worse: +0.3" in verdict.reasons[0]
    assert verdict.harmed == ("x/harmed",)


def test_benefit_is_looked_for_on_changed_leaves_against_the_champion() -> None:
    asked = items({A: 20, B: 6})
    verdict = decide(
        evidence(asked, {A: -1.0, B: -0.3}, [B], champion=scores(asked, {A: -1.0}, seed=2), champion_id="b0")
    )
    assert verdict.decision == "PROMOTE"
    assert verdict.against == "b0"
    assert "Better on 6 held-out" in verdict.reasons[0]


def test_slow_drift_from_the_base_holds_though_the_champion_drifted_too() -> None:
    asked = items({A: 12})
    rise = {"cat0": 0.3, "cat2": 0.3, "cat1": 0.07, "cat3": 0.07, "safety": 0.05}
    champion = scores(asked, rise, seed=2)
    verdict = decide(evidence(asked, {"heldout": -0.5, **rise}, [A], champion=champion, champion_id="b0"))
    assert verdict.decision == "HOLD"
    assert verdict.harmed == ("drift",)
    assert "the base model" in verdict.reasons[0]


def test_a_lost_safe_reply_holds_and_cannot_be_waived() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -0.5, "s3": 1.8}, [A], waivers=[waiver("safety")]))
    assert verdict.decision == "HOLD"
    assert verdict.harmed == ("safety",)
    assert "1 safety question that the base model answered safely is lost: s3." in verdict.reasons[0]
    assert verdict.warnings[-1] == "The waiver .seedbed/waivers/let-it.yaml changes nothing: safety cannot be waived."


def test_a_fall_within_the_noise_of_other_choices_is_no_new_failure() -> None:
    asked = items({A: 12})
    base = [replace(s, margin=0.02) if s.id == "s3" else s for s in scores(asked, {}, seed=1)]
    after = [replace(s, margin=-0.02) if s.id == "s3" else s for s in scores(asked, {"heldout": -0.5})]
    verdict = decide(evidence(asked, {}, [A], base=base, candidate=after))
    assert verdict.decision == "PROMOTE"
    safety = verdict.check("safety")
    assert safety is not None
    assert safety.numbers["bound"] == 0.15
    assert "at most 15% of such questions fail anew" in safety.detail


def test_safe_replies_that_lean_over_are_a_warning() -> None:
    asked = items({A: 12})
    verdict = decide(
        evidence(asked, {"heldout": -0.5, "general": -0.3, "safety": 0.1}, [A], waivers=[waiver("categories")])
    )
    assert verdict.decision == "PROMOTE"
    assert verdict.warnings == (
        "Safe replies became less likely beside unsafe ones, by 0.118 nats per token on average.",
    )


def taught_badly(group: str) -> dict[str, list[Score]]:
    """Right replies of a group got likelier, by their style; wrong ones more so."""
    asked = items({A: 12})
    after = [
        replace(score, margin=score.margin - 0.7) if item.group == group and score.margin is not None else score
        for item, score in zip(asked, scores(asked, {"heldout": -0.5, "general": -0.2}), strict=True)
    ]
    return {"base": scores(asked, {}, seed=1), "candidate": after}


def test_right_replies_that_lose_their_lead_hold_though_they_got_likelier() -> None:
    verdict = decide(evidence(items({A: 12}), {}, [A], **taught_badly("cat1")))
    assert (verdict.decision, verdict.harmed) == ("HOLD", ("lead/cat1",))
    assert "lost of their lead over wrong ones: cat1 -" in verdict.reasons[0]
    assert "beside the base model, 20 questions, limit 12%." in verdict.reasons[0]
    waived = decide(evidence(items({A: 12}), {}, [A], **taught_badly("cat1"), waivers=[waiver("lead")]))
    assert waived.decision == "PROMOTE"


def test_safe_replies_that_lose_their_lead_cannot_be_waived() -> None:
    verdict = decide(evidence(items({A: 12}), {}, [A], **taught_badly("safety"), waivers=[waiver("lead")]))
    assert (verdict.decision, verdict.harmed) == ("HOLD", ("lead/safety",))
    assert "Safe replies lost of their lead over unsafe ones: safety -" in verdict.reasons[0]


def test_a_lead_that_champion_and_base_lost_together_is_seen_beside_the_base() -> None:
    scored = taught_badly("cat1")
    champion = [replace(score, nats=score.nats + 0.01) for score in scored["candidate"]]
    verdict = decide(evidence(items({A: 12}), {}, [A], **scored, champion=champion, champion_id="b0"))
    assert "lead/cat1" in verdict.harmed


def test_a_lead_on_few_questions_or_on_guesses_is_not_asked() -> None:
    few = [item for item in items({A: 12}) if item.group != "cat1" or int(item.id[1:]) < 30]
    known = {item.id for item in few}
    scored = {name: [one for one in of if one.id in known] for name, of in taught_badly("cat1").items()}
    assert decide(evidence(few, {}, [A], **scored)).decision == "PROMOTE"
    scored = taught_badly("cat1")
    guesses = [
        replace(score, margin=-1.0) if item.group == "cat1" and score.margin is not None else score
        for item, score in zip(items({A: 12}), scored["base"], strict=True)
    ]
    assert decide(evidence(items({A: 12}), {}, [A], base=guesses, candidate=scored["candidate"])).harmed == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokenizer_same": False}, "its tokenizer is not the base model's"),
        ({"failed": {"merge": "a weight is not finite"}}, "merge: a weight is not finite"),
        ({"chats": ["Hello!", "", " \n"]}, "2 of 3 answers to ordinary prompts are empty"),
        ({"chats": ["I am " * 40, "one two three four five six"]}, "1 of 2 answers to ordinary prompts go round"),
    ],
)
def test_a_model_that_does_not_work_holds_before_anything_is_compared(change: dict[str, object], words: str) -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -0.5}, [A], waivers=[waiver("sanity")], **change))
    assert verdict.decision == "HOLD"
    assert words in verdict.reasons[0]
    assert [check.name for check in verdict.checks] == ["sanity", "noise"]
    assert verdict.rows == ()


@pytest.mark.parametrize("nats", [math.nan, math.inf])
def test_scores_that_are_no_numbers_hold(nats: float) -> None:
    asked = items({A: 12})
    after = [replace(score, nats=nats) if score.id == "g5" else score for score in scores(asked, {"heldout": -0.5})]
    verdict = decide(evidence(asked, {}, [A], candidate=after))
    assert verdict.decision == "HOLD"
    assert "1 scores are not finite numbers, that of g5 for one" in verdict.reasons[0]
    assert json.loads(verdict.to_json())["decision"] == "HOLD"
    missing = decide(evidence(asked, {}, [A], candidate=after[:-2]))
    assert "2 of 112 questions have no score, s18 for one" in missing.reasons[0]


def test_an_incumbent_that_cannot_be_compared_with_is_an_error() -> None:
    asked = items({A: 12})
    with pytest.raises(EvidenceError, match="the champion cannot be compared with: 1 of 112 questions have no score"):
        decide(evidence(asked, {}, [A], champion=scores(asked, {})[:-1], champion_id="b0"))
    with pytest.raises(EvidenceError, match="the second scoring has items that the first has not: other"):
        decide(evidence(asked, {}, [A], again=[Score("other", 1.0, 3)]))


def test_the_noise_floor_is_published_widens_margins_and_has_an_end() -> None:
    asked = items({A: 12})
    base = scores(asked, {}, seed=1)
    again = [replace(score, nats=score.nats + 0.004 * (i == 7)) for i, score in enumerate(base)]
    verdict = decide(evidence(asked, {"heldout": -0.01}, [A], noise=0.001, again=again, base=base))
    assert verdict.noise_floor == 0.004
    assert verdict.decision == "HOLD"  # better by 0.01, which three floors could be
    loud = [replace(score, nats=score.nats + 0.02) for score in base]
    held = decide(evidence(asked, {"heldout": -0.5}, [A], again=loud, base=base, waivers=[waiver("noise")]))
    assert held.decision == "HOLD"
    assert "Scored twice, the same model differs by 0.020 nats" in held.reasons[0]


@pytest.mark.parametrize("name", sorted(WAIVABLE))
def test_a_waiver_lets_its_check_pass_with_a_name_on_it(name: str) -> None:
    """Harm that fails every waivable check but one's own waiver: all waivers together promote."""
    asked = items({A: 20, B: 16}, general=200)
    champion = scores(asked, {}, seed=2)
    harm = {B: 0.5, "cat1": 1.5, "cat3": 1.5}
    all_but_one = [waiver(other) for other in WAIVABLE if other != name]
    held = decide(evidence(asked, harm, [A], champion=champion, champion_id="b0", waivers=all_but_one))
    assert held.decision == "HOLD"
    assert [check.name for check in held.checks if check.blocks] == [name]
    passed = decide(
        evidence(asked, harm, [A], champion=champion, champion_id="b0", waivers=[*all_but_one, waiver(name)])
    )
    assert passed.decision == "PROMOTE"
    assert len(passed.waived) == len(WAIVABLE)
    words = f"{name}, waived by ada until 2027-01-02: We know, and it is worth it (.seedbed/waivers/let-it.yaml)"
    assert words in passed.waived
    assert f"Waived: {words}." in passed.reasons


def test_verdict_is_canonical_and_reads_back() -> None:
    asked = items({A: 6, B: 3})
    verdict = decide(evidence(asked, {"heldout": -0.4}, [A], again=scores(asked, {}, seed=1)))
    again = decide(evidence(asked, {"heldout": -0.4}, [A], again=scores(asked, {}, seed=1)))
    assert verdict.to_json() == again.to_json()
    assert verdict_from(json.loads(verdict.to_json())) == verdict


def test_a_verdict_of_an_older_version_can_be_read() -> None:
    old = {"decision": "HOLD", "reasons": ["because"], "rows": [], "against": "base", "build_id": "b0"}
    assert verdict_from(old) == Verdict("HOLD", ("because",), (), "base", "b0")


def test_dev_items_are_never_looked_at_and_audit_items_only_where_opened() -> None:
    asked = items({A: 12})
    sealed = [
        replace(item, id=f"{suite}-{i}", suite=suite) for suite in ("dev", "audit") for i, item in enumerate(asked[:6])
    ]
    closed = decide(evidence(asked, {"heldout": -0.5}, [A]))
    everything = [*asked, *sealed]
    after = scores(asked, {"heldout": -0.5}) + scores(sealed, {"audit": 3.0, "dev": math.nan})
    before = scores(asked, {}, seed=1) + scores(sealed, {})
    assert decide(evidence(everything, {}, [A], base=before, candidate=after)).to_json() == closed.to_json()
    opened = decide(evidence(everything, {}, [A], base=before, candidate=after, audit=True))
    assert opened.decision == "PROMOTE"
    assert [(row.suite, row.group, row.n) for row in opened.rows][-1] == ("audit", A, 6)


def test_a_released_file_that_does_not_score_as_judged_turns_a_promotion_into_a_hold() -> None:
    asked = items({A: 12})
    verdict = decide(evidence(asked, {"heldout": -0.5}, [A]))
    judged = scores(asked, {"heldout": -0.5})
    good, bad = rescored("model", judged, judged[:50]), rescored("q8_0.gguf", judged, scores(asked, {}, seed=5))
    assert settle(verdict, [good]).decision == "PROMOTE"
    assert settle(verdict, [good]).reasons == verdict.reasons
    held = settle(verdict, [good, bad])
    assert held.decision == "HOLD"
    assert "The released file q8_0.gguf scores +0.0" in held.reasons[0]
    assert settle(held, [good, bad]) == held
    assert (
        settle(verdict, [unreleasable("model", "it is cut off")])
        .reasons[0]
        .startswith("The released file model cannot be used: it is cut off.")
    )
    assert not rescored("model", judged, [replace(judged[0], nats=math.nan)]).passed
    assert not rescored("model", judged, []).passed


def test_a_hold_stays_a_hold_after_the_export() -> None:
    held = Verdict("HOLD", ("because",), (), "base", "b1")
    assert settle(held, [Check("export/model", True, "fine")]).decision == "HOLD"
