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
from pipeline.train.stopping import DevHistory


@dataclass(slots=True)
class ScriptedTrainer:
    """Each step hashes the weights together with one row of the mixture. With `fail_at` set it raises `TrainError`
    there, once; `runs` counts the calls of `train` and `steps_made` the steps that it did itself. With `patience` in
    the recipe the dev rows get better up to step `best_at` and worse from there on."""

    fail_at: int | None = None
    best_at: int = 3
    runs: int = 0
    steps_made: int = 0

    def train(self, job: TrainJob, progress: Progress) -> TrainResult:
        """Run through the mixture once per epoch. Raises `TrainError` for an empty one, or as told."""
        self.runs += 1
        rows = job.mixture.read_text(encoding="utf-8").splitlines() * job.recipe.epochs
        if not rows:
            raise TrainError(f"{job.mixture}: no row can be trained")
        history = self._history(job)
        checkpoint = newest_whole(job.out)
        start = step_of(checkpoint) if checkpoint else 0
        weights = (checkpoint / "weights").read_bytes() if checkpoint else json.dumps(job.recipe.to_json()).encode()
        if checkpoint and history:
            history.read(checkpoint)
        kept, step, best = weights, start, job.out / "best"
        if history and best.exists():
            kept = best.read_bytes()
        for step in range(start + 1, len(rows) + 1):
            if step == self.fail_at:
                self.fail_at = None
                raise TrainError(f"tuning stopped at step {step}, as the script says; run it again")
            weights = hashlib.sha256(weights + rows[step - 1].encode()).digest()
            self.steps_made += 1
            if history is None or history.add(step, abs(step - self.best_at) / 10):
                kept = weights
                if history:
                    self._keep(best, kept)
            if step % job.recipe.checkpoint_steps == 0:
                self._save(job.out / f"checkpoint-{step}", weights, history)
            progress(f"tuning: step {step} of {len(rows)}", step / len(rows))
            if history and history.exhausted:
                break
        return self._finish(job, kept, step, start, history)

    def _history(self, job: TrainJob) -> DevHistory | None:
        if job.recipe.patience and job.dev is None:
            raise TrainError(f"recipe {job.recipe.name} stops by dev rows, and there are none")
        return DevHistory(job.recipe.patience) if job.recipe.patience else None

    def _save(self, checkpoint: Path, weights: bytes, history: DevHistory | None) -> None:
        try:
            write_durably(checkpoint / "weights", weights)
            if history:
                history.write(checkpoint)
            seal(checkpoint)
        except OSError as error:
            raise _full(checkpoint, error) from error

    def _keep(self, best: Path, weights: bytes) -> None:
        try:
            write_durably(best, weights)
        except OSError as error:
            raise _full(best, error) from error

    def _finish(self, job: TrainJob, weights: bytes, steps: int, start: int, history: DevHistory | None) -> TrainResult:
        adapter = job.out / "adapter"
        write_durably(adapter / "adapter_model.safetensors", weights)
        (job.out / "best").unlink(missing_ok=True)
        for old in job.out.glob("checkpoint-*"):
            shutil.rmtree(old)
        return TrainResult(
            adapter,
            file_digest(adapter / "adapter_model.safetensors"),
            steps,
            1.0,
            start,
            best_step=history.best_step if history else steps,
            dev=tuple(history.entries) if history else (),
            micro_batch=job.recipe.micro_batch,
        )


def _full(path: Path, error: OSError) -> TrainError:
    return TrainError(f"{path} cannot be written ({error.strerror}); free some space and run again")
