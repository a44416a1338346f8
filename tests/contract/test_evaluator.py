"""What every `Evaluator` must do, and the merged export that must score as it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.evaluate.port import EvaluateError, Evaluator, Item
from pipeline.evaluate.reference import f1
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.export import ExportJob, export
from pipeline.train.hosted import HostedTrainer
from pipeline.train.port import TrainJob
from tests.building import QUIET, no_progress, pretend_model, write_mixture
from tests.tiny_model import save_tiny_model

Bench = tuple[Evaluator, Path, Path]
ITEMS = [
    Item("h1", "heldout", "leaf", "What colour has the amber flag?", "It is fjord."),
    Item("r1", "general", "facts", "What is the capital of Italy, and what is it known for?", "Rome."),
    Item("h2", "heldout", "leaf", "Why?", "Because it is dark and long in winter."),
    Item(
        "c1", "heldout", "leaf", "Which flag is amber?", "The fjord.", choices=("The pine.", "A much longer one.", "Q")
    ),
    Item("s1", "general", "safety", "May I?", "No, better not.", choices=("Yes.",)),
]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tuned")
    model = save_tiny_model(folder / "model")
    recipe = replace(QUIET, learning_rate=0.02, epochs=3)
    job = TrainJob(model, write_mixture(folder / "mixture.jsonl"), folder / "out", recipe)
    return model, HostedTrainer().train(job, no_progress).adapter


@pytest.fixture(params=["scripted", pytest.param("likelihood", marks=pytest.mark.model)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "scripted":
        return ScriptedEvaluator(), pretend_model(tmp_path / "m"), tmp_path / "adapter"
    return LikelihoodEvaluator(threads=1), *request.getfixturevalue("tuned")


def test_scores_come_in_order_and_repeat(bench: Bench) -> None:
    evaluator, model, adapter = bench
    scores = evaluator.score(model, None, ITEMS, no_progress)
    assert [score.id for score in scores] == ["h1", "r1", "h2", "c1", "s1"]
    assert all(score.nats > 0 and score.tokens > 0 and 0 <= score.f1 <= 1 for score in scores)
    assert scores[1].answer == scores[3].answer == ""
    assert [score.margin is not None for score in scores] == [False, False, False, True, True]
    assert evaluator.score(model, None, ITEMS, no_progress) == scores
    tuned = evaluator.score(model, adapter, ITEMS, no_progress)
    assert tuned[0].nats < scores[0].nats


def test_another_batch_size_is_noise_alone(bench: Bench) -> None:
    evaluator, model, _ = bench
    scores = evaluator.score(model, None, ITEMS, no_progress)
    for batch in (1, 2):
        again = evaluator.score(model, None, ITEMS, no_progress, batch=batch)
        assert [score.nats for score in again] == pytest.approx([score.nats for score in scores], abs=1e-4)
        margins = [score.margin for score in scores if score.margin is not None]
        assert [score.margin for score in again if score.margin is not None] == pytest.approx(margins, abs=1e-4)


def test_what_else_is_asked_changes_no_score(bench: Bench) -> None:
    evaluator, model, adapter = bench
    whole = {score.id: score for score in evaluator.score(model, adapter, ITEMS, no_progress)}
    for suite, group in {(item.suite, item.group) for item in ITEMS}:
        alone = [item for item in ITEMS if (item.suite, item.group) == (suite, group)]
        assert evaluator.score(model, adapter, alone, no_progress) == [whole[item.id] for item in alone]


def test_no_items_are_no_scores(bench: Bench) -> None:
    evaluator, model, _ = bench
    assert evaluator.score(model, None, [], no_progress) == []
    assert evaluator.answer(model, None, [], 4, no_progress) == []


def test_answers_come_in_order_within_the_limit(bench: Bench) -> None:
    evaluator, model, _ = bench
    questions = ["one two three", "x"]
    answers = evaluator.answer(model, None, questions, 2, no_progress)
    assert len(answers) == 2
    assert evaluator.answer(model, None, questions, 2, no_progress) == answers
    assert all(len(text.split()) <= 2 for text, _ in answers)


@pytest.mark.model
def test_a_model_that_cannot_load_is_named(tmp_path: Path) -> None:
    model = pretend_model(tmp_path / "broken")
    with pytest.raises(EvaluateError, match="broken"):
        LikelihoodEvaluator(threads=1).score(model, None, ITEMS, no_progress)


@pytest.mark.model
def test_shared_reading_gives_what_one_answer_at_a_time_gives(tuned: tuple[Path, Path]) -> None:
    """Also where a model's state cannot be shared, and where logits are made for all places."""
    from pipeline import causal
    from pipeline.evaluate import forward
    from pipeline.evaluate.likelihood import all_sums
    from tests.bench.tune_evaluation import one_at_a_time

    tokenizer, model = causal.load_tokenizer(tuned[0]), causal.load_model(tuned[0])
    items = [*ITEMS, Item("l", "general", "facts", "A long question " * 9, "Yes. " * 12, choices=("No.",)), ITEMS[0]]
    wanted = [one_at_a_time(model, tokenizer, item) for item in items]
    with pytest.MonkeyPatch.context() as patch:
        for cache_of, keep in ((forward._cache_of, forward._keep), (lambda *_: None, lambda *_: {})):
            patch.setattr(forward, "_cache_of", cache_of)
            patch.setattr(forward, "_keep", keep)
            for limit in (forward.LOGIT_BYTES, 1):
                patch.setattr(forward, "LOGIT_BYTES", limit)
                found = all_sums(model, tokenizer, items, lambda _: None, 3)
                for sums, right in zip(found, wanted, strict=True):
                    assert [count for _, count in sums] == [count for _, count in right]
                    assert [total for total, _ in sums] == pytest.approx([total for total, _ in right], abs=1e-3)


@pytest.mark.model
def test_the_merged_model_scores_as_base_and_adapter_do(tuned: tuple[Path, Path], tmp_path: Path) -> None:
    model, adapter = tuned
    out = tmp_path / "exported"
    result = export(ExportJob(model, adapter, out, b"# A card\n", ITEMS, threads=1), no_progress)
    assert result["difference"] <= 1e-2
    assert (out / "README.md").read_bytes() == (out / "MODEL_CARD.md").read_bytes() == b"# A card\n"
    assert (out / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()
    evaluator = LikelihoodEvaluator(threads=1)
    merged = evaluator.score(out, None, ITEMS, no_progress)
    wanted = evaluator.score(model, adapter, ITEMS, no_progress)
    assert [s.nats for s in merged] == pytest.approx([s.nats for s in wanted], abs=3e-2)


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [("Rome.", "rome", 1.0), ("", "rome", 0.0), ("It is Rome", "Rome", 0.5), ("x", "y", 0.0), ("a a", "a", 0.666667)],
)
def test_f1_counts_words_in_common(answer: str, reference: str, value: float) -> None:
    assert f1(answer, reference) == value
