"""Scores on a CUDA card are those of the processor. Needs a GPU; skipped, loudly, without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.evaluate.hosted import LikelihoodEvaluator
from pipeline.evaluate.items import general_items
from pipeline.evaluate.port import Item, Score
from tests.gpu.card import GPU
from tests.tiny_model import save_tiny_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.model,
    pytest.mark.skipif(not GPU, reason="NO GPU HERE: scoring on CUDA is not tested by this run"),
]

ITEMS = [*general_items(())[:64], Item("a", "heldout", "leaf", "What do owls eat?", "Mice.", "seed 1")]


def scores(model: Path) -> list[Score]:
    return LikelihoodEvaluator().score(model, None, ITEMS, lambda doing, fraction: None)


def test_scores_are_those_of_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_tiny_model(tmp_path / "model")
    on_the_card = scores(model)
    assert scores(model) == on_the_card
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for here, there in zip(scores(model), on_the_card, strict=True):
        assert (here.id, here.tokens) == (there.id, there.tokens)
        assert here.nats == pytest.approx(there.nats, abs=1e-4)
        assert (here.margin is None) == (there.margin is None)
