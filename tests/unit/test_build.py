from __future__ import annotations

import fcntl
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline import statistics
from pipeline.building import BuildRequest, BuildResult, run_build
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.export import ExportJob
from pipeline.ledger import entries
from pipeline.registry import Registry
from pipeline.stages import BuildError
from pipeline.store.memory import MemoryStore
from pipeline.train.port import TrainError
from pipeline.train.scripted import ScriptedTrainer
from tests.building import QUIET, bare_repository, dataset_of, freeform, no_progress, origin, pretend_model

MONDAY = date(2026, 3, 2)


class Bench:
    """A state folder, doubles, and one build request."""

    def __init__(self, folder: Path) -> None:
        self.trainer, self.evaluator, self.store = ScriptedTrainer(), ScriptedEvaluator(), MemoryStore()
        self.exported: list[ExportJob] = []
        commit = bare_repository(folder / "taxonomy.git")
        leaf = freeform(seeds=16)
        self.request = BuildRequest(
            mirror=folder / "taxonomy.git",
            commit=commit,
            state=folder / "state",
            student=str(pretend_model(folder / "student")),
            recipe=QUIET,
            datasets=[dataset_of(leaf)],
            leaves=[(leaf, origin())],
            today=MONDAY,
        )

    def export(self, job: ExportJob, progress: object) -> dict[str, Any]:
        self.exported.append(job)
        job.out.mkdir(exist_ok=True)
        (job.out / "README.md").write_bytes(job.card)
        (job.out / "tokenizer.json").write_bytes((job.model / "tokenizer.json").read_bytes())
        return {"dtype": "bfloat16"}

    def build(self, request: BuildRequest | None = None) -> BuildResult:
        return run_build(
            request or self.request,
            trainer=self.trainer,
            evaluator=self.evaluator,
            store=self.store,
            progress=no_progress,
            exporter=self.export,
        )

    def with_leaf(self, name: str) -> BuildRequest:
        leaf = freeform(name, seeds=16)
        return replace(
            self.request,
            leaves=[*self.request.leaves, (leaf, origin(8))],
            datasets=[*self.request.datasets, dataset_of(leaf, key="k2")],
        )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(statistics, "DRAWS", 400)
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    return Bench(tmp_path)


def test_a_better_student_is_promoted_recorded_and_exported(bench: Bench) -> None:
    result = bench.build()
    assert result.verdict.decision == "PROMOTE"
    assert result.champion_changed
    assert Registry(bench.request.state / "registry").aliases().champion == result.build_id
    assert entries(bench.request.mirror) == [result.build_id]
    assert result.made == ("mixture", "train", "evaluate", "gate", "export", "ledger", "promote")
    manifest = json.loads((result.folder / "manifest.json").read_bytes())
    assert manifest["inputs"]["taxonomy_commit"] == bench.request.commit
    assert manifest["leaves"][0]["origin"] == {"author": "ada", "commit": "0" * 40, "pull": 7}
    card = (result.folder / "model" / "README.md").read_text()
    for words in ("greetings", "#7", "CC-BY-4.0", "document unreachable", "seedbed build", "**Decision: PROMOTE**"):
        assert words in card


def test_the_same_inputs_cost_nothing_again(bench: Bench) -> None:
    first = bench.build()
    scored = bench.evaluator.calls
    again = bench.build()
    assert (again.build_id, again.verdict, again.ledger_commit) == (first.build_id, first.verdict, first.ledger_commit)
    assert again.made == ()
    assert again.champion_changed
    assert (bench.trainer.runs, bench.evaluator.calls, len(bench.exported)) == (1, scored, 1)


def test_other_inputs_are_another_build(bench: Bench) -> None:
    first = bench.build()
    second = bench.build(replace(bench.request, recipe=replace(QUIET, seed=5)))
    assert second.build_id != first.build_id


