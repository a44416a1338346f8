"""`Trainer`s whose work runs in other processes, so that this one never loads torch."""

from __future__ import annotations

import shutil
import signal
from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.files import file_digest, write_durably
from pipeline.recipe import Recipe, RecipeError
from pipeline.train.capabilities import capabilities, check_recipe
from pipeline.train.memory import EstimateError, memory_estimate
from pipeline.train.port import Progress, Thinned, Trainer, TrainError, TrainJob, TrainResult
from pipeline.train.trouble import killed_for_memory

FEWER = "micro_batch"  # in the folder of a job: the rows at a time that memory had room for
_WEIGHTS = {"full": "model.safetensors", "osf": "model.safetensors"}


class HostedTrainer:
    """Tunes in a child process that ends with the job (pipeline/train/tune.py)."""

    target = "pipeline.train.tune:tune"

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Tune, or go on where a killed run stopped. Raises `TrainError`.

        Where memory runs out the run starts over with fewer rows at a time, and stays with them: whatever the moment
        at which memory ran out, the result is the same.
        """
        progress(f"tuning: loading the student; {_fitting(job)}", 0.0)
        size = _asked(job)
        while True:
            try:
                return _result(job, self._run(job, size, progress))
            except _TooLarge as trouble:
                smaller = fewer(job.recipe, size)
                if smaller is None:
                    raise TrainError(
                        f"tuning in {job.out} stopped: memory ran out with one row at a time ({trouble}). Lower "
                        "max_tokens, set gradient_checkpointing, take method lora-mlp, or use a larger machine"
                    ) from trouble
                progress(f"tuning: memory ran out with {size} rows at a time; over again with {smaller}", 0.0)
                size = smaller
                write_durably(job.out / FEWER, str(size).encode())
                for old in job.out.glob("checkpoint-*"):
                    shutil.rmtree(old)

    def _run(self, job: TrainJob, size: int, progress: Progress) -> dict[str, Any]:
        payload = {
            "model": str(job.model),
            "mixture": str(job.mixture),
            "out": str(job.out),
            "dev": str(job.dev) if job.dev else None,
            "recipe": job.recipe.to_json(),
            "micro_batch": size,
        }
        killed = killed_for_memory()
        try:
            return run(
                self.target, payload, on_event=lambda event: progress(_words(event), event["step"] / event["steps"])
            )
        except ChildError as error:
            if error.type_name == "OutOfMemory":
                raise _TooLarge(str(error)) from error
            raise TrainError(f"tuning in {job.out} stopped: {error}") from error
        except ChildDied as error:
            if error.code == -signal.SIGKILL and killed_for_memory() > killed:
                raise _TooLarge(str(error)) from error
            raise TrainError(f"tuning in {job.out} stopped: {error}") from error


def _fitting(job: TrainJob) -> str:
    """How much memory it will take, in words. Raises `TrainError` for what cannot run here, before anything starts."""
    try:
        estimate = memory_estimate(job.model, job.recipe)
    except EstimateError as error:
        estimate, words = None, f"how much memory it takes is not known ({error})"
    else:
        words = f"it takes about {estimate}"
    try:
        check_recipe(job.recipe, capabilities(), estimate)
    except RecipeError as error:
        raise TrainError(str(error)) from error
    return words


class LaunchedTrainer(HostedTrainer):
    """Tunes in as many processes as the recipe says, started by `accelerate launch` (pipeline/train/launched.py)."""

    target = "pipeline.train.launched:launch"


def trainer_for(recipe: Recipe) -> Trainer:
    """The trainer that a recipe asks for."""
    return LaunchedTrainer() if recipe.processes > 1 else HostedTrainer()


def fewer(recipe: Recipe, size: int) -> int | None:
    """The next smaller number of rows at a time that divides the batch; None below one."""
    share = recipe.batch // recipe.processes
    return next((smaller for smaller in range(size // 2, 0, -1) if share % smaller == 0), None)


class _TooLarge(Exception):
    """Memory ran out with so many rows at a time."""


def _asked(job: TrainJob) -> int:
    try:
        return int((job.out / FEWER).read_bytes())
    except (OSError, ValueError):
        return job.recipe.micro_batch


def _result(job: TrainJob, fields: dict[str, Any]) -> TrainResult:
    adapter = job.out / "adapter"
    if file_digest(adapter / _WEIGHTS.get(job.recipe.method, "adapter_model.safetensors")) != fields["digest"]:
        raise TrainError(f"{adapter} is not what was trained; remove {job.out} and build again")
    return TrainResult(
        adapter=adapter,
        digest=fields["digest"],
        steps=fields["steps"],
        loss=fields["loss"],
        resumed_step=fields["resumed_step"],
        dropped=tuple((row, why) for row, why in fields["dropped"]),
        thinned=tuple(Thinned(**entry) for entry in fields["thinned"]),
        best_step=fields["best_step"],
        tokens=fields["tokens"],
        seconds=fields["seconds"],
        micro_batch=fields["micro_batch"],
        dev=tuple((step, nats) for step, nats in fields["dev"]),
        layout=fields["layout"],
        peak_bytes=fields["peak_bytes"],
    )


def _words(event: dict[str, Any]) -> str:
    minutes, seconds = divmod(round(event["seconds_left"]), 60)
    return (
        f"tuning: step {event['step']} of {event['steps']}, loss {event['loss']:.2f}, "
        f"{event['tokens_per_second']:.0f} tokens/s, {minutes}:{seconds:02d} left"
    )
