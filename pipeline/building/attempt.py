"""One candidate: mixture, train, evaluate, gate, export, ledger, promote; each stage is done once for the same inputs.

A trial of the search for a leaf to blame is an attempt without some leaves that stops at the gate. So the build that
follows a quarantine is the trial that left out the same leaves, and trains nothing anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.anchors import ANSWER_TOKENS as CHAT_TOKENS
from pipeline.anchors import Anchor, Anchors, make_anchors
from pipeline.building.champion import Champion, read_champion, start_of
from pipeline.building.request import BuildRequest, Progress, Tools
from pipeline.card import render_card
from pipeline.evaluate.items import audit_items, gate_items, general_items, items_digest
from pipeline.evaluate.kept import Weights, scored
from pipeline.evaluate.port import BATCH_ROWS, OTHER_BATCH, Item, Score, item_of
from pipeline.evaluate.sets import guarded
from pipeline.export import ExportApart, ExportJob
from pipeline.files import write_durably
from pipeline.gate import Check, Evidence, Verdict, decide, settle, unreleasable, verdict_from
from pipeline.git import Access
from pipeline.leafdata import LeafDataset
from pipeline.ledger import Entry, Remote, leaf_files, record
from pipeline.manifest import LiveLeaf, build_id, build_inputs, canonical, manifest
from pipeline.mixture import Contents, anchors_wanted, contents, difference, mix
from pipeline.models import ModelFolder, same_tokenizer
from pipeline.modes import CHATS, Mode
from pipeline.quality.decontamination import EvalItem
from pipeline.recipe import Recipe
from pipeline.registry import BASE, Registry
from pipeline.replay import loss_rises
from pipeline.scope import repeated, scope, some
from pipeline.stages import BuildError, Stages
from pipeline.train.port import TrainJob
from pipeline.waivers import Waiver
from validators import Leaf

_SPANS = {"mixture": (0.0, 0.1), "train": (0.1, 0.7), "evaluate": (0.7, 0.92), "export": (0.92, 1.0)}
_RECORDED = ("manifest.json", "verdict.json", "MODEL_CARD.md", "scores.json")


@dataclass(frozen=True, slots=True)
class Night:
    """What all attempts of one night share. `recipe` is resolved."""

    request: BuildRequest
    tools: Tools
    base: ModelFolder
    recipe: Recipe
    registry: Registry
    champion: Champion | None
    eval_sets: Sequence[EvalItem]
    waivers: Sequence[Waiver]

    @property
    def builds(self) -> Path:
        """Where builds lie, a folder each."""
        return self.request.state / "builds"


class Attempt:
    """A candidate of `live` leaves. `parent`: the build whose weights it starts from, None for the pinned base."""

    def __init__(self, night: Night, live: Sequence[LiveLeaf], mode: Mode, commit: str, parent: str | None) -> None:
        self.night, self.live, self.mode, self.commit = night, live, mode, commit
        self.tools, self.recipe, self.base = night.tools, night.recipe, night.base
        self.inputs = build_inputs(
            commit,
            live,
            night.base,
            night.recipe,
            eval_sets=night.eval_sets,
            embedder=night.tools.embedder.digest if night.tools.embedder else "",
            mode=mode,
            parent=parent,
        )
        self.id = build_id(self.inputs)
        self.folder = night.builds / self.id
        self.stages = Stages(self.folder, self.id)
        self.start = start_of(night.builds, parent, night.base)
        self.parent = read_champion(night.builds, parent) if parent else None
        self.champion = self._opponent()
        self.seconds: dict[str, float] = {}
        self._judged: Verdict | None = None

    def _opponent(self) -> Champion | None:
        """Whom it is compared with. A build that was promoted was judged against the champion of that day, and stays
        judged; one that was killed between the move of the name and its record is the champion and not its own."""
        promoted = self.stages.recorded("promote")
        if promoted is not None:
            return read_champion(self.night.builds, promoted["against"]) if promoted["against"] else None
        now = self.night.champion
        if now is None or now.id != self.id:
            return now
        before = (self.stages.recorded("evaluate") or {}).get("champion")
        return read_champion(self.night.builds, before) if before else None

    @property
    def changed(self) -> frozenset[str]:
        """Leaves that the champion has not learnt as they are."""
        return _changed(self.live, self.champion)

    def items(self, anchors: Anchors) -> list[Item]:
        """What it is judged by."""
        every = all_items(self.live, anchors.heldout, self.recipe, audit=self.mode == "full")
        return scope(every, self.mode, self.changed)

    def verdict(self) -> Verdict:
        """Tune it and judge it, as far as that is not done."""
        if self._judged is None:
            self._judged = self._judge()
        return self._judged

    def tuned(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What its mixture and its tuning came to, as far as that is not done. To be called once."""
        mixture = self._stage("mixture", lambda: self._mix(self._anchors()))
        return mixture, self._stage("train", lambda: self._train(mixture))

    def _judge(self) -> Verdict:
        _, train = self.tuned()
        anchors = self._anchors()
        items = self.items(anchors)
        against = self.champion.id if self.champion else None
        self._stage("evaluate", lambda: self._evaluate(items, anchors, train), depends=against)
        waived = sorted([one.name, one.check_or_leaf, one.expires.isoformat()] for one in self.night.waivers)
        judged = self._stage("gate", lambda: self._gate(items, train), depends=[waived, asdict(self.tools.policy)])
        return verdict_from(judged)

    def conclude(self, quarantine: bytes) -> tuple[Verdict, str]:
        """Export what the gate lets pass, record, perhaps promote: the settled verdict and the ledger's commit.

        `quarantine`: what the ledger keeps beside it.
        """
        verdict = self.verdict()
        exported = self._stage("export", lambda: self._export(verdict))
        settled = verdict_from(exported["verdict"])
        ledger = self._stage("ledger", lambda: self._record(settled, quarantine))
        self._stage("promote", lambda: self._promote(settled))
        return settled, ledger["commit"]

    def candidate_scores(self) -> dict[str, Score]:
        """By item, after `verdict`."""
        return {row["id"]: Score(**row["candidate"]) for row in self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Its items, each with the scores of every model that was asked; after `verdict`."""
        rows: list[dict[str, Any]] = json.loads((self.folder / "scores.json").read_bytes())
        return rows

    def taught(self) -> dict[str, list[str]]:
        """Rows of the mixture as texts, by changed leaf; after `verdict`."""
        found: dict[str, list[str]] = {leaf: [] for leaf in self.changed}
        for line in (self.folder / "mixture.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["leaf"] in found:
                found[row["leaf"]].append(" ".join(message["content"] for message in row["messages"]))
        return found

    def _stage(self, name: str, work: Any, *, depends: object = None) -> dict[str, Any]:
        began, made = time.monotonic(), len(self.stages.made)
        output = self.stages.run(name, work, depends=depends)
        if len(self.stages.made) > made:
            self.seconds[name] = time.monotonic() - began
        return output

    def _part(self, stage: str) -> Progress:
        start, end = _SPANS[stage]
        return lambda doing, fraction: self.tools.progress(doing, start + (end - start) * fraction)

    @property
    def _pairs(self) -> list[tuple[Leaf, LeafDataset]]:
        return [(entry.leaf, entry.dataset) for entry in self.live]

    def _anchors(self) -> Anchors:
        wanted = anchors_wanted(self._pairs, self.recipe)
        return make_anchors(self.base, self.tools.evaluator, self.tools.store, self._part("mixture"), wanted=wanted)

    def _mix(self, anchors: Anchors) -> dict[str, Any]:
        embed = self.tools.embedder
        mixture = mix(
            self._pairs,
            anchors.train,
            self.recipe,
            known=frozenset(entry.leaf.path for entry in self.live) - _changed(self.live, self.parent),
            guarded=guarded(general_items(anchors.heldout)) + list(self.night.eval_sets),
            embed=embed,
            mode=self.mode,
            dev_anchors=anchors.dev,
            rises=loss_rises(self.parent.scores()) if self.parent else None,
            salt=self.parent.id if self.parent else "",
        )
        if mixture.contaminated:
            raise BuildError(". ".join(mixture.contaminated))
        if not mixture.learns:
            raise BuildError(
                "no row of any leaf is left to learn: all were held out, gave an evaluation item away or were "
                "repeated; the champion stays. Generate samples, or add seed examples"
            )
        write_durably(self.folder / "mixture.jsonl", mixture.data)
        if mixture.dev:
            write_durably(self.folder / "dev.jsonl", mixture.dev)
        return {
            "digest": mixture.digest,
            "counts": mixture.counts,
            "leaked": list(mixture.leaked),
            "repeated": list(mixture.repeated),
            "flagged": list(mixture.flagged),
            "dev": bool(mixture.dev),
        }

    def _train(self, mixture: dict[str, Any]) -> dict[str, Any]:
        out = self.folder / f"train-{mixture['digest'][:12]}"
        dev = self.folder / "dev.jsonl" if mixture["dev"] and self.recipe.patience else None
        # Without a row to stop by, every step is made.
        recipe = self.recipe if dev else replace(self.recipe, patience=0)
        job = TrainJob(self.start.model, self.folder / "mixture.jsonl", out, recipe, dev)
        result = self.tools.trainer.train(job, self._part("train"))
        self.night.registry.nominate(self.id)
        return {
            "adapter": str(result.adapter.relative_to(self.folder)),
            "digest": result.digest,
            "steps": result.steps,
            "best_step": result.best_step,
            "loss": result.loss,
            "tokens": result.tokens,
            "micro_batch": result.micro_batch,
            "layout": result.layout,
            "dev": [list(entry) for entry in result.dev],
            "dropped": [list(entry) for entry in result.dropped],
            "thinned": [asdict(entry) for entry in result.thinned],
        }

    def _weights(self, train: dict[str, Any]) -> Weights:
        return replace(self.start, adapter=self.folder / train["adapter"], adapter_digest=train["digest"])

    def _evaluate(self, items: Sequence[Item], anchors: Anchors, train: dict[str, Any]) -> dict[str, Any]:
        base, candidate = Weights(self.base.path, self.base.digest), self._weights(train)
        champion = self.champion.weights(self.base) if self.champion else None
        scores = {
            "base": self._scored(base, items, 0),
            "candidate": self._scored(candidate, items, 1),
        }
        if champion is not None:
            scores["champion"] = self._scored(champion, items, 2)
        again = self._scored(champion or base, repeated(items), 3, batch=OTHER_BATCH)
        rows = [asdict(item) | {who: asdict(of[i]) for who, of in scores.items()} for i, item in enumerate(items)]
        write_durably(self.folder / "scores.json", canonical(rows))
        prompts = [anchor.prompt for anchor in anchors.heldout[:CHATS]]
        chats = self.tools.evaluator.answer(candidate.model, candidate.adapter, prompts, CHAT_TOKENS, self._turn(4))
        return {
            "champion": self.champion.id if self.champion else None,
            "items": items_digest(items),
            "questions": len(items),
            "again": [asdict(score) for score in again],
            "chats": [text for text, _ in chats],
        }

    def _scored(self, weights: Weights, items: Sequence[Item], turn: int, *, batch: int = BATCH_ROWS) -> list[Score]:
        return scored(weights, items, self.tools.evaluator, self.tools.store, self._turn(turn), batch=batch)

    def _turn(self, turn: int) -> Progress:
        part = self._part("evaluate")
        return lambda doing, fraction: part(doing, (turn + fraction) / 5)

    def _gate(self, items: Sequence[Item], train: dict[str, Any]) -> dict[str, Any]:
        rows = self.rows()
        of = {who: [Score(**row[who]) for row in rows] for who in ("base", "candidate", "champion") if who in rows[0]}
        evaluated = self.stages.recorded("evaluate") or {}
        learnt = self.champion.keys if self.champion else {}
        verdict = decide(
            Evidence(
                build_id=self.id,
                items=items,
                base=of["base"],
                candidate=of["candidate"],
                champion=of.get("champion"),
                champion_id=self.champion.id if self.champion else None,
                changed=self.changed,
                removed=frozenset(learnt) - {entry.leaf.path for entry in self.live},
                again=[Score(**fields) for fields in evaluated["again"]],
                chats=evaluated["chats"],
                tokenizer_same=same_tokenizer(self.base.path, self._weights(train).model),
                waivers=self.night.waivers,
                audit=self.mode == "full",
            ),
            self.tools.policy,
        )
        write_durably(self.folder / "verdict.json", verdict.to_json())
        output: dict[str, Any] = json.loads(verdict.to_json())
        return output

    def _export(self, verdict: Verdict) -> dict[str, Any]:
        """Write the released files; a PROMOTE whose files are not the model that was judged becomes HOLD."""
        train = self.stages.recorded("train") or {}
        whole, made = self._manifest(train), {}
        if verdict.decision == "PROMOTE":
            job = ExportJob(
                model=self.start.model,
                adapter=self.folder / train["adapter"],
                out=self.folder / "model",
                card=render_card(whole, verdict),
                probes=[item_of(row) for row in self.rows() if row["suite"] == "heldout"],
                threads=self.recipe.threads,
            )
            try:
                made = self.tools.exporter(job, self._part("export"))
                check = Check("export/model", True, "The released model scores as the one that was judged.")
                if not same_tokenizer(self.base.path, job.out):
                    check = unreleasable("model", "its tokenizer is not the base model's")
            except ExportApart as error:
                check = unreleasable("model", str(error))
            verdict = settle(verdict, [check])
        write_durably(self.folder / "manifest.json", canonical(whole))
        write_durably(self.folder / "MODEL_CARD.md", render_card(whole, verdict))
        write_durably(self.folder / "verdict.json", verdict.to_json())
        kept = "model" if verdict.decision == "PROMOTE" else None
        return {"model": kept, "made": made, "verdict": json.loads(verdict.to_json())}

    def _manifest(self, train: dict[str, Any]) -> dict[str, Any]:
        mixture = self.stages.recorded("mixture") or {}
        before: Contents = {}
        if self.champion is not None and (data := self.night.builds / self.champion.id / "mixture.jsonl").exists():
            before = contents(data.read_bytes())
        differs = difference(before, contents((self.folder / "mixture.jsonl").read_bytes()))
        earlier = (
            self.parent.manifest.get("since_full", 0) + (self.parent.manifest.get("mode") == "incremental")
            if (self.parent)
            else 0
        )
        return manifest(
            self.inputs,
            self.live,
            champion=self.champion.id if self.champion else None,
            outputs={"mixture": mixture, "train": train, "difference": differs.to_json()},
            since_full=earlier,
        )

    def _record(self, verdict: Verdict, quarantine: bytes) -> dict[str, Any]:
        names = [*_RECORDED, *(["blame.json"] if (self.folder / "blame.json").exists() else [])]
        rejected = self.night.registry.rejection(self.id)
        after = self.night.registry.aliases() if rejected else self.night.registry.foresee(verdict)
        entry = Entry(
            build_id=self.id,
            taxonomy_commit=self.commit,
            subject=f"Build {self.id}: {verdict.decision}",
            files={name: (self.folder / name).read_bytes() for name in names},
            champion=after.for_ledger(),
            quarantine=quarantine,
            leaves=leaf_files(verdict.rows),
            verdict=verdict.decision,
            parent=self.inputs["parent"] or BASE,
            mode=self.mode,
        )
        url = self.night.request.push_url
        remote = Remote(url, Access(token=self.night.request.token())) if url else None
        return {"commit": record(self.night.request.mirror, entry, remote)}

    def _promote(self, verdict: Verdict) -> dict[str, Any]:
        rejected = self.night.registry.rejection(self.id)
        if verdict.decision == "PROMOTE" and rejected is None:
            self.night.registry.promote(verdict)
        return {
            "promoted": verdict.decision == "PROMOTE" and rejected is None,
            "against": self.champion.id if self.champion else None,
        }


def all_items(live: Sequence[LiveLeaf], anchors: Sequence[Anchor], recipe: Recipe, *, audit: bool) -> list[Item]:
    """What builds of these leaves can be judged by. `anchors`: held-out ones; `audit`: open the audit items, too."""
    of_leaves = [item for entry in live for item in gate_items(entry.leaf, entry.dataset)]
    if audit:
        of_leaves += [item for entry in live for item in audit_items(entry.leaf)]
    return [*of_leaves, *some(general_items(anchors), recipe.general_items)]


def _changed(live: Sequence[LiveLeaf], before: Champion | None) -> frozenset[str]:
    learnt = before.keys if before else {}
    return frozenset(entry.leaf.path for entry in live if learnt.get(entry.leaf.path) != entry.dataset.leaf_key)
