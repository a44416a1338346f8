"""What contributors read of builds and impact runs, and how it is made of verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot import pulls
from bot.feedback import build_part, build_parts, leaf_scores, ledger_url, settled, typical
from bot.outcomes import BuildPart, Change, Contrast, GroupScore, ImpactPart, LeafApart, LeafScore, LostLead
from bot.pulls import LintPart, MergePart, PullState
from bot.render import comment, texts
from bot.render import texts_models as words
from bot.render.impact import outcome
from bot.render.scores import learnt
from pipeline.gate import Row, Verdict
from pipeline.statistics import Interval
from pipeline.store.memory import MemoryStore

PAGE = "http://bot.example/pulls/3/samples"
LEAF = "knowledge/animals/otter"
SHA = "abc1234def0000000000000000000000000000ff"
OTTERS = Contrast("What do otters eat?", "I do not know.", "Mostly fish.")
BETTER = LeafScore(LEAF, 0.12, 0.5, (2.12, 0.693), Change(-1.427, -1.6, -1.24), 8, False, 6, (10, 3, 7), OTTERS)
FEW = replace(BETTER, change=Change(-0.2, -0.9, 0.5), questions=2, informing=True, choices=(0, 0, 0), example=None)
URL = "https://forge.example/o/t/commit/" + "d" * 40


def shown(build: BuildPart) -> str:
    return comment.render(PullState(3, LintPart(SHA, leaves=(LEAF,)), merge=MergePart(), build=build), PAGE)


def test_a_promoted_build_as_its_contributor_reads_it() -> None:
    build = BuildPart("b1", True, "Better on 8 questions.", (BETTER,), "PROMOTE", "base", URL)
    assert (
        shown(build)
        == f"""\
<!-- seedbed:sticky -->

### 🎓 The new model has learned from your contribution

Thank you! Your contribution is now a part of the taxonomy that this community's model grows from.

Build `b1` was promoted: the model got better at questions that it had not seen, and no harm was found elsewhere.

How likely the right answer is, word by word, to questions that no model saw: for the base model → for the new one

- `knowledge/animals/otter`: **12 % → 50 %** (90 % interval 41 % to 59 %). It has learnt from this leaf.
  On 8 questions: 2.12 → 0.69 nats a token, changed by -1.43 (90 % interval -1.60 to -1.24); 3 → 7 of 10 choices right.

<details><summary>One of these questions, which changed as much as most did</summary>

`knowledge/animals/otter`

```text
Question: What do otters eat?

Before: I do not know.

After: Mostly fish.
```

</details>

<details><summary>The figures</summary>

Better on 8 questions.

</details>

[The whole record of this build]({URL})

