"""Tune an adapter on some leaves alone, from the present model, and ask before and after."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.anchors import Anchors, make_anchors
from pipeline.evaluate.items import gate_items, general_items, items_digest
from pipeline.evaluate.kept import Weights, scored
from pipeline.evaluate.port import Evaluator, Item, Score, is_answered
from pipeline.evaluate.sets import guarded
from pipeline.files import write_durably
from pipeline.gate import ALL_LEAVES, CALIBRATED, Row
from pipeline.gate.comparison import Comparison
from pipeline.gate.lead import leads
from pipeline.gate.rows import adjusted, branch_rows, general_row, group_rows
from pipeline.impact.report import Contrasted, ImpactReport, ItemChange, load_report, save_report
from pipeline.leafdata import LeafDataset
from pipeline.mixture import Mixture, anchors_wanted, mix
from pipeline.models import ModelFolder
from pipeline.quality.embedding import Embedder
from pipeline.recipe import Recipe
from pipeline.store.port import Store
from pipeline.train.port import Trainer, TrainJob, TrainResult
from validators import Leaf

Progress = Callable[[str, float], None]
SCORING = 1  # counts changes of the scoring code: kept scores and reports of another version do not fit
NAME = 16  # hex digits of a run's key, which name its folder
ALPHA = 0.05  # of any false alarm among leaves of others and kinds of questions
_SPANS = {"mixture": (0.0, 0.1), "before": (0.1, 0.3), "train": (0.3, 0.75), "after": (0.75, 1.0)}


class ImpactError(Exception):
    """There is nothing to measure. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ImpactRequest:
    """What to learn, and from where.

    `model`: the present one, which is tuned; `base`: the pinned one, whose ordinary answers are rehearsed beside.
    `recipe`: that of the night. `folder`: for the work under way, of one run at a time; what earlier ones left there
    goes. `others`: held-out questions of leaves that are not learnt, to see whether these suffer.
    """

    pairs: Sequence[tuple[Leaf, LeafDataset]]
    model: ModelFolder
    base: ModelFolder
    recipe: Recipe
    folder: Path
    others: Sequence[Item] = ()


def for_impact(recipe: Recipe) -> Recipe:
    """The recipe of an impact run: the night's, for as few rows as one leaf has."""
    return replace(recipe.resolved(), name=f"{recipe.name}-impact", eval_sets=())


def measure(
    request: ImpactRequest,
    *,
    trainer: Trainer,
    evaluator: Evaluator,
    store: Store,
    progress: Progress,
    embedder: Embedder | None = None,
) -> ImpactReport:
    """Learn and ask, or find in the store what the same came to before. Killed and called again, it goes on.

    Raises `ImpactError`, `TrainError`, `EvaluateError`, `StoreError` and, of a full disk, `OSError`.
    """
    return _Run(request, trainer, evaluator, store, progress, embedder).report()