def test_a_failed_build_goes_on_where_it_stopped(bench: Bench, tmp_path: Path) -> None:
    bench.trainer.fail_at = 11
    with pytest.raises(TrainError, match="step 11"):
        bench.build()
    resumed = bench.build()
    assert resumed.made[0] == "train"
    fresh = Bench(tmp_path / "fresh")
    whole = fresh.build(replace(fresh.request, commit=bench.request.commit))
    assert whole.build_id == resumed.build_id
    assert (whole.folder / "manifest.json").read_bytes() == (resumed.folder / "manifest.json").read_bytes()
    assert fresh.trainer.steps_made == bench.trainer.steps_made
    assert whole.ledger_commit == resumed.ledger_commit


def test_a_held_build_changes_no_champion_and_is_recorded(bench: Bench) -> None:
    bench.evaluator.gain = {"heldout": 0.0}
    result = bench.build()
    assert result.verdict.decision == "HOLD"
    assert not result.champion_changed
    assert bench.exported == []
    assert Registry(bench.request.state / "registry").aliases().champion is None
    assert entries(bench.request.mirror) == [result.build_id]


def test_the_next_build_is_compared_with_the_champion_on_what_is_new(bench: Bench) -> None:
    first = bench.build()
    request = bench.with_leaf("farewells")
    held = bench.build(request)  # the double gives champion and candidate the same scores
    assert held.verdict.against == first.build_id
    assert held.verdict.decision == "HOLD"
    assert "on 3 held-out questions" in held.verdict.reasons[0]
    assert Registry(bench.request.state / "registry").aliases().champion == first.build_id


def test_after_a_rollback_the_build_is_not_the_champion_and_stays_so(bench: Bench) -> None:
    bench.build()
    Registry(bench.request.state / "registry").rollback()
    again = bench.build()
    assert again.verdict.decision == "PROMOTE"
    assert not again.champion_changed


def test_a_kill_between_promotion_and_its_record_is_mended(bench: Bench) -> None:
    first = bench.build()
    (first.folder / "stages" / "promote.json").unlink()
    again = bench.build()
    assert again.made == ("promote",)
    assert again.champion_changed
    assert again.verdict == first.verdict


def test_two_builds_at_once_are_refused(bench: Bench) -> None:
    bench.request.state.mkdir()
    with (bench.request.state / "build.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BuildError, match="another build runs"):
            bench.build()
    assert bench.build().champion_changed


def test_nothing_to_learn_is_said(bench: Bench) -> None:
    with pytest.raises(BuildError, match="generate first"):
        bench.build(replace(bench.request, datasets=[]))


def test_a_contributor_cannot_break_out_of_the_card(bench: Bench) -> None:
    leaf, _ = bench.request.leaves[0]
    nasty = replace(leaf, attribution="```\n# Owned\n@everyone")
    request = replace(
        bench.request,
        leaves=[(nasty, replace(origin(), author="x|[y](http://z)@all"))],
        datasets=[replace(bench.request.datasets[0], notes=("<img src=x>",))],
    )
    card = (bench.build(request).folder / "MODEL_CARD.md").read_text()
    assert "\n```\n# Owned" not in card
    assert "x\\|\\[y\\]" in card
    assert "<img" not in card.replace("\\<img", "")


def test_a_contaminated_evaluation_set_fails_the_build(bench: Bench, tmp_path: Path) -> None:
    questions = [sample.question for sample in bench.request.datasets[0].samples[:3]]
    path = tmp_path / "exam.jsonl"
    path.write_text("".join(json.dumps({"question": question}) + "\n" for question in questions))
    watched = replace(QUIET, eval_sets=(str(path),))
    with pytest.raises(BuildError, match=r"3 of 3 items of the evaluation set 'exam' away.*overlap_allowed"):
        bench.build(replace(bench.request, recipe=watched))
    assert bench.trainer.runs == 0
    allowed = bench.build(replace(bench.request, recipe=replace(watched, overlap_allowed=1.0)))
    record = json.loads((allowed.folder / "manifest.json").read_bytes())["outputs"]["mixture"]
    assert {sample.id for sample in bench.request.datasets[0].samples[:3]} <= set(record["leaked"])
    path.write_text('{"question": "Something else?"}\n')
    assert (
        bench.build(replace(bench.request, recipe=replace(watched, overlap_allowed=1.0))).build_id != allowed.build_id
    )
    path.unlink()
    with pytest.raises(BuildError, match="cannot be read"):
        bench.build(replace(bench.request, recipe=watched))
