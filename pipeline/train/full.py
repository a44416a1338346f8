"""Recipe file of the method `full`: every weight is trained.

Wants a learning rate about a tenth of LoRA's, and memory for gradients and both of Adam's moments of all weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.recipe import Recipe

WEIGHTS = "model.safetensors"


def prepare(folder: Path, recipe: Recipe) -> Any:
    """The model of a folder, all of it trainable, in float32: small updates vanish in coarser formats."""
    return causal.load_model(folder, dtype="float32")


def save(model: Any, out: Path, state: Mapping[str, Any] | None = None) -> None:
    """Write all weights into one file. `state`: the weights where the model itself holds but a shard of them."""
    model.save_pretrained(str(out), max_shard_size="1TB", state_dict=state)
