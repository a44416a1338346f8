"""The estimate of memory beside a run of the packaged student that fills every row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.models import DEFAULT_MODEL, resolve
from pipeline.recipe import load_recipe
from pipeline.train.hosted import HostedTrainer
from pipeline.train.memory import memory_estimate
from pipeline.train.port import TrainJob
from tests.building import WORDS, no_progress

pytestmark = pytest.mark.model
LONGEST = 256


def test_the_estimate_is_within_30_percent_of_the_peak_of_tiny_cpu(tmp_path: Path) -> None:
    model = resolve(DEFAULT_MODEL).path
    recipe = replace(load_recipe("tiny-cpu"), epochs=1, batch=4, micro_batch=4, max_tokens=LONGEST, threads=2)
    lines = []
    for i in range(4):
        text = " ".join(WORDS[(i + 7 * j) % 20] for j in range(138))
        messages = [{"role": "user", "content": f"Words {i}?"}, {"role": "assistant", "content": text}]
        lines.append(json.dumps({"id": str(i), "messages": messages}))
    mixture = tmp_path / "mixture.jsonl"
    mixture.write_text("\n".join(lines) + "\n")
    result = HostedTrainer().train(TrainJob(model, mixture, tmp_path / "out", recipe), no_progress)
    assert not result.dropped
    assert result.tokens > 4 * 0.7 * LONGEST
    estimate = memory_estimate(model, recipe)
    assert 0.7 <= estimate.bytes / result.peak_bytes <= 1.3, f"{estimate}, peak {result.peak_bytes / 2**30:.2f} GiB"
