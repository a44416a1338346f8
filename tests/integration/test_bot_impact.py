"""What learning a pull request's leaves would do to the model: command, job, comment and check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.commands import parse
from bot.engine.port import JobStatus
from bot.outcomes import ImpactPart
from bot.render import texts
from bot.render import texts_models as words
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.impact import known_harm
from pipeline.train.port import TrainError
from pipeline.train.scripted import ScriptedTrainer
from tests.building import pretend_model
from tests.integration.bot_bench import ATTRIBUTION, GOOD, LEAF, QNA, Bench, no_teacher

OTHER = "compositional_skills/animals/food"


def others(seeds: int = 8) -> dict[str, bytes]:
    """A leaf that lies on `main` already."""
    lines = ["version: 3", "created_by: bob", "task_description: Say what an animal eats.", "seed_examples:"]
    for number in range(seeds):
        lines += [f'  - question: "What does animal {number} of {number * 7} eat?"', f'    answer: "It eats {number}."']
    return {f"{OTHER}/qna.yaml": ("\n".join(lines) + "\n").encode(), f"{OTHER}/attribution.txt": GOOD[ATTRIBUTION]}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    bench = Bench(tmp_path, settings_changes={"student_model": str(pretend_model(tmp_path / "student"))})
    bench.commit({"README.md": b"A taxonomy.\n"}, "first")
    return bench


def asked(bench: Bench, number: int, id: str = "impact-1", **more: Any) -> JobStatus:
    payload = {"pull": number, "sha": bench.forge.pull(number).head_sha, **more}
    bench.engine.enqueue("impact", payload, id=id, queue="generate", key=str(number))
    bench.drain()
    status = bench.engine.status(id)
    assert status is not None
    return status


def part_of(bench: Bench, number: int) -> ImpactPart:
    part = pulls.load(bench.store, number).impact
    assert part is not None
    return part


def gains(bench: Bench, gain: Mapping[str, float]) -> None:
    bench.context = replace(bench.context, evaluator=ScriptedEvaluator(gain))


def test_what_is_learnt_stands_in_the_comment_and_in_the_check(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    ended = asked(bench, number)
    assert ended.state == "done", ended.error
    part = part_of(bench, number)
    (leaf,) = part.leaves
    assert (part.status, part.against, leaf.path) == ("done", "student", LEAF)
    assert leaf.after > leaf.before
    assert part.rows > 0
    body = bench.sticky(number)
    assert words.IMPACT_HEAD in body
    assert f"- `{LEAF}`: **" in body
    check = bench.check(words.IMPACT, number)
    assert check.conclusion in ("success", "neutral")
    assert LEAF in check.summary
    assert ended.result["outcome"] in ("better", "same")


def test_the_same_leaf_costs_nothing_twice(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    asked(bench, number)
    before, evaluator = part_of(bench, number), bench.context.evaluator
    assert isinstance(evaluator, ScriptedEvaluator)
    calls = (bench.trainer.runs, evaluator.calls, evaluator.asked)
    assert asked(bench, number, "impact-2").state == "done"
    assert (bench.trainer.runs, evaluator.calls, evaluator.asked) == calls
    assert replace(part_of(bench, number), job="") == replace(before, job="")


def test_the_samples_are_those_that_the_merge_needs(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    asked(bench, number)
    keys = {key for key in bench.store.keys("leaves/") if key.endswith("manifest.json")}
    bench.merge(number)
    assert bench.job("merge", {}, "m").state == "done"
    assert {key for key in bench.store.keys("leaves/") if key.endswith("manifest.json")} == keys


def test_harm_to_a_leaf_of_others_is_seen_named_and_on_file_for_blame(bench: Bench) -> None:
    bench.commit(others(120), "others")
    gains(bench, {LEAF: 0.5, OTHER: -0.8, "general": 0.0})
    number = bench.forge.add_pull(GOOD)
    ended = asked(bench, number)
    part = part_of(bench, number)
    assert [group.name for group in part.worse] == [OTHER]
    assert part.others is not None
    assert part.others.change.low > 0
    assert f"Clearly worse: `{OTHER}`" in bench.sticky(number)
    assert ended.result["outcome"] == "worse"
    assert bench.check(words.IMPACT, number).conclusion == "neutral"
    (key,) = (key.removeprefix("impact/leaves/").removesuffix(".json") for key in bench.store.keys("impact/leaves/"))
    known = known_harm(bench.store, {LEAF: key, "knowledge/never": "0" * 64}, [OTHER])
    assert known.keys() == {LEAF}
    assert known[LEAF] > 0.5


def test_harm_to_ordinary_chat_is_seen(bench: Bench) -> None:
    gains(bench, {"heldout": 0.5, "general": -0.5})
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).result["outcome"] == "worse"
    part = part_of(bench, number)
    assert part.general is not None
    assert part.general.change.low > 0.3
    assert "worse (+0." in bench.sticky(number)


def test_faults_come_first(bench: Bench) -> None:
    number = bench.forge.add_pull({QNA: GOOD[QNA]})  # no attribution
    ended = asked(bench, number)
    assert ended.result["outcome"] == "nothing"
    assert part_of(bench, number).unread == ((LEAF, words.IMPACT_FAULTS),)
    assert bench.trainer.runs == bench.opened == 0
    assert bench.check(words.IMPACT, number).conclusion == "neutral"


def test_a_pull_request_without_leaves_and_a_name_that_fits_none(bench: Bench) -> None:
    empty = bench.forge.add_pull({"README.md": b"Words.\n"})
    assert asked(bench, empty).state == "done"
    assert part_of(bench, empty).failed == words.IMPACT_NO_LEAF
    assert bench.check(words.IMPACT, empty).conclusion == "neutral"
    number = bench.forge.add_pull(GOOD)
    asked(bench, number, "impact-2", leaves=["other"])
    assert part_of(bench, number).unread == (("other", texts.LEAF_UNKNOWN),)


def test_a_failure_is_told_fails_the_job_and_goes_on_after_a_retry(bench: Bench) -> None:
    bench.trainer.fail_at = 5
    number = bench.forge.add_pull(GOOD)
    ended = asked(bench, number)
    assert (ended.state, "stopped at step 5" in (ended.error or "")) == ("failed", True)
    assert part_of(bench, number).status == "failed"
    check = bench.check(words.IMPACT, number)
    assert (check.conclusion, words.IMPACT_AGAIN in check.summary) == ("failure", True)
    assert bench.engine.retry("impact-1")
    bench.drain()
    assert part_of(bench, number).status == "done"
    assert bench.check(words.IMPACT, number).conclusion in ("success", "neutral")
    assert not list((bench.context.settings.state_dir / "impact").iterdir()), "the work is cleared away"


def test_no_teacher_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    bench = Bench(tmp_path, open_teacher=no_teacher)
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).state == "failed"
    assert "disk is full" in part_of(bench, number).failed


def test_a_head_that_moved_on_is_left_alone(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    sha = bench.forge.pull(number).head_sha
    bench.forge.push(number, {QNA: GOOD[QNA] + b"\n"})
    bench.engine.enqueue("impact", {"pull": number, "sha": sha}, id="i", queue="generate")
    bench.drain()
    ended = bench.engine.status("i")
    assert ended is not None
    assert "superseded" in ended.result["skip"]
    assert pulls.load(bench.store, number).impact is None


def test_a_push_while_it_runs_ends_its_check(bench: Bench) -> None:
    class Pushes(ScriptedTrainer):
        def train(self, *given: Any) -> Any:
            bench.forge.push(number, {QNA: GOOD[QNA] + b"\n"})
            return ScriptedTrainer().train(*given)

    bench.context = replace(bench.context, trainer=Pushes())
    number = bench.forge.add_pull(GOOD)
    old = bench.forge.pull(number).head_sha
    ended = asked(bench, number)
    assert ended.result == {"superseded": bench.forge.pull(number).head_sha}
    assert bench.check(words.IMPACT, number, old).conclusion == "cancelled"


def test_cancelled_in_the_middle(bench: Bench) -> None:
    class Cancels(ScriptedTrainer):
        def train(self, job: Any, progress: Any) -> Any:
            bench.engine.cancel("impact-1")
            progress("tuning", 0.5)
            raise TrainError("it was not stopped")

    bench.context = replace(bench.context, trainer=Cancels())
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).state == "cancelled"
    assert part_of(bench, number).status == "failed"
    assert bench.check(words.IMPACT, number).conclusion == "cancelled"


def test_a_maintainer_asks_and_a_stranger_may_not(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD, author="stranger")
    bench.forge.set_permission("grace", "triage")
    for by, wanted in (("stranger", 0), ("grace", 1)):
        comment = bench.forge.comment_as(by, number, "/impact sleep")
        commands = [one.plain() for one in parse("/impact sleep", bench.forge.login)]
        payload = {"pull": number, "comment": comment, "author": by, "asked": commands}
        assert bench.job("command", payload, f"c-{by}").state == "done"
        assert bench.trainer.runs == wanted
    assert part_of(bench, number).status == "done"
