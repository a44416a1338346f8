"""Recipe file of the methods `lora-mlp` and `lora-all`: small matrices beside frozen weights (PEFT).

MLP layers alone at a low rank learn nearly as much as all layers and forget less (PEFT's benchmark). rsLoRA and DoRA
are switches of the same adapter. QLoRA holds the frozen weights in four bits (nf4), on CUDA with bitsandbytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.recipe import Recipe
from pipeline.train.port import TrainError

WEIGHTS = "adapter_model.safetensors"
MLP_LAYERS = ("gate_proj", "up_proj", "down_proj", "gate_up_proj", "fc1", "fc2", "c_fc", "w1", "w2", "w3")


def prepare(folder: Path, recipe: Recipe) -> Any:
    """The model of a folder with fresh matrices beside its layers; the caller has set the random seed."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if recipe.quantization == "nf4":
        model = prepare_model_for_kbit_training(
            _in_four_bits(folder), use_gradient_checkpointing=recipe.gradient_checkpointing
        )
    else:
        model = causal.load_model(folder, dtype="float32")
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear" if recipe.method == "lora-all" else _mlp_layers(model),
        use_rslora=recipe.rslora,
        use_dora=recipe.dora,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def save(model: Any, out: Path, state: Mapping[str, Any] | None = None) -> None:
    """Write the adapter in PEFT's format. `state`: the weights where the model itself holds but a shard of them."""
    model.save_pretrained(str(out), save_embedding_layers=False, state_dict=state)


def _mlp_layers(model: Any) -> list[str]:
    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if not (layers := [name for name in MLP_LAYERS if name in present]):
        raise TrainError(
            f"the student ({model.config.model_type}) has none of the MLP layers {', '.join(MLP_LAYERS)}; "
            "take method lora-all in the recipe"
        )
    return layers


def _in_four_bits(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    return AutoModelForCausalLM.from_pretrained(folder, quantization_config=four, local_files_only=True)
