"""Every method of tuning, on a model of a few thousand weights: it learns, resumes, loads and merges right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.recipe import Recipe
from pipeline.train.hosted import HostedTrainer, LaunchedTrainer
from pipeline.train.port import TrainError, TrainJob
from tests.building import QUIET, no_progress, write_mixture
from tests.tiny_model import save_tiny_model

pytestmark = pytest.mark.model
BASE = replace(QUIET, epochs=4, learning_rate=0.01, checkpoint_steps=2)
METHODS: dict[str, Recipe] = {
    "lora-all": replace(BASE, method="lora-all", rslora=True, rank=4, alpha=4),
    "dora": replace(BASE, dora=True, rank=4, packing=True),
    "kl": replace(BASE, kl_weight=0.5, gradient_checkpointing=True),
    "full": replace(BASE, method="full", learning_rate=0.003, gradient_checkpointing=True),
    "osf": replace(BASE, method="osf", learning_rate=0.02, kl_weight=0.5),
    "dev": replace(BASE, patience=2, dev_every=1, learning_rate=0.05),
}


class Stopped(Exception):
    """The test ends a run in the middle."""


def tuned(job: TrainJob, stop_at: int = 0) -> dict[str, Any]:
    """What a child process does, in this one: importing torch takes ten times as long as such a run."""
    from pipeline.train.tune import tune

    def emit(event: dict[str, Any]) -> None:
        if event["step"] == stop_at:
            raise Stopped

    payload = {"model": str(job.model), "mixture": str(job.mixture), "out": str(job.out)}
    payload |= {"dev": str(job.dev) if job.dev else None}
    return tune(payload | {"recipe": job.recipe.to_json(), "micro_batch": job.recipe.micro_batch}, emit)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def job_of(tiny: Path, folder: Path, recipe: Recipe) -> TrainJob:
    mixture = write_mixture(folder / "mixture.jsonl", rows=8)
    lines = mixture.read_text().splitlines()
    mixture.write_text("\n".join(line.replace('"id"', f'"kind": "{_kind(i)}", "id"') for i, line in enumerate(lines)))
    dev = write_mixture(folder / "dev.jsonl", rows=12)
    dev.write_text("\n".join(dev.read_text().splitlines()[8:]) + "\n")
    return TrainJob(tiny, mixture, folder / "out", recipe, dev)


def _kind(number: int) -> str:
    return ("knowledge", "skill", "anchor")[number % 3]


def nats(model: Any, job: TrainJob) -> float:
    from pipeline import causal
    from pipeline.train.loss import mean_nats
    from pipeline.train.rows import read_rows

    tokenizer = causal.load_tokenizer(job.model)
    rows = read_rows(job.mixture, tokenizer, 512).rows
    return mean_nats(model, [row.encoded for row in rows], "padded", tokenizer.pad_token_id, 4)


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_resumes_to_the_same_bits_and_loads(name: str, tiny: Path, tmp_path: Path) -> None:
    from pipeline import causal

    job = job_of(tiny, tmp_path, METHODS[name])
    with pytest.raises(Stopped):
        tuned(job, stop_at=5)
    resumed = tuned(job)
    assert resumed["resumed_step"] > 0
    whole = tuned(replace(job, out=tmp_path / "whole"))
    assert whole["resumed_step"] == 0
    for fact in ("digest", "dev", "best_step", "steps"):
        assert resumed[fact] == whole[fact]
    assert resumed["layout"] == ("packed" if job.recipe.packing else "shared")
    assert resumed["tokens"] > 0
    assert not list(job.out.glob("best*"))
    before, after = nats(causal.load_model(tiny), job), nats(causal.load_model(tiny, Path(resumed["adapter"])), job)
    assert after < before - 0.005  # OSF moves little: the embedding of this model is random, and stays


def test_dev_rows_choose_the_step_and_stop_the_run(tiny: Path, tmp_path: Path) -> None:
    from pipeline import causal
    from pipeline.train.loss import mean_nats
    from pipeline.train.rows import read_rows

    recipe = replace(BASE, patience=2, dev_every=1, learning_rate=0.1, epochs=30)
    job = job_of(tiny, tmp_path, recipe)
    result = tuned(job)
    dev_nats = dict(result["dev"])
    assert result["steps"] < 60
    assert list(dev_nats) == list(range(result["steps"] + 1))
    assert result["best_step"] == min(dev_nats, key=lambda step: dev_nats[step]) == result["steps"] - 2
    tokenizer = causal.load_tokenizer(tiny)
    assert job.dev is not None
    dev = [row.encoded for row in read_rows(job.dev, tokenizer, 512).rows]
    kept = mean_nats(causal.load_model(tiny, Path(result["adapter"])), dev, "padded", tokenizer.pad_token_id, 16)
    assert kept == pytest.approx(dev_nats[result["best_step"]], abs=1e-3)


def test_stopping_by_dev_rows_without_any_is_refused(tiny: Path, tmp_path: Path) -> None:
    job = replace(job_of(tiny, tmp_path, METHODS["dev"]), dev=None)
    with pytest.raises(TrainError, match=r"stops by dev rows .*give the job dev rows, or set patience to 0"):
        tuned(job)


@pytest.mark.parametrize("name", ["lora-all", "full"])
def test_a_share_of_the_update_lies_between_base_and_tuned(name: str, tiny: Path, tmp_path: Path) -> None:
    from pipeline import causal

    recipe = replace(METHODS[name], epochs=1)
    whole = Path(tuned(job_of(tiny, tmp_path / "1", recipe))["adapter"])
    half = Path(tuned(job_of(tiny, tmp_path / "2", replace(recipe, interpolation=0.5)))["adapter"])
    base, end, between = (dict(causal.load_model(tiny, one).named_parameters()) for one in (None, whole, half))
    moved = [name for name in base if (end[name] - base[name]).abs().max().item() > 1e-4]
    assert moved
    for name in moved:
        middle = (base[name] + end[name]) / 2
        assert (between[name] - middle).abs().max().item() < 1e-5


@pytest.mark.parametrize("switch", ["rslora", "dora"])
def test_merging_is_right_for(switch: str, tiny: Path, tmp_path: Path) -> None:
    """What was trained and what `load_model` merges say the same; rsLoRA's other scale is kept."""
    from peft import PeftModel

    from pipeline import causal

    recipe = replace(BASE, rank=16, alpha=16, epochs=1, **{switch: True})  # type: ignore[arg-type]
    job = job_of(tiny, tmp_path, recipe)
    adapter = Path(tuned(job)["adapter"])
    apart = PeftModel.from_pretrained(causal.load_model(tiny), str(adapter))
    assert nats(apart, job) == pytest.approx(nats(causal.load_model(tiny, adapter), job), abs=1e-5)


