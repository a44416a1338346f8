"""A `Trainer` whose work runs in a child process, so that this one never loads torch."""

from __future__ import annotations

from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.files import file_digest
from pipeline.train.port import Progress, TrainError, TrainJob, TrainResult


class LoraTrainer:
    """LoRA on the MLP layers (pipeline/train/lora.py) in a child process that ends with the job."""

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Tune, or go on where a killed run stopped. Raises `TrainError`."""

        def report(event: dict[str, Any]) -> None:
            progress(_words(event), event["step"] / event["steps"])

        payload = {
            "model": str(job.model),
            "mixture": str(job.mixture),
            "out": str(job.out),
            "recipe": job.recipe.to_json(),
        }
        progress("tuning: loading the student", 0.0)
        try:
            result = run("pipeline.train.lora:tune", payload, on_event=report)
        except (ChildError, ChildDied) as error:
            raise TrainError(f"tuning in {job.out} stopped: {error}") from error
        adapter = job.out / "adapter"
        if file_digest(adapter / "adapter_model.safetensors") != result["digest"]:
            raise TrainError(f"{adapter} is not what was trained; remove {job.out} and build again")
        dropped = tuple((row, why) for row, why in result["dropped"])
        return TrainResult(adapter, result["digest"], result["steps"], result["loss"], result["resumed_step"], dropped)


def _words(event: dict[str, Any]) -> str:
    minutes, seconds = divmod(round(event["seconds_left"]), 60)
    return (
        f"tuning: step {event['step']} of {event['steps']}, loss {event['loss']:.2f}, "
        f"{event['tokens_per_second']:.0f} tokens/s, {minutes}:{seconds:02d} left"
    )
