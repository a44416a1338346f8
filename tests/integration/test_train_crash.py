"""SIGKILL during tuning, then the same job again: the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.train.checkpoints import DONE
from pipeline.train.hosted import HostedTrainer
from pipeline.train.port import TrainJob
from tests.building import QUIET, no_progress, write_mixture
from tests.tiny_model import save_tiny_model

pytestmark = pytest.mark.model
RECIPE = replace(QUIET, epochs=40, learning_rate=0.01, checkpoint_steps=5, dropout=0.05)
DEADLINE_SECONDS = 120
SCRIPT = """
import json, sys
from pathlib import Path
from pipeline.recipe import Recipe
from pipeline.train.hosted import HostedTrainer
from pipeline.train.port import TrainJob
paths, recipe = json.loads(sys.argv[1]), Recipe(**json.loads(sys.argv[2]))
HostedTrainer().train(TrainJob(*map(Path, paths), recipe), lambda doing, fraction: None)
"""


def start(job: TrainJob) -> subprocess.Popen[bytes]:
    paths = json.dumps([str(job.model), str(job.mixture), str(job.out)])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, paths, json.dumps(job.recipe.to_json())],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )


def wait_for_checkpoint(process: subprocess.Popen[bytes], out: Path, beyond: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it was killed"
        steps = [int(done.parent.name.rpartition("-")[2]) for done in out.glob(f"checkpoint-*/{DONE}")]
        if any(step > beyond for step in steps):
            return
        time.sleep(0.02)
    pytest.fail("no checkpoint was written in time")


def test_killed_twice_and_run_again_gives_the_same_bits(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")
    job = TrainJob(model, write_mixture(tmp_path / "mixture.jsonl"), tmp_path / "out", RECIPE)
    reached = 0
    for _ in range(2):
        process = start(job)
        wait_for_checkpoint(process, job.out, reached)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reached = max(int(done.parent.name.rpartition("-")[2]) for done in job.out.glob(f"checkpoint-*/{DONE}"))
    resumed = HostedTrainer().train(job, no_progress)
    assert resumed.resumed_step >= 5
    whole = HostedTrainer().train(replace(job, out=tmp_path / "whole"), no_progress)
    assert whole.resumed_step == 0
    assert resumed.digest == whole.digest
