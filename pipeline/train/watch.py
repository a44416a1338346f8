"""Eyes on a run: progress, sealed checkpoints, and a stop at a loss that is no number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.train.checkpoints import seal
from pipeline.train.port import TrainError

Emit = Callable[[dict[str, Any]], None]


def watch(emit: Emit, tokens: Sequence[int]) -> Any:
    """A callback for trl's trainer. `tokens`: how many are read in each optimizer step, which tells the time left."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.began, self.first = time.monotonic(), state.global_step

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            _wait_for_all()
            if state.is_world_process_zero:
                seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kw: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                raise TrainError(
                    f"the loss is {loss} at step {state.global_step}; lower learning_rate in the recipe, "
                    "and check that the student itself is whole"
                )
            done, left = sum(tokens[self.first : state.global_step]), sum(tokens[state.global_step :])
            speed = done / max(time.monotonic() - self.began, 1e-6)
            event = {"step": state.global_step, "steps": state.max_steps, "loss": loss}
            emit(event | {"tokens_per_second": round(speed, 1), "seconds_left": round(left / speed, 1) if speed else 0})

    return Watch()


def _wait_for_all() -> None:
    """Every process of a run adds files to a checkpoint; only then is it whole."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
