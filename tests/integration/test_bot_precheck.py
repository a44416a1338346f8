"""What the present model answers to a pull request's questions, through the job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import pulls
from bot.jobs import precheck
from bot.pulls import PrecheckPart
from bot.render import texts
from bot.render.precheck import blocks
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.evaluate.port import EvaluateError
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.gate import Verdict
from pipeline.registry import Registry
from tests.integration.bot_bench import GOOD, LEAF, QNA, SEEDS, Bench

KNOWLEDGE = "knowledge/science/otters"
FACTS = b"""version: 3
created_by: ada
domain: zoology
document_outline: On otters.
seed_examples:
"""
FACTS += b"".join(
    b'  - context: "Otters number %d float."\n    questions_and_answers:\n' % at
    + b"".join(
        b'      - question: "What does otter %d.%d do?"\n        answer: "It floats."\n' % (at, n) for n in range(3)
    )
    for at in range(5)
)
FACTS += b"document:\n  repo: https://github.com/o/r.git\n  commit: " + b"a" * 40 + b'\n  patterns:\n    - "*.md"\n'


def folder(at: Path) -> Path:
    """What passes for a model where nobody loads it."""
    at.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (at / name).write_bytes(b"{}")
    return at


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    bench = Bench(tmp_path, settings_changes={"student_model": str(folder(tmp_path / "student"))})
    known = frozenset(question for question, _ in SEEDS[:4])
    bench.context = replace(bench.context, evaluator=ScriptedEvaluator(known=known))
    return bench


def asked(bench: Bench, number: int, id: str = "precheck-1", **more: Any) -> Any:
    payload = {"pull": number, "sha": bench.forge.pull(number).head_sha, **more}
    bench.engine.enqueue("precheck", payload, id=id, queue="preview")
    bench.drain()
    return bench.engine.status(id)


def part_of(bench: Bench, number: int) -> PrecheckPart:
    part = pulls.load(bench.store, number).precheck
    assert part is not None
    return part


def shown(part: PrecheckPart) -> str:
    return "\n\n".join(blocks(part, part.sha, leaves=10, asked=10, chars=300))


def test_what_the_model_knows_is_counted_and_shown(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    ended = asked(bench, number)
    assert ended.state == "done"
    assert (ended.result["asked"], ended.result["known"]) == (6, 4)
    part = part_of(bench, number)
    assert (part.status, part.model) == ("done", "student")
    body = shown(part)
    assert f"**`{LEAF}`**: knows 4 of 6 already." in body
    assert (
        "Question: Where does a wolf sleep?\nExpected: A wolf sleeps in a lair under roots.\nAnswered: A wolf" in body
    )
    assert "Answered: Name the lodging that beavers build themselves?" in body  # what the scripted model makes of it


def test_the_same_model_is_not_asked_the_same_twice(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    asked(bench, number)
    asked(bench, number, "precheck-2")
    evaluator = bench.context.evaluator
    assert isinstance(evaluator, ScriptedEvaluator)
    assert evaluator.calls == 1


def test_the_champion_answers_where_there_is_one(bench: Bench) -> None:
    state = bench.context.settings.state_dir
    folder(state / "builds" / "b1" / "model")
    Registry(state / "registry").promote(Verdict("PROMOTE", ("better",), (), "base", "b1"))
    number = bench.forge.add_pull(GOOD)
    asked(bench, number)
    assert part_of(bench, number).model == "build b1"


def test_a_champion_without_its_model_is_told(bench: Bench) -> None:
    registry = Registry(bench.context.settings.state_dir / "registry")
    registry.promote(Verdict("PROMOTE", ("better",), (), "base", "b1"))
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).state == "failed"
    part = part_of(bench, number)
    assert part.status == "failed"
    assert "roll back" in part.failed
    assert "⚠️ The present model could not be asked" in shown(part)


def test_knowledge_is_asked_without_its_context_and_one_leaf_alone(bench: Bench) -> None:
    number = bench.forge.add_pull({**GOOD, f"{KNOWLEDGE}/qna.yaml": FACTS, f"{KNOWLEDGE}/attribution.txt": b"x"})
    asked(bench, number, leaves=[KNOWLEDGE])
    (leaf,) = part_of(bench, number).leaves
    assert leaf.path == KNOWLEDGE
    assert len(leaf.asked) == 15
    assert leaf.asked[0].question == "What does otter 0.0 do?"


def test_an_unreadable_leaf_and_no_leaf_are_told(bench: Bench) -> None:
    number = bench.forge.add_pull({**GOOD, f"{KNOWLEDGE}/qna.yaml": b"version: 3\n"})
    asked(bench, number)
    by_path = {leaf.path: leaf for leaf in part_of(bench, number).leaves}
    assert by_path[KNOWLEDGE].asked == ()
    assert by_path[KNOWLEDGE].note.startswith(f"{KNOWLEDGE}/qna.yaml:1:1: ")
    empty = bench.forge.add_pull({"README.md": b"Changed\n"})
    asked(bench, empty, "precheck-2")
    assert texts.PRECHECK_NO_LEAF in part_of(bench, empty).failed


def test_a_precheck_is_bounded_and_says_what_it_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precheck, "MOST", 2)
    number = bench.forge.add_pull(GOOD)
    asked(bench, number)
    (leaf,) = part_of(bench, number).leaves
    assert len(leaf.asked) == 2
    assert leaf.note.startswith("4 more were not asked: a precheck asks 2 questions at most")
    assert "> 4 more were not asked" in shown(part_of(bench, number))


def test_a_failure_is_told_and_fails_the_job(bench: Bench) -> None:
    class Broken(ScriptedEvaluator):
        def score(self, *_: Any) -> Any:
            raise EvaluateError("scoring stopped: out of memory @everyone")

    bench.context = replace(bench.context, evaluator=Broken())
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).state == "failed"
    part = part_of(bench, number)
    assert (part.status, "out of memory" in part.failed) == ("failed", True)
    assert "@everyone" not in shown(part)


def test_a_head_that_moved_on_is_left_alone(bench: Bench) -> None:
    number = bench.forge.add_pull(GOOD)
    sha = bench.forge.pull(number).head_sha
    bench.forge.push(number, {QNA: GOOD[QNA] + b"\n"})
    bench.engine.enqueue("precheck", {"pull": number, "sha": sha}, id="p", queue="preview")
    bench.drain()
    ended = bench.engine.status("p")
    assert ended is not None
    assert "superseded" in ended.result["skip"]
    assert pulls.load(bench.store, number).precheck is None


def test_a_push_while_it_asks_leaves_no_answers_of_the_old_head(bench: Bench) -> None:
    class Pushes(ScriptedEvaluator):
        def score(self, *given: Any) -> Any:
            bench.forge.push(number, {QNA: GOOD[QNA] + b"\n"})
            return ScriptedEvaluator().score(*given)

    bench.context = replace(bench.context, evaluator=Pushes())
    number = bench.forge.add_pull(GOOD)
    ended = asked(bench, number)
    assert ended.result["superseded"] == bench.forge.pull(number).head_sha
    assert list(blocks(part_of(bench, number), bench.forge.pull(number).head_sha, leaves=9, asked=9, chars=9)) == []


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        ("It floats.", 1.0, 1.0),
        ("It floats. Otters are often seen in rivers and also in the sea, where they dive.", 1.0, 1.0),
        ("Hm. It\nfloats", 1.0, 1.0),
        ("It swims through every river of the land", 0.0, 0.4),
        ("", 0.0, 0.0),
        ("\n\n", 0.0, 0.0),
    ],
)
def test_the_best_passage_of_an_answer_is_what_counts(answer: str, least: float, most: float) -> None:
    assert least <= precheck.agreement(answer, "It floats.") <= most


@pytest.mark.model
def test_the_packaged_model_answers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.context = replace(bench.context, evaluator=LikelihoodEvaluator())
    number = bench.forge.add_pull(GOOD)
    assert asked(bench, number).state == "done"
    (leaf,) = part_of(bench, number).leaves
    assert part_of(bench, number).model == "SmolLM2-135M-Instruct"
    assert all(one.answer and 0 <= one.score <= 1 for one in leaf.asked)
    assert [one.known for one in leaf.asked] == [one.score >= precheck.KNOWN for one in leaf.asked]
