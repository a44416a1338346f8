"""A whole night with doubles: modes, blame, quarantine, waivers, and building an old build again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline import ledger, statistics
from pipeline.building import BuildRequest, BuildResult, Tools, plan_night, run_build, verify, verifying
from pipeline.evaluate.port import BATCH_ROWS, Item, Progress, Score
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.export import ExportApart, ExportJob
from pipeline.files import file_digest
from pipeline.generate import LeafDataset, Origin
from pipeline.leafdata import save_dataset
from pipeline.quarantine import Quarantine
from pipeline.registry import Registry
from pipeline.stages import BuildError
from pipeline.store.memory import MemoryStore
from pipeline.taxonomy import TaxonomySnapshot
from pipeline.train.port import TrainError, TrainJob, TrainResult
from pipeline.train.scripted import ScriptedTrainer
from tests.building import QUIET, bare_repository, dataset_of, freeform, no_progress, origin, pretend_model
from validators import Leaf

MONDAY = date(2026, 3, 2)
LEAVES = ("greetings", "farewells", "sailing", "baking")


@dataclass(slots=True)
class Reading(ScriptedEvaluator):
    """Looks into the mixture behind an adapter: each of `harm` that was learnt makes a suite or group worse."""

    harm: dict[str, dict[str, float]] | None = None

    def score(
        self,
        model: Path,
        adapter: Path | None,
        items: Sequence[Item],
        progress: Progress,
        *,
        batch: int = BATCH_ROWS,
    ) -> list[Score]:
        learnt = _learnt(adapter)
        made = ScriptedEvaluator.score(self, model, adapter, items, progress, batch=batch)
        return [
            replace(score, nats=round(score.nats + self._worse(item, learnt), 6))
            for item, score in zip(items, made, strict=True)
        ]

    def _worse(self, item: Item, learnt: set[str]) -> float:
        of = [what for leaf, what in (self.harm or {}).items() if leaf in learnt]
        return sum(what.get(item.group, what.get(item.suite, 0.0)) for what in of)


def _learnt(adapter: Path | None) -> set[str]:
    if adapter is None:
        return set()
    lines = (adapter.parent.parent / "mixture.jsonl").read_text().splitlines()
    return {json.loads(line)["leaf"].rpartition("/")[2] for line in lines}


class Elsewhere(ScriptedTrainer):
    """On a machine that rounds otherwise."""

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        result = ScriptedTrainer.train(self, job, progress)
        path = result.adapter / "adapter_model.safetensors"
        path.write_bytes(b"other bits")
        return replace(result, digest=file_digest(path))


class Town:
    """A taxonomy of a few leaves, a state folder, and doubles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trainer, self.evaluator, self.store = ScriptedTrainer(), Reading(), MemoryStore()
        self.commit = bare_repository(folder / "taxonomy.git")
        self.student = str(pretend_model(folder / "student"))
        self.state = folder / "state"
        self.export: Callable[[ExportJob], None] = lambda job: None

    def request(self, *names: str, today: date = MONDAY, **more: Any) -> BuildRequest:
        leaves: list[tuple[Leaf, Origin]] = [
            (freeform(name, seeds=20), origin(at + 1)) for at, name in enumerate(names)
        ]
        datasets = [self.dataset(leaf) for leaf, _ in leaves]
        return BuildRequest(
            mirror=self.folder / "taxonomy.git",
            commit=self.commit,
            state=self.state,
            student=self.student,
            recipe=QUIET,
            datasets=datasets,
            leaves=leaves,
            today=today,
            **more,
        )

    def dataset(self, leaf: Leaf) -> LeafDataset:
        made = dataset_of(leaf, key="key-" + leaf.path.rpartition("/")[2])
        save_dataset(self.store, made)
        return made

    def tools(self) -> Tools:
        return Tools(self.trainer, self.evaluator, self.store, no_progress, self._export)

    def build(self, request: BuildRequest) -> BuildResult:
        return run_build(
            request,
            trainer=self.trainer,
            evaluator=self.evaluator,
            store=self.store,
            progress=no_progress,
            exporter=self._export,
        )

    def _export(self, job: ExportJob, progress: object) -> dict[str, Any]:
        self.export(job)
        job.out.mkdir(exist_ok=True)
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (job.out / name).write_bytes((job.model / name).read_bytes())
        return {"dtype": "float32"}

    @property
    def champion(self) -> str | None:
        return Registry(self.state / "registry").aliases().champion


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr(statistics, "DRAWS", 400)
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    return Town(tmp_path)


