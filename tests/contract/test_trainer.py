"""What every `Trainer` must do."""

from __future__ import annotations

import contextlib
import errno
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.train.checkpoints import is_whole, newest_whole, step_of
from pipeline.train.hosted import HostedTrainer
from pipeline.train.port import Trainer, TrainError, TrainJob
from pipeline.train.scripted import ScriptedTrainer
from pipeline.train.trouble import disk_trouble, memory_trouble
from tests.building import QUIET, no_progress, pretend_model, write_mixture
from tests.tiny_model import save_tiny_model

RECIPE = replace(QUIET, epochs=3, learning_rate=0.01, checkpoint_steps=2)


class Stopped(Exception):
    """The test ends a run in the middle."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(params=["scripted", pytest.param("lora", marks=pytest.mark.model)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Trainer, TrainJob]:
    mixture = write_mixture(tmp_path / "mixture.jsonl", rows=8)
    if request.param == "scripted":
        return ScriptedTrainer(), TrainJob(pretend_model(tmp_path / "m"), mixture, tmp_path / "out", RECIPE)
    return HostedTrainer(), TrainJob(request.getfixturevalue("tiny"), mixture, tmp_path / "out", RECIPE)


def stop_after(step: int) -> object:
    """A progress callback that raises once `step` steps are done."""

    def progress(doing: str, fraction: float) -> None:
        if f"step {step} of" in doing:
            raise Stopped

    return progress


def interrupt(trainer: Trainer, job: TrainJob, step: int) -> None:
    with pytest.raises(Stopped):
        trainer.train(job, stop_after(step))  # type: ignore[arg-type]


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process or its children grows beyond `size` bytes: to a program, a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_same_job_same_digest_and_again_at_no_cost(bench: tuple[Trainer, TrainJob], tmp_path: Path) -> None:
    trainer, job = bench
    first = trainer.train(job, no_progress)
    assert first.resumed_step == 0
    assert first.adapter.is_dir()
    assert not list(job.out.glob("checkpoint-*"))
    assert trainer.train(job, no_progress).digest == first.digest
    assert trainer.train(replace(job, out=tmp_path / "other"), no_progress).digest == first.digest


def test_interrupted_with_a_broken_checkpoint_gives_the_same_digest(
    bench: tuple[Trainer, TrainJob], tmp_path: Path
) -> None:
    trainer, job = bench
    interrupt(trainer, job, 5)
    newest = newest_whole(job.out)
    assert newest is not None
    largest = max(newest.iterdir(), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])
    assert not is_whole(newest)
    resumed = trainer.train(job, no_progress)
    assert 0 < resumed.resumed_step < step_of(newest)
    assert resumed.digest == trainer.train(replace(job, out=tmp_path / "whole"), no_progress).digest


def test_a_full_disk_is_a_train_error_and_leaves_what_was_there(bench: tuple[Trainer, TrainJob]) -> None:
    trainer, job = bench
    interrupt(trainer, job, 3)
    kept = newest_whole(job.out)
    assert kept is not None
    with largest_file(16), pytest.raises(TrainError, match=r"free some space"):
        trainer.train(job, no_progress)
    assert is_whole(kept)
    assert trainer.train(job, no_progress).resumed_step == step_of(kept)


def test_an_empty_mixture_is_refused(bench: tuple[Trainer, TrainJob]) -> None:
    trainer, job = bench
    job.mixture.write_text("")
    with pytest.raises(TrainError, match="no row can be trained"):
        trainer.train(job, no_progress)


@pytest.mark.model
def test_long_rows_are_listed_and_a_folder_belongs_to_one_job(tiny: Path, tmp_path: Path) -> None:
    mixture = write_mixture(tmp_path / "mixture.jsonl", rows=8)
    job = TrainJob(tiny, mixture, tmp_path / "out", replace(RECIPE, epochs=1, max_tokens=70))
    result = HostedTrainer().train(job, no_progress)
    assert result.dropped
    assert all("more than 70" in reason for _, reason in result.dropped)
    with pytest.raises(TrainError, match="belongs to another tuning job"):
        HostedTrainer().train(replace(job, recipe=RECIPE), no_progress)


@pytest.mark.model
def test_a_loss_that_is_no_number_stops_the_run(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(broken / "model.safetensors")
    save_file({name: tensor * float("nan") for name, tensor in weights.items()}, broken / "model.safetensors")
    job = TrainJob(broken, write_mixture(tmp_path / "mixture.jsonl"), tmp_path / "out", RECIPE)
    with pytest.raises(TrainError, match="the loss is nan at step 1; lower learning_rate"):
        HostedTrainer().train(job, no_progress)


def test_dev_rows_choose_the_weights_also_after_a_kill(bench: tuple[Trainer, TrainJob], tmp_path: Path) -> None:
    trainer, job = bench
    recipe = replace(RECIPE, patience=2, dev_every=1, learning_rate=0.05)
    job = replace(job, recipe=recipe, dev=write_mixture(tmp_path / "dev.jsonl", rows=3))
    interrupt(trainer, job, 3)
    resumed = trainer.train(job, no_progress)
    assert resumed.resumed_step > 0
    whole = trainer.train(replace(job, out=tmp_path / "whole"), no_progress)
    assert (resumed.digest, resumed.best_step, resumed.dev) == (whole.digest, whole.best_step, whole.dev)
    assert whole.best_step == min(whole.dev, key=lambda entry: entry[1])[0] <= whole.steps
    with pytest.raises(TrainError, match="stops by dev rows"):
        trainer.train(replace(job, dev=None, out=tmp_path / "none"), no_progress)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/0"), True),
        (ValueError("I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ValueError("bad value"), False),
    ],
)
def test_a_full_disk_is_told_from_other_faults(error: Exception, full: bool) -> None:
    assert (disk_trouble(error) is not None) == full


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."), True),
        (RuntimeError("shapes differ"), False),
    ],
)
def test_no_memory_is_told_from_other_faults(error: Exception, memory: bool) -> None:
    assert memory_trouble(error) == memory
