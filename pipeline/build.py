"""A build: from a taxonomy commit to a judged, perhaps promoted student.

Stages: mixture, train, evaluate, gate, export, ledger, promote. A build that is killed goes on where it was; the same
inputs have the same build id and cost nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.anchors import Anchors, make_anchors
from pipeline.card import render_card
from pipeline.evaluate.items import heldout_items, items_digest, regression_items
from pipeline.evaluate.port import Evaluator, Item, Score
from pipeline.evaluate.sets import EvalSetError, guarded, read_sets
from pipeline.export import Exporter, ExportJob, export
from pipeline.files import write_durably
from pipeline.gate import Verdict, decide, verdict_from
from pipeline.generate import LeafDataset, Origin
from pipeline.git import Access
from pipeline.ledger import Entry, Remote, record
from pipeline.manifest import LiveLeaf, build_id, build_inputs, canonical, manifest
from pipeline.mixture import mix
from pipeline.models import ModelFolder, resolve
from pipeline.quality.decontamination import EvalItem
from pipeline.quality.embedding import Embedder
from pipeline.recipe import Recipe
from pipeline.registry import Registry
from pipeline.stages import BuildError, Stages, only_one
from pipeline.store.port import Store
from pipeline.train.port import Trainer, TrainJob
from validators import Leaf

Progress = Callable[[str, float], None]
SCORER = 1  # counts changes of the scoring code: kept scores of another version do not fit
_SPANS = {"mixture": (0.0, 0.15), "train": (0.15, 0.75), "evaluate": (0.75, 0.92), "export": (0.92, 1.0)}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build. `mirror`: bare repository; `state`: folder for `builds/` and `registry/`; `datasets`: in any
    order, one for each leaf that takes part; `push_url`: where the ledger goes, None for the mirror alone;
    `token`: gives one for that push, hours from now."""

    mirror: Path
    commit: str
    state: Path
    student: str
    recipe: Recipe
    datasets: Sequence[LeafDataset]
    leaves: Sequence[tuple[Leaf, Origin]]
    push_url: str | None = None
    token: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came of it. `folder` holds manifest, verdict, scores, card, adapter and, once promoted, `model/`.

    `champion_changed`: this build was promoted and is the champion now. `made`: stages that did work in this run.
    """

    verdict: Verdict
    build_id: str
    folder: Path
    champion_changed: bool
    ledger_commit: str
    made: tuple[str, ...] = ()


def run_build(
    request: BuildRequest,
    *,
    trainer: Trainer,
    evaluator: Evaluator,
    store: Store,
    progress: Progress,
    exporter: Exporter = export,
    embedder: Embedder | None = None,
) -> BuildResult:
    """Build, judge and perhaps promote. `embedder`: finds rows of one meaning; None looks at words alone.

    Raises `BuildError`, and what the stages raise: `ModelError`, `TrainError`, `EvaluateError`, `ExportError`,
    `LedgerError`, `RegistryError`, `StoreError`. After any of them the same call goes on from the last finished stage.
    """
    with only_one(request.state):
        return _Build(request, trainer, evaluator, store, progress, exporter, embedder).run()


def live_leaves(leaves: Sequence[tuple[Leaf, Origin]], datasets: Sequence[LeafDataset]) -> list[LiveLeaf]:
    """Leaves that have a dataset, with it, sorted by path. Raises `BuildError` when there are none."""
    by_path = {dataset.leaf: dataset for dataset in datasets}
    live = [LiveLeaf(leaf, origin, by_path[leaf.path]) for leaf, origin in leaves if leaf.path in by_path]
    if not live:
        raise BuildError("no leaf has a dataset, so there is nothing to learn; generate first")
    return sorted(live, key=lambda entry: entry.leaf.path)


class _Build:
    def __init__(
        self,
        request: BuildRequest,
        trainer: Trainer,
        evaluator: Evaluator,
        store: Store,
        progress: Progress,
        exporter: Exporter,
        embedder: Embedder | None,
    ) -> None:
        self.request, self.trainer, self.evaluator = request, trainer, evaluator
        self.store, self.progress, self.exporter, self.embedder = store, progress, exporter, embedder
        self.recipe = request.recipe.resolved()
        self.live = live_leaves(request.leaves, request.datasets)
        self.base: ModelFolder = resolve(request.student)
        self.eval_sets = _eval_sets(self.recipe)
        self.inputs = build_inputs(
            request.commit,
            self.live,
            self.base,
            self.recipe,
            eval_sets=self.eval_sets,
            embedder=embedder.digest if embedder else "",
        )
        self.id = build_id(self.inputs)
        self.folder = request.state / "builds" / self.id
        self.registry = Registry(request.state / "registry")
        self.stages = Stages(self.folder, self.id)
        # A build that was promoted was judged against the champion of that day, and stays judged.
        promoted = self.stages.recorded("promote")
        self.champion: str | None = promoted["against"] if promoted else self.registry.aliases().champion
        if self.champion == self.id:  # killed between the move of the pointer and its record
            self.champion = (self.stages.recorded("evaluate") or {}).get("champion")

    def run(self) -> BuildResult:
        anchors = self._anchors()
        mixture = self.stages.run("mixture", lambda: self._mix(anchors), depends=self.champion)
        train = self.stages.run("train", lambda: self._train(mixture))
        items = [item for entry in self.live for item in heldout_items(entry.leaf)]
        items += regression_items(anchors.heldout)
        self.stages.run("evaluate", lambda: self._evaluate(items, train), depends=self.champion)
        verdict = verdict_from(self.stages.run("gate", lambda: self._gate(items)))
        self.stages.run("export", lambda: self._export(items, train, verdict, mixture))
        ledger = self.stages.run("ledger", lambda: self._record(verdict))
        promoted = self.stages.run("promote", lambda: self._promote(verdict))
        changed = promoted["promoted"] and self.registry.aliases().champion == self.id
        self.progress(f"build {self.id}: {verdict.decision}", 1.0)
        return BuildResult(verdict, self.id, self.folder, changed, ledger["commit"], tuple(self.stages.made))

    def _part(self, stage: str) -> Progress:
        start, end = _SPANS[stage]
        return lambda doing, fraction: self.progress(doing, start + (end - start) * fraction)

    def _anchors(self) -> Anchors:
        return make_anchors(self.base, self.evaluator, self.store, self._part("mixture"))

    def _mix(self, anchors: Anchors) -> dict[str, Any]:
        pairs = [(entry.leaf, entry.dataset) for entry in self.live]
        others = guarded(regression_items(anchors.heldout)) + self.eval_sets
        known, embed = self._known(), self.embedder
        mixture = mix(pairs, anchors.train, self.recipe, known=known, guarded=others, embed=embed)
        if mixture.contaminated:
            raise BuildError(". ".join(mixture.contaminated))
        write_durably(self.folder / "mixture.jsonl", mixture.data)
        return {
            "digest": mixture.digest,
            "counts": mixture.counts,
            "leaked": list(mixture.leaked),
            "repeated": list(mixture.repeated),
            "flagged": list(mixture.flagged),
        }

    def _known(self) -> frozenset[str]:
        """Leaves that the champion has learnt exactly as they are now."""
        if self.champion is None:
            return frozenset()
        learnt = {tuple(entry) for entry in self._champion_inputs()["leaves"]}
        return frozenset(e.leaf.path for e in self.live if (e.leaf.path, e.dataset.leaf_key) in learnt)

    def _champion_inputs(self) -> dict[str, Any]:
        path = self.request.state / "builds" / str(self.champion) / "manifest.json"
        try:
            inputs: dict[str, Any] = json.loads(path.read_bytes())["inputs"]
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(
                f"the champion's record {path} cannot be read ({error}); restore it, or roll back"
            ) from error
        return inputs

    def _train(self, mixture: dict[str, Any]) -> dict[str, Any]:
        out = self.folder / f"train-{mixture['digest'][:12]}"
        job = TrainJob(self.base.path, self.folder / "mixture.jsonl", out, self.recipe)
        result = self.trainer.train(job, self._part("train"))
        self.registry.nominate(self.id)
        return {
            "adapter": str(result.adapter.relative_to(self.folder)),
            "digest": result.digest,
            "steps": result.steps,
            "loss": result.loss,
            "dropped": [list(entry) for entry in result.dropped],
        }

    def _evaluate(self, items: Sequence[Item], train: dict[str, Any]) -> dict[str, Any]:
        scores = {
            "base": self._score(self.base.path, self.base.digest, None, "", items, 0),
            "candidate": self._score(
                self.base.path, self.base.digest, self.folder / train["adapter"], train["digest"], items, 1
            ),
        }
        if self.champion is not None:
            scores["champion"] = self._score(*self._champion_model(), items, 2)
        rows = [asdict(item) | {who: asdict(of[i]) for who, of in scores.items()} for i, item in enumerate(items)]
        data = canonical(rows)
        write_durably(self.folder / "scores.json", data)
        return {"champion": self.champion, "items": items_digest(items), "questions": len(items)}

    def _champion_model(self) -> tuple[Path, str, Path | None, str]:
        """The champion as (model, digest, adapter, digest): on the same base by its adapter, else its merged model."""
        folder = self.request.state / "builds" / str(self.champion)
        train = Stages(folder, str(self.champion)).recorded("train")
        if train is None:
            raise BuildError(f"the champion's record {folder} is not whole; restore it, or roll back")
        if self._champion_inputs()["base"]["digest"] == self.base.digest:
            return self.base.path, self.base.digest, folder / train["adapter"], train["digest"]
        return folder / "model", f"build/{self.champion}", None, ""

    def _score(
        self, model: Path, digest: str, adapter: Path | None, adapter_digest: str, items: Sequence[Item], turn: int
    ) -> list[Score]:
        """Scores from the store, by the content of model and items alone, or made now."""
        key = f"scores/{_key(SCORER, digest, adapter_digest, items_digest(items))}.json"
        if self.store.exists(key):
            return [Score(**fields) for fields in json.loads(self.store.read(key))]
        part, turns = self._part("evaluate"), 2 + (self.champion is not None)
        scores = self.evaluator.score(
            model, adapter, items, lambda doing, fraction: part(doing, (turn + fraction) / turns)
        )
        self.store.write(key, json.dumps([asdict(score) for score in scores]).encode())
        return scores

    def _gate(self, items: Sequence[Item]) -> dict[str, Any]:
        rows = json.loads((self.folder / "scores.json").read_bytes())
        of = {who: [Score(**row[who]) for row in rows] for who in ("base", "candidate", "champion") if who in rows[0]}
        verdict = decide(
            items,
            of["base"],
            of["candidate"],
            build_id=self.id,
            champion=of.get("champion"),
            champion_id=self.champion,
            changed=frozenset(entry.leaf.path for entry in self.live) - self._known(),
        )
        write_durably(self.folder / "verdict.json", verdict.to_json())
        output: dict[str, Any] = json.loads(verdict.to_json())
        return output

    def _export(
        self, items: Sequence[Item], train: dict[str, Any], verdict: Verdict, mixture: dict[str, Any]
    ) -> dict[str, Any]:
        outputs = {"mixture": mixture, "train": train}
        whole = manifest(self.inputs, self.live, champion=self.champion, outputs=outputs)
        card = render_card(whole, verdict)
        write_durably(self.folder / "manifest.json", canonical(whole))
        write_durably(self.folder / "MODEL_CARD.md", card)
        if verdict.decision != "PROMOTE":
            return {"model": None}
        job = ExportJob(
            model=self.base.path,
            adapter=self.folder / train["adapter"],
            out=self.folder / "model",
            card=card,
            probes=[item for item in items if item.suite == "heldout"],
            threads=self.recipe.threads,
        )
        return {"model": "model", **self.exporter(job, self._part("export"))}

    def _record(self, verdict: Verdict) -> dict[str, Any]:
        names = ("manifest.json", "verdict.json", "MODEL_CARD.md", "scores.json")
        entry = Entry(
            build_id=self.id,
            taxonomy_commit=self.request.commit,
            subject=f"Build {self.id}: {verdict.decision}",
            files={name: (self.folder / name).read_bytes() for name in names},
        )
        url = self.request.push_url
        remote = Remote(url, Access(token=self.request.token())) if url else None
        return {"commit": record(self.request.mirror, entry, remote)}

    def _promote(self, verdict: Verdict) -> dict[str, Any]:
        if verdict.decision == "PROMOTE":
            self.registry.promote(verdict)
        return {"promoted": verdict.decision == "PROMOTE", "against": self.champion}


def _eval_sets(recipe: Recipe) -> list[EvalItem]:
    try:
        return read_sets(recipe.eval_sets)
    except EvalSetError as error:
        raise BuildError(str(error)) from error


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