def test_a_leaf_that_harms_is_found_left_out_and_the_rest_is_promoted_the_same_night(town: Town) -> None:
    town.evaluator.harm = {"sailing": {"general": 0.6}}
    result = town.build(town.request(*LEAVES))
    assert result.blocked is not None
    assert result.blocked.decision == "HOLD"
    assert result.blame is not None
    assert [culprit.leaf for culprit in result.blame.culprits] == ["compositional_skills/sailing"]
    assert result.verdict.decision == "PROMOTE"
    assert town.champion == result.build_id != result.blocked.build_id
    entry = Quarantine(town.state / "registry").entries()[0]
    assert (entry.leaf, entry.build) == ("compositional_skills/sailing", result.blocked.build_id)
    assert entry.effect == pytest.approx(0.6, abs=0.05)
    assert [one.leaf for one in result.quarantined] == [entry.leaf]
    both = ledger.history(town.folder / "taxonomy.git")
    assert {one.build_id: one.verdict for one in both} == {
        result.build_id: "PROMOTE",
        result.blocked.build_id: "HOLD",
    }
    again = town.build(town.request(*LEAVES))
    assert (again.build_id, again.made) == (result.build_id, ())


def test_a_quarantined_leaf_is_tried_again_when_its_time_is_over(town: Town) -> None:
    town.evaluator.harm = {"sailing": {"general": 0.6}}
    first = town.build(town.request(*LEAVES))
    inside = town.build(town.request(*LEAVES, today=date(2026, 4, 1)))
    assert (inside.build_id, inside.made) == (first.build_id, ())
    later = town.build(town.request(*LEAVES, today=date(2026, 4, 6)))
    assert later.blocked is not None, "it harms as it did, so it is left out for another while"
    assert [entry.expires for entry in Quarantine(town.state / "registry").entries()] == [date(2026, 5, 6)]
    assert town.champion == first.build_id


def test_harm_that_no_leaf_explains_holds_the_build_and_says_so(town: Town) -> None:
    town.evaluator.gain = {"heldout": 0.5, "general": -0.5}
    result = town.build(town.request(*LEAVES))
    assert result.verdict.decision == "HOLD"
    assert result.blame is not None
    assert not result.blame.attributable
    assert "not enough to tell" in result.blame.why
    assert town.champion is None
    assert json.loads((result.folder / "blame.json").read_bytes())["culprits"] == []


def test_nobody_is_blamed_where_nobody_looks(town: Town) -> None:
    town.evaluator.harm = {"sailing": {"general": 0.6}}
    result = town.build(town.request(*LEAVES, blame_runs=0))
    assert (result.verdict.decision, result.blame, town.trainer.runs) == ("HOLD", None, 1)


def test_a_night_too_short_for_all_goes_on_from_the_champion(town: Town) -> None:
    first = town.build(town.request(*LEAVES[:3]))
    assert first.plan.why.startswith("full: there is no champion")
    town.evaluator.gain = {"heldout": 0.5, "compositional_skills/baking": 2.0, "general": 0.0}
    second = town.build(town.request(*LEAVES, budget_s=0.01))
    assert second.plan.mode == "incremental"
    inputs = json.loads((second.folder / "manifest.json").read_bytes())["inputs"]
    assert (inputs["mode"], inputs["parent"]) == ("incremental", first.build_id)
    rows = [json.loads(line) for line in (second.folder / "mixture.jsonl").read_text().splitlines()]
    sources = {row["leaf"]: row["source"] for row in rows if row["leaf"]}
    assert sources["compositional_skills/greetings"] == "replay"
    assert sources["compositional_skills/baking"] != "replay"
    weekend = town.build(town.request(*LEAVES[:2], today=date(2026, 3, 7), budget_s=0.01))
    assert weekend.plan.mode == "full", "a removal is only forgotten by a build from the base"