def test_a_launch_gives_what_a_child_gives(tiny: Path, tmp_path: Path) -> None:
    recipe = replace(BASE, epochs=1)
    seen: list[str] = []
    launched = LaunchedTrainer().train(job_of(tiny, tmp_path / "a", recipe), lambda doing, _: seen.append(doing))
    assert any("step 2 of 2" in doing for doing in seen)
    assert launched.digest == tuned(job_of(tiny, tmp_path / "b", recipe))["digest"]


def test_trouble_in_a_launch_is_told(tiny: Path, tmp_path: Path) -> None:
    job = job_of(tiny, tmp_path, replace(BASE, max_tokens=16))
    with pytest.raises(TrainError, match=r"no row can be trained \(8 dropped\); check max_tokens"):
        LaunchedTrainer().train(job, no_progress)


def fails_with(sizes: list[int]) -> Callable[..., dict[str, Any]]:
    """A `run` that has no memory for any of `sizes` rows at a time."""
    from pipeline.child import ChildError, run

    def answer(target: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
        if payload["micro_batch"] in sizes:
            raise ChildError("can't allocate memory", "OutOfMemory")
        return run(target, payload, **more)

    return answer


def test_out_of_memory_means_fewer_rows_at_a_time_and_stays_so(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(BASE, epochs=1, micro_batch=4)
    job, seen = job_of(tiny, tmp_path / "a", recipe), list[str]()
    monkeypatch.setattr("pipeline.train.hosted.run", fails_with([4]))
    result = HostedTrainer().train(job, lambda doing, _: seen.append(doing))
    assert "tuning: memory ran out with 4 rows at a time; over again with 2" in seen
    assert result.micro_batch == 2
    monkeypatch.undo()
    (job.out / "result.json").unlink()
    again = HostedTrainer().train(job, no_progress)
    assert (again.micro_batch, again.digest) == (2, result.digest)