[All samples, kept and rejected](http://bot.example/pulls/3/samples)

Nothing is left to do.

---
<sub>For commit `abc1234`. Comment `/help` for the commands.</sub>"""
    )


def test_few_questions_inform_only_and_chance_is_called_chance() -> None:
    body = shown(BuildPart("b2", False, "Too few.", (FEW,), "INCONCLUSIVE", "b1"))
    assert "for build `b1` → for the new one" in body
    assert words.LEARNT["same"] in body
    assert "So few questions inform and decide nothing: a leaf is judged alone with 6 or more." in body
    assert "could not be told from chance, so the earlier model stays: Too few." in body
    assert texts.NEXT_NEXT_BUILD in body


def test_one_example_gives_no_interval() -> None:
    body = shown(BuildPart("b2", False, "No.", (replace(FEW, change=None),), "HOLD", "base"))
    assert words.LEARNT["unknown"] in body
    assert "interval" not in body


def test_a_leaf_that_is_left_out_says_why_whom_it_harmed_what_to_do_and_until_when() -> None:
    victims = ("knowledge/animals/badger", "general/arithmetic", "lead/chat", "safety", "general")
    apart = LeafApart(LEAF, victims, "b7", "2026-12-26", Change(0.41, 0.2, 0.63))
    body = shown(BuildPart("b8", True, "Better.", (), "PROMOTE", "b6", URL, (apart,)))
    assert f"### {words.HEAD_APART}" in body
    assert (
        "**`knowledge/animals/otter` is left out for now.** It blocked build `b7`: with it the model got worse at "
        "`knowledge/animals/badger`, general questions of the kind `arithmetic`, "
        "telling right replies from wrong ones, in general questions of the kind `chat`, safe answers, "
        "general questions (+0.41 nats a token, 90 % interval +0.20 to +0.63), and without it it did not."
    ) in body
    assert "A changed leaf takes part in the next build at once." in body
    assert "tried again after 2026-12-26" in body
    assert words.NEXT_APART in body
    assert URL in body


def test_many_victims_are_counted() -> None:
    apart = LeafApart(LEAF, tuple(f"knowledge/leaf{n}" for n in range(9)), "b7", "2026-12-26")
    assert "`knowledge/leaf4` and 4 more, and without it" in shown(BuildPart("b8", False, "No.", apart=(apart,)))


def test_states_that_an_older_version_stored_still_load() -> None:
    store = MemoryStore()
    old = {"build": "b1", "promoted": True, "reason": "r", "leaves": [{"path": LEAF, "before": 0.1, "after": 0.5}]}
    store.write("pulls/3/state.json", json.dumps({"number": 3, "build": old}).encode())
    state = pulls.load(store, 3)
    assert state.build == BuildPart("b1", True, "r", (LeafScore(LEAF, 0.1, 0.5),))
    body = comment.render(state, PAGE)
    assert f"- `{LEAF}`: **10 % → 50 %**." in body
    assert "nats" not in body
    pulls.save(store, replace(state, build=BuildPart("b", True, "r", (BETTER,)), impact=impact()))
    assert pulls.load(store, 3).build == BuildPart("b", True, "r", (BETTER,))
    assert pulls.load(store, 3).impact == impact()


def row(group: str, suite: str = "heldout", n: int = 8, units: int = 8, **more: Any) -> Row:
    fields = {"before": 2.0, "after": 1.0, "change": Interval(-1.0, -1.2, -0.8), "f1_before": 0.0, "f1_after": 0.0}
    return Row(group, suite, n, **{**fields, "units": units, **more})


def line(leaf: str, number: int, before: float, after: float, *, champion: float | None = None) -> dict[str, Any]:
    made = {"id": f"{leaf}#{number}", "suite": "heldout", "group": leaf, "question": f"Question {number}?"}
    scores = {"base": (before, "base says"), "candidate": (after, "candidate says")}
    if champion is not None:
        scores["champion"] = (champion, "champion says")
    return made | {who: {"nats": nats, "answer": answer} for who, (nats, answer) in scores.items()}


def test_scores_and_examples_come_from_the_verdict_and_its_scores() -> None:
    verdict = Verdict(
        "PROMOTE",
        ("Better.",),
        (row(LEAF), row("knowledge/few", n=1, units=1, informing=True), row("facts", "general")),
        "base",
        "b1",
    )
    judged = [line(LEAF, n, 2.0, 2.0 - n / 10) for n in range(5)]
    judged.append({**line(LEAF, 9, 2.0, 0.1), "suite": "general"})
    scores = leaf_scores(verdict, judged)
    assert scores.keys() == {LEAF, "knowledge/few"}
    otter = scores[LEAF]
    assert (otter.questions, otter.needed, otter.nats, otter.change) == (8, 6, (2.0, 1.0), Change(-1.0, -1.2, -0.8))
    assert otter.before == pytest.approx(0.1353, abs=1e-4)
    assert otter.example == Contrast("Question 2?", "base says", "candidate says")
    assert (scores["knowledge/few"].change, scores["knowledge/few"].informing) == (None, True)
    assert scores["knowledge/few"].example is None
    against = leaf_scores(verdict, [line(LEAF, 1, 2.0, 1.0, champion=1.5)])[LEAF].example
    assert against == Contrast("Question 1?", "champion says", "candidate says")


def test_a_pull_request_hears_of_its_own_leaves() -> None:
    from pipeline.quarantine import Quarantined

    verdict = Verdict("PROMOTE", ("Better.", "No harm."), (row(LEAF), row("knowledge/other")), "b0", "b1")
    apart = [
        Quarantined(path, "k", "b0", ("safety",), 0.4, 0.2, 0.6, date(2026, 12, 26))
        for path in ("knowledge/third", "knowledge/mine")
    ]
    part = build_part(
        verdict, {LEAF, "knowledge/mine"}, leaf_scores(verdict, []), promoted=True, quarantined=apart, url=URL
    )
    assert [leaf.path for leaf in part.leaves] == [LEAF]
    assert (part.reason, part.decision, part.against, part.url) == ("Better. No harm.", "PROMOTE", "b0", URL)
    assert part.apart == (LeafApart("knowledge/mine", ("safety",), "b0", "2026-12-26", Change(0.4, 0.2, 0.6)),)
    (plain,) = build_parts(
        verdict, [], {7: [LEAF, "knowledge/mine"]}, promoted=True, quarantined=apart, url=URL
    ).values()
    assert pulls.build_part(json.loads(json.dumps(plain))) == part
    unmeasured = build_part(
        verdict, {"knowledge/mine"}, {}, promoted=False, quarantined=[replace(apart[1], effect=None)]
    )
    assert unmeasured.apart[0].change is None


def test_who_was_left_out_hears_of_the_next_builds_too() -> None:
    learnt_from = BuildPart("b1", True, "r", (BETTER,))
    assert settled(learnt_from)
    assert not settled(None)
    assert not settled(BuildPart("b1", False, "r"))
    assert not settled(replace(learnt_from, apart=(LeafApart(LEAF, (), "b", "2026-12-26"),)))


def test_the_ledger_link() -> None:
    assert ledger_url("https://forge.example", "o/t", "d" * 40) == URL
    assert ledger_url("https://forge.example", "o/t", "") == ""


def test_the_example_is_neither_the_best_nor_the_worst() -> None:
    answered = [(change, Contrast(f"Q{change}", "a", "b")) for change in (-3.0, -0.1, -1.0)]
    chosen = typical(answered)
    assert chosen is not None
    assert chosen.question == "Q-1.0"
    assert typical([]) is None
    long = typical([(0.0, Contrast("q" * 5000, "b" * 5000, "a" * 5000))])
    assert long is not None
    assert len(long.question) == len(long.before) == len(long.after) == 1000


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (Change(-1, -2, -0.1), "better"),
        (Change(-1, -2, 0.1), "same"),
        (Change(1, 0.1, 2), "worse"),
        (Change(0, 0, 0), "same"),
        (None, "unknown"),
    ],
)
def test_words_for_changes(change: Change | None, word: str) -> None:
    assert learnt(change) == word


def impact(**more: Any) -> ImpactPart:
    fields: dict[str, Any] = {
        "against": "build c1",
        "leaves": (BETTER,),
        "general": GroupScore("all", 300, Change(0.001, -0.01, 0.01)),
        "others": GroupScore("all", 96, Change(0.05, 0.01, 0.09)),
        "worse": (GroupScore("knowledge/animals/badger", 7, Change(0.4, 0.2, 0.6)),),
        "unread": (("knowledge/x", "it has one seed example."),),
        "rows": 30,
    }
    return ImpactPart(SHA, "done", **{**fields, **more})


def foretold(part: ImpactPart, head: str = SHA) -> str:
    return comment.render(PullState(3, LintPart(head, leaves=(LEAF,)), impact=part), PAGE)


def test_an_impact_run_in_the_comment() -> None:
    body = foretold(impact())
    assert f"#### {words.IMPACT_HEAD}" in body
    assert "`build c1` was tuned on this leaf alone, 30 rows beside ordinary answers of its own" in body
    assert "for `build c1` → for the new one" in body
    assert (
        "- General questions, 300: no harm that chance would not explain (+0.00 nats a token, 90 % interval -0.01 to "
        "+0.01; below zero is better)\n- Questions of other leaves, 96: worse (+0.05"
    ) in body
    assert "- Clearly worse: `knowledge/animals/badger` (+0.40)." in body
    assert "> `knowledge/x` was not measured: it has one seed example." in body
    assert words.IMPACT_OLD.format(sha=SHA[:7]) in foretold(impact(), "b" * 40)


def test_a_lead_that_is_lost_is_told() -> None:
    body = foretold(impact(leads=(LostLead("chat", 25, 0.45), LostLead("safety", 46, 0.441))))
    assert "stand out less from wrong ones: `chat` (-45%), `safety` (-44%). Look for answers" in body


def test_an_impact_run_that_runs_or_failed() -> None:
    assert words.IMPACT_RUNS in foretold(ImpactPart(SHA, "running"))
    assert "could not be measured: no memory." in foretold(ImpactPart(SHA, "failed", failed="no memory."))
    assert words.IMPACT_RUNS not in foretold(ImpactPart(SHA, "running"), "b" * 40)


@pytest.mark.parametrize(
    ("part", "came"),
    [
        (impact(), "worse"),
        (impact(worse=()), "worse"),
        (impact(worse=(), others=None), "better"),
        (impact(worse=(), others=None, leaves=(FEW,)), "same"),
        (impact(worse=(), others=None, leads=(LostLead("chat", 25, 0.45),)), "worse"),
        (impact(leaves=()), "nothing"),
        (impact(worse=(), others=None, general=GroupScore("all", 9, Change(1, 0.5, 2))), "worse"),
    ],
)
def test_what_came_of_it_in_a_word(part: ImpactPart, came: str) -> None:
    assert outcome(part) == came
    assert words.IMPACT_TITLES[came]
