"""A `Trainer` without a model: steps, checkpoints and digests are real files, the weights are a hash."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import file_digest, write_durably
from pipeline.train.checkpoints import newest_whole, seal, step_of
from pipeline.train.port import Progress, TrainError, TrainJob, TrainResult


@dataclass(slots=True)
class ScriptedTrainer:
    """Each step hashes the weights together with one row of the mixture. With `fail_at` set it raises `TrainError`
    there, once; `runs` counts the calls of `train` and `steps_made` the steps that it did itself."""

    fail_at: int | None = None
    runs: int = 0
    steps_made: int = 0

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Run through the mixture once per epoch. Raises `TrainError` for an empty one, or as told."""
        self.runs += 1
        rows = job.mixture.read_text(encoding="utf-8").splitlines() * job.recipe.epochs
        if not rows:
            raise TrainError(f"{job.mixture}: no row can be trained")
        checkpoint = newest_whole(job.out)
        start = step_of(checkpoint) if checkpoint else 0
        weights = (checkpoint / "weights").read_bytes() if checkpoint else json.dumps(job.recipe.to_json()).encode()
        for step in range(start + 1, len(rows) + 1):
            if step == self.fail_at:
                self.fail_at = None
                raise TrainError(f"tuning stopped at step {step}, as the script says; run it again")
            weights = hashlib.sha256(weights + rows[step - 1].encode()).digest()
            self.steps_made += 1
            if step % job.recipe.checkpoint_steps == 0:
                self._save(job.out / f"checkpoint-{step}", weights)
            progress(f"tuning: step {step} of {len(rows)}", step / len(rows))
        return self._finish(job, weights, len(rows), start)

    def _save(self, checkpoint: Path, weights: bytes) -> None:
        try:
            write_durably(checkpoint / "weights", weights)
            seal(checkpoint)
        except OSError as error:
            raise TrainError(
                f"{checkpoint} cannot be written ({error.strerror}); free some space and run again"
            ) from error

    def _finish(self, job: TrainJob, weights: bytes, steps: int, start: int) -> TrainResult:
        adapter = job.out / "adapter"
        write_durably(adapter / "adapter_model.safetensors", weights)
        for old in job.out.glob("checkpoint-*"):
            shutil.rmtree(old)
        return TrainResult(adapter, file_digest(adapter / "adapter_model.safetensors"), steps, 1.0, start)
