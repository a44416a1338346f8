"""Nights with the real model on a real taxonomy: does it learn, and does it keep what it knew?

Two arms go through the same nights, each night with more leaves. *ours*: as the product does. *bare*: on from the last
model, with no replay and no anchors, and a gate that lets everything pass; what every earlier system does. Samples are
made once by the packaged teacher on vLLM, the same for both. All work is kept in a folder, so a run that was stopped
goes on.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.building import BuildRequest, BuildResult, run_build
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.gate import CALIBRATED, Policy
from pipeline.generate import LeafDataset, load_dataset
from pipeline.git import Repository
from pipeline.leafkeys import heldout
from pipeline.models import DEFAULT_MODEL
from pipeline.modes import Mode
from pipeline.quality.embedding import packaged_embedder
from pipeline.recipe import Recipe, load_recipe
from pipeline.statistics import Interval, interval, sign_flip
from pipeline.store.files import FileStore
from pipeline.train.hosted import HostedTrainer
from tests.bench.generate_bars import Findings
from tests.bench.generate_incremental import of_repository
from tests.bench.generate_leaves import Leaves
from tests.bench.generate_servers import real
from tests.bench.generate_sides import ours
from tests.bench.on_file import on_file
from tests.bench.plots import plot
from validators import Leaf

FALL, P, SHARE = 0.5, 0.01, 0.8
"""The bars of issue 6: nats that held-out tokens fall by, how often chance does that, and the share of leaves."""
MINUTES, GIGABYTES = 60, 6
LONGEST = 1600  # characters of a seed: about 400 of the 512 tokens that a row may have
MONDAY = date(2026, 3, 2)
OPEN = replace(
    CALIBRATED,
    general_margin=99.0,
    drift_margin=99.0,
    choices_drop=1.0,
    category_margin=99.0,
    leaf_margin=99.0,
    branch_margin=99.0,
    leaf_collapse=99.0,
    safety_fall=99.0,
    empty_most=1.0,
    looping_most=1.0,
)


def measure(
    taxonomy: Path, state: Path, *, leaves: int, more: int, nights: int, arms: Sequence[str], wanted: int
) -> Findings:
    """`leaves` in the first night and `more` in each further one; `arms`: "ours", "bare"; `wanted`: samples a leaf."""
    found = Findings("nights")
    chosen = choose(taxonomy, leaves + more * (nights - 1))
    datasets = samples(chosen, state, wanted)
    told: dict[str, list[dict[str, Any]]] = {arm: [] for arm in arms}
    for arm in arms:
        for night in range(nights):
            first = {leaf.path for leaf, _ in chosen[:leaves]}
            make = partial(one_night, arm, night, chosen[: leaves + more * night], datasets, first, taxonomy, state)
            told[arm].append(on_file(state / arm / f"night-{night + 1}.json", make))
            found.say(f"{arm}, night {night + 1}: {json.dumps(told[arm][-1])}")
    found.figures = told
    if "ours" in told:
        _learns(found, told["ours"][0])
    if len(told.get("ours", ())) > 1:
        _keeps(found, told)
    return found


def drawn(told: dict[str, list[dict[str, Any]]]) -> str:
    """The plot over nights, as SVG."""
    names = {"ours": "replay and anchors", "bare": "without them"}
    series = {
        f"{what}, {names[arm]}": [(number + 1.0, *night[key]) for number, night in enumerate(nights)]
        for key, what in (("first_night", "first leaves"), ("general", "general suite"))
        for arm, nights in told.items()
    }
    return plot("What the nights did", "night", "nats a token against the pinned base", series)


def choose(taxonomy: Path, count: int) -> Leaves:
    """Leaves by hash, of those with two seed examples or more to learn, none too long for the recipe of a small CPU."""
    fit = [(leaf, origin) for leaf, origin in of_repository(taxonomy) if _fits(leaf)]
    return sorted(fit, key=lambda item: hashlib.sha256(f"night {item[0].path}".encode()).digest())[:count]


def _fits(leaf: Leaf) -> bool:
    held = heldout(leaf)
    learnt = [seed for seed in leaf.seeds if seed.index not in held]
    longest = max(
        len(seed.context) + len(pair.question) + len(pair.answer) for seed in leaf.seeds for pair in seed.pairs
    )
    return len(learnt) >= 2 and longest <= LONGEST


def samples(chosen: Leaves, state: Path, wanted: int) -> list[LeafDataset]:
    """Made once; the keys of what was made lie in `state`."""

    def keys() -> list[str]:
        state.mkdir(parents=True, exist_ok=True)
        with real(state / "vllm.log") as server:
            _, made = ours(server.url, server.model, chosen, state, wanted, "plain")
        return [dataset.leaf_key for dataset in made]

    found = [load_dataset(FileStore(state / "store"), key) for key in on_file(state / "datasets.json", keys)]
    return [dataset for dataset in found if dataset is not None]


def one_night(
    arm: str,
    night: int,
    chosen: Leaves,
    datasets: Sequence[LeafDataset],
    first: set[str],
    taxonomy: Path,
    state: Path,
) -> dict[str, Any]:
    """What is told of it, with its minutes and its memory."""
    began, paths = time.monotonic(), {leaf.path for leaf, _ in chosen}
    recipe, policy, mode = _manner(arm, night)
    made = [one for one in datasets if one.leaf in paths]
    result = build(arm, night, chosen, made, taxonomy, state, recipe=recipe, policy=policy, mode=mode)
    # One child works at a time, so the two highest marks together are an upper bound.
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    spent = {"minutes": (time.monotonic() - began) / 60, "gigabytes": peak * 1024 / 1e9}
    return told_of(result, first) | spent


def _manner(arm: str, night: int) -> tuple[Recipe, Policy, Mode]:
    recipe = load_recipe()
    if arm == "ours":
        return recipe, CALIBRATED, "full"
    bare = replace(recipe, name="bare", anchor_ratio=0.0, replay_ratio=0.0, kl_weight=0.0)
    return bare, OPEN, "incremental" if night else "full"


def build(
    arm: str,
    night: int,
    chosen: Leaves,
    datasets: Sequence[LeafDataset],
    taxonomy: Path,
    state: Path,
    *,
    recipe: Recipe,
    policy: Policy = CALIBRATED,
    mode: Mode = "full",
) -> BuildResult:
    """One night of one arm, which has a folder of that name in `state`; blobs are shared by all arms."""
    mirror = state / arm / "mirror.git"
    if not mirror.exists():
        subprocess.run(["git", "clone", "-q", "--bare", str(taxonomy), str(mirror)], check=True)
    request = BuildRequest(
        mirror=mirror,
        commit=Repository(mirror).resolve("HEAD"),
        state=state / arm,
        student=DEFAULT_MODEL,
        recipe=recipe,
        datasets=datasets,
        leaves=chosen,
        today=MONDAY + timedelta(days=night),
        mode=mode,
        blame_runs=0,
    )
    return run_build(
        request,
        trainer=HostedTrainer(),
        evaluator=LikelihoodEvaluator(),
        store=FileStore(state / "store"),
        progress=lambda doing, fraction: print(f"\r  {arm} {night + 1}: {fraction:4.0%} {doing:90.90}", end=""),
        embedder=packaged_embedder(),
        policy=policy,
    )


def told_of(result: BuildResult, first: set[str]) -> dict[str, Any]:
    """A night in figures: candidate against the pinned base, in nats per reference token (below 0 is better)."""
    rows = json.loads((result.folder / "scores.json").read_bytes())
    leaf_rows = [row for row in rows if row["suite"] == "heldout"]
    by_leaf = {group: fmean(_change(row) for row in leaf_rows if row["group"] == group) for group in _groups(leaf_rows)}
    general = [row for row in rows if row["suite"] == "general"]
    return {
        "decision": result.verdict.decision,
        "reasons": list(result.verdict.reasons),
        "leaves": len(by_leaf),
        "pooled": _interval(leaf_rows),
        "p": sign_flip([-change for change in by_leaf.values()], seed="nights"),
        "fell": fmean(change < 0 for change in by_leaf.values()),
        "first_night": _interval([row for row in leaf_rows if row["group"] in first]),
        "general": _interval(general),
        "plan": result.plan.why,
    }


def _groups(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({row["group"] for row in rows})


def _change(row: dict[str, Any]) -> float:
    return float(row["candidate"]["nats"] - row["base"]["nats"])


def _interval(rows: Sequence[dict[str, Any]]) -> list[float]:
    """[mean, low, high], the interval one-sided at 95 % on either side."""
    found: Interval = interval([_change(row) for row in rows], [row["cluster"] or row["id"] for row in rows], seed="n")
    return [found.mean, found.low, found.high]


def _learns(found: Findings, night: dict[str, Any]) -> None:
    found.hold("minutes of the first night", night["minutes"], MINUTES, at_least=False)
    found.hold("gigabytes, at most", night["gigabytes"], GIGABYTES, at_least=False)
    found.hold(f"nats that held-out tokens of {night['leaves']} leaves fall by", -night["pooled"][0], FALL)
    found.hold("how often chance does as much", night["p"], P, at_least=False)
    found.hold("share of leaves that fall", night["fell"], SHARE)
    found.hold(
        "nats that the general suite may have risen by", night["general"][2], CALIBRATED.general_margin, at_least=False
    )


def _keeps(found: Findings, told: dict[str, list[dict[str, Any]]]) -> None:
    first, last = told["ours"][0], told["ours"][-1]
    lost = last["first_night"][0] - first["first_night"][0]
    found.hold("nats that first-night leaves lost since", lost, CALIBRATED.leaf_margin, at_least=False)
    found.hold("general suite, last night, upper bound", last["general"][2], CALIBRATED.drift_margin, at_least=False)
    if "bare" in told:
        for key in ("first_night", "pooled", "general"):
            worse = told["bare"][-1][key][0] - last[key][0]
            found.hold(f"nats that no replay and no anchors are worse in the last night, {key}", worse, 0.0)
