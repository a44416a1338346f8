"""When to stop and which weights to keep, by rows that are never trained.

The history is part of every checkpoint, and what follows from it follows again after a kill: the best weights lie in
one file that is replaced whole, and a run that goes on from an earlier step makes it anew when it comes by.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.files import write_durably
from pipeline.recipe import Recipe

HISTORY = "dev.json"
BEST = "best.safetensors"


@dataclass(slots=True)
class DevHistory:
    """(step, nats per token on the dev rows), in order; step 0 is the base."""

    patience: int
    entries: list[tuple[int, float]] = field(default_factory=list)

    @property
    def best_step(self) -> int:
        """The step with the lowest nats, the earliest of equals."""
        return min(self.entries, key=lambda entry: (entry[1], entry[0]))[0]

    def add(self, step: int, nats: float) -> bool:
        """Note an evaluation. Whether it is the best so far."""
        self.entries.append((step, nats))
        return self.best_step == step

    @property
    def exhausted(self) -> bool:
        """Whether the last `patience` evaluations brought nothing."""
        since = [step for step, _ in self.entries if step > self.best_step]
        return len(since) >= self.patience > 0

    def write(self, folder: Path) -> None:
        """Put the history into a checkpoint."""
        write_durably(folder / HISTORY, json.dumps(self.entries).encode())

    def read(self, folder: Path) -> None:
        """Take the history of a checkpoint."""
        self.entries = [(int(step), float(nats)) for step, nats in json.loads((folder / HISTORY).read_bytes())]


def dev_watch(history: DevHistory, recipe: Recipe, out: Path, nats_of: Callable[[Any], float]) -> Any:
    """A callback that evaluates, keeps the best weights in `out`, and stops. `nats_of`: nats of a model on dev rows."""
    from transformers import TrainerCallback

    class DevWatch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if not history.entries and history.add(0, nats_of(model)):
                keep_best(model, out)

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if state.global_step % recipe.dev_every and state.global_step < state.max_steps:
                return
            if history.add(state.global_step, nats_of(model)):
                keep_best(model, out)
            if history.exhausted:
                control.should_training_stop = True

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            history.write(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return DevWatch()


def keep_best(model: Any, out: Path) -> None:
    """Write what is trained into `out`, whole or not at all."""
    from safetensors.torch import save

    write_durably(out / BEST, save({name: one.detach().contiguous() for name, one in _trained(model).items()}))


def take_best(model: Any, out: Path) -> None:
    """Give the model the weights of its best step."""
    import torch
    from safetensors.torch import load_file

    best = load_file(out / BEST)
    with torch.no_grad():
        for name, one in _trained(model).items():
            one.copy_(best[name])


def _trained(model: Any) -> dict[str, Any]:
    return {name: one for name, one in model.named_parameters() if one.requires_grad}