class _Run:
    def __init__(
        self,
        request: ImpactRequest,
        trainer: Trainer,
        evaluator: Evaluator,
        store: Store,
        progress: Progress,
        embedder: Embedder | None,
    ) -> None:
        if not request.pairs:
            raise ImpactError("no leaf was given, so there is nothing to learn; name one")
        self.request, self.trainer, self.evaluator = request, trainer, evaluator
        self.store, self.progress, self.embedder = store, progress, embedder
        self.recipe = for_impact(request.recipe)

    def report(self) -> ImpactReport:
        anchors = self._anchors()
        mixture = self._mix(anchors)
        own = [item for leaf, dataset in self.request.pairs for item in gate_items(leaf, dataset)]
        items = [*own, *self.request.others, *general_items(anchors.heldout)]
        key = self._key(mixture, items)
        if (kept := load_report(self.store, key)) is not None:
            self.progress("impact: measured before", 1.0)
            return kept
        folder = self.request.folder / key[:NAME]
        present = Weights(self.request.model.path, self.request.model.digest)
        before = scored(present, items, self.evaluator, self.store, self._part("before"))
        self._clear(but=folder)
        trained = self._train(mixture, folder)
        after = self.evaluator.score(self.request.model.path, trained.adapter, items, self._part("after"))
        made = self._report(key, mixture, trained, items, (before, after))
        save_report(self.store, made)
        self._clear()
        self.progress("impact: measured", 1.0)
        return made

    def _part(self, span: str) -> Progress:
        start, end = _SPANS[span]
        return lambda doing, fraction: self.progress(doing, start + (end - start) * fraction)

    def _anchors(self) -> Anchors:
        wanted = anchors_wanted(self.request.pairs, self.recipe)
        return make_anchors(self.request.base, self.evaluator, self.store, self._part("mixture"), wanted=wanted)

    def _mix(self, anchors: Anchors) -> Mixture:
        mixture = mix(
            self.request.pairs,
            anchors.train,
            self.recipe,
            guarded=guarded([*general_items(anchors.heldout), *self.request.others]),
            embed=self.embedder,
            mode="impact",
            dev_anchors=anchors.dev,
        )
        if mixture.contaminated:
            raise ImpactError(". ".join(mixture.contaminated))
        if not _trained(mixture):
            names = ", ".join(leaf.path for leaf, _ in self.request.pairs)
            raise ImpactError(
                f"nothing is left to learn of {names}: no sample passed the filters, and every seed example is held "
                "out or gives a held-out one away. More varied seed examples help"
            )
        return mixture

    def _key(self, mixture: Mixture, items: Sequence[Item]) -> str:
        dev = hashlib.sha256(mixture.dev).hexdigest()
        parts = [SCORING, self.request.model.digest, self.recipe.to_json(), self._leaves(), mixture.digest, dev]
        return hashlib.sha256(json.dumps([*parts, items_digest(items)], sort_keys=True).encode()).hexdigest()

    def _leaves(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((leaf.path, dataset.leaf_key) for leaf, dataset in self.request.pairs))

    def _train(self, mixture: Mixture, folder: Path) -> TrainResult:
        write_durably(folder / "mixture.jsonl", mixture.data)
        dev = folder / "dev.jsonl" if mixture.dev else None
        if dev:
            write_durably(dev, mixture.dev)
        # Without a row to stop by, every step is made.
        recipe = self.recipe if dev else replace(self.recipe, patience=0)
        job = TrainJob(self.request.model.path, folder / "mixture.jsonl", folder / "train", recipe, dev)
        return self.trainer.train(job, self._part("train"))

    def _clear(self, but: Path | None = None) -> None:
        """Remove what runs left, also those that were killed and never asked for again."""
        for left in self.request.folder.glob("[0-9a-f]" * NAME):
            if left != but:
                shutil.rmtree(left, ignore_errors=True)

    def _report(
        self,
        key: str,
        mixture: Mixture,
        trained: TrainResult,
        items: Sequence[Item],
        scores: tuple[Sequence[Score], Sequence[Score]],
    ) -> ImpactReport:
        before, after = ({score.id: score for score in one} for one in scores)
        compared = Comparison(items, before, after, "the present model", key, 0.0)
        paths = frozenset(leaf.path for leaf, _ in self.request.pairs)
        own = [item for item in items if item.suite == "heldout" and item.group in paths]
        lost = {item.id: round(margin - now, 6) for item, margin, now in compared.choices(items)}
        return ImpactReport(
            key=key,
            leaves=self._leaves(),
            against=self.request.model.digest,
            adapter=trained.digest,
            trained=_trained(mixture),
            anchors=sum(mixture.counts.get("anchors", {}).values()),
            steps=trained.steps,
            rows=_table(compared, paths),
            answers=tuple(_contrasted(item, before[item.id], after[item.id]) for item in own if is_answered(item)),
            changes=tuple(
                ItemChange(item.id, item.suite, item.group, change, lost.get(item.id))
                for item, change in zip(items, compared.changes(items), strict=True)
            ),
            leads=tuple(one for one in leads(compared, None, CALIBRATED) if one.lost(CALIBRATED, compared.floor)),
        )


def _table(compared: Comparison, own: frozenset[str]) -> tuple[Row, ...]:
    """Own leaves as they are; what may suffer, with one error rate over all of it; and each as a whole."""
    leaves = group_rows(compared, "heldout", own)
    mine = [row for row in leaves if row.group in own]
    watched = [*(row for row in leaves if row.group not in own), *group_rows(compared, "general")]
    together = [row for row in branch_rows(compared, own) if row.group == ALL_LEAVES]
    return (*mine, *adjusted(watched, ALPHA), *together, *general_row(compared))


def _trained(mixture: Mixture) -> int:
    return sum(sum(sources.values()) for name, sources in mixture.counts.items() if name != "anchors")


def _contrasted(item: Item, before: Score, after: Score) -> Contrasted:
    return Contrasted(item.group, item.question, before.answer, after.answer, round(after.nats - before.nats, 6))
