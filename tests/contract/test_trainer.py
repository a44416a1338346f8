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
from pipeline.train.hosted import LoraTrainer
from pipeline.train.lora import disk_trouble, schedule
from pipeline.train.port import Trainer, TrainError, TrainJob
from pipeline.train.scripted import ScriptedTrainer
from tests.building import QUIET, no_progress, pretend_model, write_mixture
from tests.tiny_model import byte_tokenizer, save_tiny_model

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
    return LoraTrainer(), TrainJob(request.getfixturevalue("tiny"), mixture, tmp_path / "out", RECIPE)


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
    result = LoraTrainer().train(job, no_progress)
    assert result.dropped
    assert all("more than 70" in reason for _, reason in result.dropped)
    with pytest.raises(TrainError, match="belongs to another tuning job"):
        LoraTrainer().train(replace(job, recipe=RECIPE), no_progress)


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
        LoraTrainer().train(job, no_progress)


@pytest.mark.model
def test_only_answers_with_one_end_each_are_learnt() -> None:
    from pipeline.causal import IGNORED, MaskError, encode

    tokenizer = byte_tokenizer()
    chat = [
        {"role": "user", "content": "Hi <b>"},
        {"role": "assistant", "content": "Ho"},
        {"role": "user", "content": "More?"},
        {"role": "assistant", "content": "Yes, é!"},
    ]
    row = encode(tokenizer, chat)
    learnt = [token for token, label in zip(row.tokens, row.labels, strict=True) if label != IGNORED]
    assert tokenizer.decode(learnt) == "Ho<|im_end|>Yes, é!<|im_end|>"
    with pytest.raises(MaskError, match="one end-of-turn token and has 2"):
        encode(tokenizer, [chat[0], {"role": "assistant", "content": "Ho<|im_end|>"}])
    with pytest.raises(MaskError, match="control token"):
        encode(tokenizer, [chat[0], {"role": "assistant", "content": "Ho<|im_start|>"}])


def test_schedule_trains_each_row_once_an_epoch_with_rows_of_like_length() -> None:
    lengths = [10 + (7 * i) % 90 for i in range(50)]
    order = schedule(lengths, replace(QUIET, epochs=3, batch=4))
    assert order == schedule(lengths, replace(QUIET, epochs=3, batch=4))
    assert sorted(order) == sorted(list(range(50)) * 3)
    batches = [order[at : at + 4] for at in range(0, len(order), 4)]
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert padded < 1.25 * 3 * sum(lengths)


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