def test_a_plan_builds_nothing(town: Town) -> None:
    plan = plan_night(town.request(*LEAVES), town.tools())
    assert (plan.mode, town.trainer.runs, town.evaluator.calls) == ("full", 0, 0)
    assert plan.seconds > 0
    assert not (town.state / "builds").exists()
    with pytest.raises(BuildError, match="build full first"):
        plan_night(town.request(*LEAVES, mode="incremental"), town.tools())


@pytest.mark.parametrize("general_items", [QUIET.general_items, 120])
def test_a_plan_reckons_with_what_is_on_file(town: Town, general_items: int) -> None:
    request = replace(town.request(*LEAVES, blame_runs=0), recipe=replace(QUIET, general_items=general_items))
    first = plan_night(request, town.tools())
    town.evaluator.gain = {"heldout": 0.5, "general": -0.5}
    assert town.build(request).verdict.decision == "HOLD"
    second = plan_night(request, town.tools())
    (before, _), (after, loads) = (of.work["evaluate"]["score"] for of in (first, second))
    assert before > 2 * after, "the base was scored that night, on all and on some a second time"
    assert loads == 1


def test_only_new_leaves_are_scored_by_models_that_were_scored_before(town: Town) -> None:
    town.build(town.request(*LEAVES[:3]))
    asked: list[tuple[bool, int]] = []
    before = Reading.score

    def counted(
        self: Reading, model: Path, adapter: Path | None, items: Sequence[Item], *rest: Any, **more: Any
    ) -> Any:
        asked.append((adapter is not None, len(items)))
        return before(self, model, adapter, items, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading, "score", counted)
        town.build(town.request(*LEAVES))
    base = [count for tuned, count in asked if not tuned]
    assert base
    assert max(base) <= 5, "the base answers the new leaf's questions alone"


def test_files_that_are_not_the_judged_model_are_not_promoted(town: Town) -> None:
    def apart(job: ExportJob) -> None:
        raise ExportApart("the merged model scores 3.1 nats away from the one that was judged; it is not kept")

    town.export = apart
    result = town.build(town.request(*LEAVES))
    assert result.verdict.decision == "HOLD"
    assert "3.1 nats" in result.verdict.reasons[0]
    assert town.champion is None


def test_a_released_tokenizer_that_is_another_is_not_promoted(town: Town) -> None:
    export = town._export

    def spoilt(job: ExportJob, progress: object) -> dict[str, Any]:
        made = export(job, progress)
        (job.out / "tokenizer.json").write_text('{"spoilt": true}')
        return made

    town._export = spoilt  # type: ignore[method-assign]
    result = town.build(town.request(*LEAVES))
    assert result.verdict.decision == "HOLD"
    assert "tokenizer" in result.verdict.reasons[0]


def test_the_champion_stays_where_a_build_breaks(town: Town) -> None:
    first = town.build(town.request(*LEAVES[:3]))
    town.trainer.fail_at = 3
    with pytest.raises(TrainError):
        town.build(town.request(*LEAVES))
    assert town.champion == first.build_id


def test_a_build_is_had_again_bit_for_bit_or_the_difference_is_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = town.request(*LEAVES)
    leaves = tuple(leaf for leaf, _ in request.leaves)
    monkeypatch.setattr(verifying, "read_leaves", lambda *_: TaxonomySnapshot(town.commit, leaves, ()))
    built = town.build(request)
    found = verify(town.request(*LEAVES), built.build_id, town.tools())
    assert found.holds
    assert found.adapter
    assert "bit for bit" in found.why
    assert not (town.state / "verify" / built.build_id).exists()
    town.trainer = Elsewhere()
    other = verify(town.request(*LEAVES), built.build_id, town.tools())
    assert (other.mixture, other.adapter, other.difference) == (True, False, 0.0)
    assert other.holds
    with pytest.raises(BuildError, match="no whole record"):
        verify(town.request(*LEAVES), "0" * 12, town.tools())


def test_without_any_leaf_left_the_build_says_why(town: Town) -> None:
    town.evaluator.harm = {"sailing": {"general": 0.6}}
    town.build(town.request(*LEAVES))
    with pytest.raises(BuildError, match="every leaf is quarantined"):
        town.build(town.request("sailing"))
