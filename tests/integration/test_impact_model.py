"""An impact run with real tuning and real scores, on a model of a few thousand weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import anchors
from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.impact import ImpactRequest, load_report, measure
from pipeline.models import resolve
from pipeline.store.memory import MemoryStore
from pipeline.train.hosted import HostedTrainer
from tests.building import QUIET, dataset_of, freeform, no_progress
from tests.tiny_model import save_tiny_model


def test_a_leaf_is_learnt_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # This model ends no answer, so that none is kept and all prompts would be put to it.
    prompts = [prompt for of in anchors.load_sections().values() for prompt in of[:3]]
    (tmp_path / "prompts.txt").write_text("[chat]\n" + "\n".join(prompts))
    monkeypatch.setattr(anchors, "PROMPTS", tmp_path / "prompts.txt")
    model = resolve(str(save_tiny_model(tmp_path / "model")), cache=tmp_path / "cache")
    leaf = freeform(seeds=12)
    recipe = replace(QUIET, epochs=12, learning_rate=5e-3)
    request = ImpactRequest([(leaf, dataset_of(leaf))], model, model, recipe, tmp_path / "impact")
    store = MemoryStore()
    report = measure(
        request, trainer=HostedTrainer(), evaluator=LikelihoodEvaluator(1), store=store, progress=no_progress
    )
    (own,) = report.own
    assert own.after < own.before - 0.1
    assert report.general is not None
    assert report.general.n > 100
    assert report.steps > 0
    assert len(report.answers) == own.n
    assert load_report(store, report.key) == report
    assert not list((tmp_path / "impact").iterdir())
