"""Impact runs: what they measure, what they keep, and what they leave to blame."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluate.items import gate_items
from pipeline.evaluate.port import Item
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.gate import ALL_GENERAL, ALL_LEAVES
from pipeline.impact import ImpactError, ImpactReport, ImpactRequest, known_harm, load_report, measure
from pipeline.models import ModelFolder
from pipeline.store.memory import MemoryStore
from pipeline.train.port import TrainError, TrainJob, TrainResult
from pipeline.train.scripted import ScriptedTrainer
from tests.building import QUIET, dataset_of, freeform, no_progress
from validators import Leaf

BASE = ModelFolder(Path("/models/base"), "base", "b" * 64, "apache-2.0")
CHAMPION = ModelFolder(Path("/models/champion"), "build c1", "c" * 64, "apache-2.0")
LEAF, OTHER = freeform("greetings", 8), freeform("farewells", 20)
THIRD = freeform("thanks", 20)


@dataclass
class Bench:
    folder: Path
    gain: Mapping[str, float] = field(default_factory=lambda: {"heldout": 0.5, "general": 0.0})
    store: MemoryStore = field(default_factory=MemoryStore)
    trainer: ScriptedTrainer = field(default_factory=ScriptedTrainer)

    def __post_init__(self) -> None:
        self.evaluator = ScriptedEvaluator(self.gain)

    def request(self, *leaves: Leaf, others: Sequence[Item] = (), key: str = "k1", **more: Any) -> ImpactRequest:
        pairs = [(leaf, dataset_of(leaf, key=key)) for leaf in leaves]
        fields = {"model": CHAMPION, "base": BASE, "recipe": QUIET, "folder": self.folder, **more}
        return ImpactRequest(pairs=pairs, others=others, **fields)

    def measure(self, *leaves: Leaf, **more: Any) -> ImpactReport:
        return measure(
            self.request(*leaves, **more),
            trainer=self.trainer,
            evaluator=self.evaluator,
            store=self.store,
            progress=no_progress,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "impact")


def test_what_is_measured(bench: Bench) -> None:
    report = bench.measure(LEAF, others=[*gate_items(OTHER), *gate_items(THIRD)])
    (own,) = report.own
    assert own.group == LEAF.path
    assert own.n == len(gate_items(LEAF, dataset_of(LEAF)))
    assert own.change.high < 0
    assert own.informing == (own.n < 6)
    assert {row.group for row in report.others} == {OTHER.path, THIRD.path}
    assert report.general is not None
    assert report.general.change.mean == 0.0
    assert report.together is not None
    assert report.together.group == ALL_LEAVES
    assert report.together.n == len(gate_items(OTHER)) + len(gate_items(THIRD))
    assert ALL_GENERAL not in {row.group for row in report.kinds}
    assert {row.group for row in report.kinds} >= {"facts", "arithmetic", "safety"}
    assert report.trained > 0
    assert report.anchors > 0
    assert len(report.adapter) == 64
    assert {one.leaf for one in report.answers} == {LEAF.path}
    assert report.leads == ()


def test_it_starts_from_the_present_model_and_rehearses_what_the_base_says(bench: Bench) -> None:
    jobs: list[TrainJob] = []

    class Sees(ScriptedTrainer):
        def train(self, job: TrainJob, progress: Any) -> TrainResult:
            jobs.append(job)
            rows = [json.loads(line) for line in job.mixture.read_text().splitlines()]
            assert {row["leaf"] for row in rows} == {LEAF.path, ""}
            return ScriptedTrainer.train(self, job, progress)

    bench.trainer = Sees()
    bench.measure(LEAF)
    (job,) = jobs
    assert job.model == CHAMPION.path
    assert job.recipe.name == "test-impact"
    assert not any(CHAMPION.digest in key for key in bench.store.keys("anchors/"))


def test_held_out_questions_are_not_trained_on(bench: Bench) -> None:
    seen: list[str] = []

    class Sees(ScriptedTrainer):
        def train(self, job: TrainJob, progress: Any) -> TrainResult:
            seen.append(job.mixture.read_text())
            return ScriptedTrainer.train(self, job, progress)

    bench.trainer = Sees()
    others = gate_items(OTHER)
    bench.measure(LEAF, others=others)
    assert seen
    assert not any(item.question in seen[0] for item in [*gate_items(LEAF), *others])


def test_the_same_costs_nothing_again_and_another_leaf_only_itself(bench: Bench) -> None:
    first = bench.measure(LEAF)
    calls = (bench.trainer.runs, bench.evaluator.calls, bench.evaluator.asked)
    assert bench.measure(LEAF) == first
    assert (bench.trainer.runs, bench.evaluator.calls, bench.evaluator.asked) == calls
    bench.measure(OTHER)
    # The general suite was scored before by this model, and the anchors were answered: own questions, and all after.
    assert (bench.trainer.runs, bench.evaluator.calls, bench.evaluator.asked) == (2, calls[1] + 2, calls[2])


@pytest.mark.parametrize(
    "change",
    [
        {"key": "k2"},
        {"model": replace(CHAMPION, digest="d" * 64)},
        {"recipe": replace(QUIET, rank=8)},
        {"others": gate_items(OTHER)},
    ],
    ids=["dataset", "model", "recipe", "questions"],
)
def test_whatever_decides_it_makes_it_anew(bench: Bench, change: dict[str, Any]) -> None:
    first = bench.measure(LEAF)
    again = bench.measure(LEAF, **change)
    assert again.key != first.key
    assert bench.trainer.runs == 2


def test_several_leaves_are_learnt_together(bench: Bench) -> None:
    report = bench.measure(LEAF, OTHER)
    assert [row.group for row in report.own] == [OTHER.path, LEAF.path]
    assert bench.trainer.runs == 1
    assert not list(bench.store.keys("impact/leaves/")), "what two leaves do says nothing of either"


def test_a_killed_run_goes_on_and_leaves_nothing_behind(bench: Bench) -> None:
    whole = bench.measure(LEAF)
    bench.store = MemoryStore()
    bench.trainer = ScriptedTrainer(fail_at=7)
    with pytest.raises(TrainError):
        bench.measure(LEAF)
    assert list(bench.folder.iterdir())
    assert bench.measure(LEAF) == whole
    assert bench.trainer.runs == 2
    assert not list(bench.folder.iterdir())


def test_a_report_survives_the_store_and_a_damaged_one_is_made_anew(bench: Bench) -> None:
    report = bench.measure(LEAF)
    assert load_report(bench.store, report.key) == report
    assert load_report(bench.store, "nothing") is None
    for damaged in (b"", b"[]", b'{"version": 0}', report.to_json().replace(b'"rows"', b'"lines"')):
        bench.store.write(f"impact/{report.key}.json", damaged)
        assert load_report(bench.store, report.key) is None
    assert bench.measure(LEAF) == report


def test_harm_is_on_file_for_blame_by_victim(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {LEAF.path: 0.5, OTHER.path: -0.4, "general": 0.0, "safety": -1.0})
    report = bench.measure(LEAF, others=gate_items(OTHER))
    assert report.harm([OTHER.path]) == pytest.approx(0.4, abs=0.05)
    assert [one.group for one in report.leads] == ["safety"]
    assert report.leads[0].share > 0.12
    assert report.harm(["general/safety"]) == pytest.approx(1.0, abs=0.1)
    lost = [one.lost for one in report.changes if one.group == "safety" and one.lost is not None]
    assert report.harm(["lead/safety"]) == pytest.approx(sum(lost) / len(lost), abs=1e-5)
    assert report.harm([LEAF.path]) == pytest.approx(-0.5, abs=0.05)
    assert report.harm(["knowledge/never/asked"]) is None
    keys = {LEAF.path: "k1", "knowledge/new": "k9"}
    assert known_harm(bench.store, keys, [OTHER.path]) == {LEAF.path: report.harm([OTHER.path])}
    assert known_harm(bench.store, keys, ["knowledge/never/asked"]) == {}


def test_what_cannot_be_measured_says_why(bench: Bench) -> None:
    with pytest.raises(ImpactError, match="no leaf was given"):
        bench.measure()
    alone = freeform("alone", 1)
    empty = ImpactRequest([(alone, dataset_of(alone, 0))], CHAMPION, BASE, QUIET, bench.folder)
    with pytest.raises(ImpactError, match="nothing is left to learn of compositional_skills/alone"):
        measure(empty, trainer=bench.trainer, evaluator=bench.evaluator, store=bench.store, progress=no_progress)
    assert bench.trainer.runs == 0
