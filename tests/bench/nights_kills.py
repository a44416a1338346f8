"""A build is killed at random moments, again and again, and comes out as the one that was left alone.

Everything is the product's own: mixture, anchors, tuning with the packaged model, scores, gate, export, ledger. Leaves
and recipe are small, so that twenty kills fit into minutes. Each run is a process of its own with everything that it
started, killed by SIGKILL at a moment drawn from a third of the calm build's time; a build that ends before it is
killed is compared, and the next kill meets a new one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from pipeline.building import BuildRequest, run_build
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.files import file_digest
from pipeline.git import Repository
from pipeline.leafdata import LeafDataset
from pipeline.models import DEFAULT_MODEL
from pipeline.recipe import Recipe, load_recipe
from pipeline.store.files import FileStore
from pipeline.train.hosted import HostedTrainer
from tests.bench.generate_bars import Findings
from tests.bench.generate_leaves import ORIGIN
from tests.bench.nights_planner import leaves
from validators import Leaf

LEAVES = 3
LONGEST_S = 1200
MONDAY = date(2026, 3, 2)
Outcome = dict[str, str]


def measure(kills: int = 20, *, seed: int = 0) -> Findings:
    """Kill `kills` times; every build that comes to its end must be the calm one."""
    found, draw = Findings("kills"), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _ended(_start(new_state(folder / "first")))
        anchors = folder / "first" / "store" / "anchors"
        began = time.monotonic()
        calm = _ended(_start(_with_anchors(folder / "calm", anchors)))
        longest = (time.monotonic() - began) / 3
        found.say(f"left alone: {longest * 3:.0f} s, {calm['verdict']}, adapter {calm['adapter'][:12]}")
        outcomes, killed, state = list[Outcome](), list[float](), _with_anchors(folder / "0", anchors)
        while len(killed) < kills:
            process = _start(state)
            moment = draw.uniform(0, longest)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                killed.append(moment)
                continue
            outcomes.append(_ended(process))
            state = _with_anchors(folder / str(len(outcomes)), anchors)
        outcomes.append(_ended(_start(state)))
    found.figures = {"calm": calm, "outcomes": outcomes, "killed_after_s": [round(one, 1) for one in killed]}
    found.hold("kills", len(killed), kills)
    found.hold(
        f"builds, of {len(outcomes)}, that came out otherwise",
        sum(outcome != calm for outcome in outcomes),
        0,
        at_least=False,
    )
    return found


def build(state: Path) -> Outcome:
    """One build to its end, going on where a killed one stopped; digests of what came of it."""
    pairs = [(leaf, LeafDataset(leaf.path, f"{number:064x}", leaf.kind, (), ())) for number, leaf in _leaves()]
    result = run_build(
        BuildRequest(
            mirror=state / "mirror.git",
            commit=Repository(state / "mirror.git").resolve("HEAD"),
            state=state,
            student=DEFAULT_MODEL,
            recipe=_recipe(),
            datasets=[dataset for _, dataset in pairs],
            leaves=[(leaf, ORIGIN) for leaf, _ in pairs],
            today=MONDAY,
            mode="full",
            blame_runs=0,
        ),
        trainer=HostedTrainer(),
        evaluator=LikelihoodEvaluator(),
        store=FileStore(state / "store"),
        progress=lambda doing, fraction: None,
    )
    manifest = json.loads((result.folder / "manifest.json").read_bytes())
    return {
        "build": result.build_id,
        "adapter": manifest["outputs"]["train"]["digest"],
        "verdict": result.verdict.decision,
        "verdict_digest": file_digest(result.folder / "verdict.json"),
        "ledger": result.ledger_commit,
    }


def _leaves() -> list[tuple[int, Leaf]]:
    return list(enumerate(leaves(LEAVES, 0)))


def _recipe() -> Recipe:
    return replace(load_recipe(), epochs=1, batch=4, checkpoint_steps=1, anchor_ratio=0.5, general_items=28)


def new_state(folder: Path) -> Path:
    """A new state with a taxonomy of one commit, the same each time."""
    mirror = folder / "mirror.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(mirror)], check=True)
    when = {"GIT_AUTHOR_DATE": "2026-03-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-03-01T00:00:00Z"}
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    git = ["git", "-C", str(mirror), *who]
    tree = subprocess.run([*git, "mktree"], input="", check=True, capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(
        [*git, "commit-tree", tree, "-m", "Begin"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **when},
    ).stdout.strip()
    subprocess.run([*git, "update-ref", "refs/heads/main", commit], check=True)
    return folder


def _with_anchors(folder: Path, anchors: Path) -> Path:
    """A new state in which the base has answered its prompts, which it does once for all builds."""
    shutil.copytree(anchors, folder / "store" / "anchors")
    return new_state(folder)


def _start(state: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.nights_kills", str(state)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _ended(process: subprocess.Popen[str]) -> Outcome:
    told, error = process.communicate(timeout=LONGEST_S)
    if process.returncode:
        raise RuntimeError(f"the build stopped:\n{error[-2000:]}")
    outcome: Outcome = json.loads(told.splitlines()[-1])
    return outcome


if __name__ == "__main__":
    print(json.dumps(build(Path(sys.argv[1]))))
