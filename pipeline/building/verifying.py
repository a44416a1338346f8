"""Build an old build again, from what its manifest names, and compare: can it be had again by anybody?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.building.attempt import Attempt, Night
from pipeline.building.request import BuildRequest, Tools
from pipeline.evaluate.kept import Weights
from pipeline.evaluate.port import Item, Score
from pipeline.generate import load_dataset
from pipeline.git import Repository
from pipeline.leafdata import LeafDataset, Origin
from pipeline.ledger import LedgerError, read_entry
from pipeline.manifest import LiveLeaf
from pipeline.models import resolve
from pipeline.recipe import Recipe
from pipeline.registry import Registry
from pipeline.stages import BuildError, only_one
from pipeline.taxonomy import read_leaves
from validators import Leaf

CLOSE = 0.02
"""Nats per token, mean over the items: other processors round otherwise, and weights then differ in their last bits."""
_PROBES = 64


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of building `build_id` again.

    `mixture`, `adapter`: whether the digests are those of the record. `difference`: mean of |nats| by which the two
    score apart, where the weights differ; None where they do not. `why`: in plain words.
    """

    build_id: str
    mixture: bool
    adapter: bool
    difference: float | None
    why: str

    @property
    def holds(self) -> bool:
        """Whether it is the same model, or one that scores as good as the same."""
        return self.mixture and (self.adapter or (self.difference is not None and self.difference <= CLOSE))


def verify(request: BuildRequest, build_id: str, tools: Tools) -> Verification:
    """Build `build_id` again in a folder of its own, which goes afterwards. Of `request`, mirror, state and student
    count. Raises `BuildError` where something that the record names is not to be had, and what tuning raises.
    """
    record = _record(request, build_id)
    scratch = request.state / "verify" / build_id
    with only_one(request.state):
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            return _verified(request, record, scratch, tools)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _verified(request: BuildRequest, record: dict[str, Any], scratch: Path, tools: Tools) -> Verification:
    attempt = _attempt(request, record, scratch, tools)
    if attempt.id != record["build_id"]:
        raise BuildError(
            f"what build {record['build_id']} was made of gives build {attempt.id} here: this version of Seedbed "
            "counts other things as inputs. Verify with the version that its manifest names"
        )
    mixture, train = attempt.tuned()
    outputs = record["outputs"]
    same_rows, same_bits = (
        mixture["digest"] == outputs["mixture"]["digest"],
        train["digest"] == outputs["train"]["digest"],
    )
    if not same_rows:
        return Verification(attempt.id, False, same_bits, None, "The mixture is another one, so it is another model.")
    if same_bits:
        return Verification(attempt.id, True, True, None, "Mixture and weights are the same, bit for bit.")
    gap = _gap(request, attempt, train, tools)
    return Verification(
        attempt.id,
        True,
        False,
        gap,
        f"The mixture is the same; the weights differ in their bits and score {gap:.4f} nats apart, and up to {CLOSE} "
        "are what another kind of machine makes of the same arithmetic.",
    )


def _record(request: BuildRequest, build_id: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(read_entry(request.mirror, build_id).files["manifest.json"])
    except (LedgerError, KeyError, ValueError) as error:
        raise BuildError(f"the ledger has no whole record of build {build_id}: {error}") from error
    return found


def _attempt(request: BuildRequest, record: dict[str, Any], scratch: Path, tools: Tools) -> Attempt:
    inputs, base = record["inputs"], resolve(request.student)
    if base.digest != inputs["base"]["digest"]:
        raise BuildError(
            f"{base.name} is not the base of build {record['build_id']}, which is {inputs['base']['name']}"
        )
    if parent := inputs["parent"]:
        (scratch / "builds").mkdir(parents=True)
        (scratch / "builds" / parent).symlink_to((request.state / "builds" / parent).resolve())
    night = Night(
        request=replace(request, state=scratch, commit=inputs["taxonomy_commit"], push_url=None),
        tools=tools,
        base=base,
        recipe=Recipe(**inputs["recipe"]),
        registry=Registry(scratch / "registry"),
        champion=None,
        eval_sets=(),
        waivers=(),
    )
    return Attempt(night, _live(request, record, tools), inputs["mode"], inputs["taxonomy_commit"], inputs["parent"])


def _live(request: BuildRequest, record: dict[str, Any], tools: Tools) -> list[LiveLeaf]:
    inputs = record["inputs"]
    snapshot = read_leaves(Repository(request.mirror), inputs["taxonomy_commit"])
    leaves: dict[str, Leaf] = {leaf.path: leaf for leaf in snapshot.leaves}
    origins = {entry["path"]: Origin(**entry["origin"]) for entry in record["leaves"]}
    found: list[LiveLeaf] = []
    for path, key in inputs["leaves"]:
        dataset: LeafDataset | None = load_dataset(tools.store, key)
        if path not in leaves or dataset is None:
            what = "leaf" if path not in leaves else "dataset"
            raise BuildError(f"the {what} of {path} as build {record['build_id']} had it is not there any more")
        found.append(LiveLeaf(leaves[path], origins[path], dataset))
    return found


def _gap(request: BuildRequest, attempt: Attempt, train: dict[str, Any], tools: Tools) -> float:
    """How far the two score apart on the first items that the build was judged by."""
    rows = json.loads(read_entry(request.mirror, attempt.id).files["scores.json"])[:_PROBES]
    items = [Item(row["id"], row["suite"], row["group"], row["question"], row["reference"]) for row in rows]
    weights = Weights(attempt.start.model, "", attempt.folder / train["adapter"])
    scores: Sequence[Score] = tools.evaluator.score(weights.model, weights.adapter, items, tools.progress)
    gaps: list[float] = [abs(score.nats - row["candidate"]["nats"]) for score, row in zip(scores, rows, strict=True)]
    return sum(gaps) / max(1, len(gaps))
