"""Recipe file of the method `osf`: orthogonal subspace fine-tuning (arXiv 2504.07097, `peft.OSFConfig`).

The strongest `kept_rank` of each matrix's singular directions stay as they are, and updates keep off them. Forgets
least of all methods, learns less, and takes the memory of full tuning.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.recipe import Recipe

WEIGHTS = "model.safetensors"


def prepare(folder: Path, recipe: Recipe) -> Any:
    """The model of a folder with every linear layer split by its singular values."""
    from peft import OSFConfig, get_peft_model

    config = OSFConfig(effective_rank=recipe.kept_rank, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(causal.load_model(folder, dtype="float32"), config)


def save(model: Any, out: Path, state: Mapping[str, Any] | None = None) -> None:
    """Merge, since an update of this kind is as large as the weights, and write all weights into one file.

    `state` is for the other methods: OSF runs in one process.
    """
    model.merge_and_unload().save_pretrained(str(out), max_shard_size="1TB")
