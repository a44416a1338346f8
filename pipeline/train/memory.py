"""How much memory a tuning run will take, from the student's files alone; torch is not loaded.

The counts of activations were calibrated on SmolLM2-135M (tests/integration/test_train_memory.py holds the result
within 30 % of a measured run).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.recipe import Recipe
from pipeline.train.lora import MLP_LAYERS

PROGRAM = 500 << 20  # the interpreter with torch, transformers, peft and trl
FLOAT = 4
LOGIT_COPIES = 3  # logits, their logarithm of a softmax, and its gradient
_NOT_LINEAR = ("embed_tokens", "lm_head", "wte", "wpe")


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """`bytes`: at the peak, on each device, or of the process on a CPU. `parts`: what they are made of."""

    bytes: int
    parts: Mapping[str, int]

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {size / 2**30:.1f}" for name, size in self.parts.items())
        return f"{self.bytes / 2**30:.1f} GiB ({parts})"


class EstimateError(ValueError):
    """The student's files do not tell its shape. The message says which file."""


def memory_estimate(model: Path, recipe: Recipe, longest: int | None = None) -> MemoryEstimate:
    """What tuning `model` by `recipe` takes. `longest`: tokens of the longest row, else `max_tokens`.

    As many tokens as a micro batch of the longest rows, all of them trained, must fit. Raises `EstimateError`.
    """
    shapes = dict(_shapes(model))
    weights = sum(math.prod(shape) for shape in shapes.values())
    trained = _trained(shapes, weights, recipe)
    tokens = min(recipe.micro_batch * recipe.max_tokens, recipe.batch * (longest or recipe.max_tokens))
    share = recipe.processes if recipe.shard else 1
    logits = tokens * _config(model)["vocab_size"] * FLOAT * LOGIT_COPIES
    parts = {
        "program": PROGRAM,
        "weights": (weights // 2 + weights // 8 if recipe.quantization == "nf4" else weights * FLOAT) // share,
        "beside them": (trained if recipe.is_lora else trained * 3 if recipe.method == "osf" else 0) * FLOAT // share,
        "gradients and Adam": trained * 3 * FLOAT // share,
        "activations": tokens * _kept_floats(_config(model), recipe) * (2 if recipe.dtype == "bfloat16" else FLOAT),
        "logits": logits * (2 if recipe.kl_weight else 1),
    }
    return MemoryEstimate(sum(parts.values()), parts)


def _config(model: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((model / "config.json").read_bytes())
        config = config.get("text_config", config)
        needed = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads")
        return config | {name: int(config[name]) for name in needed}
    except (OSError, ValueError, KeyError) as error:
        raise EstimateError(f"{model / 'config.json'} does not tell the student's shape ({error})") from error


def _shapes(model: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all weights, from the headers of the safetensors files."""
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise EstimateError(f"{model} has no .safetensors file")
    for path in files:
        with path.open("rb") as file:
            try:
                header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            except (ValueError, struct.error, MemoryError, OverflowError) as error:
                raise EstimateError(f"{path} has no readable header ({error})") from error
        yield from ((name, tuple(entry["shape"])) for name, entry in header.items() if name != "__metadata__")


def _trained(shapes: Mapping[str, tuple[int, ...]], weights: int, recipe: Recipe) -> int:
    """Numbers that are trained."""
    if recipe.method == "full":
        return weights
    layers = {name.removesuffix(".weight"): shape for name, shape in shapes.items() if len(shape) == 2}
    linear = {name: shape for name, shape in layers.items() if name.rpartition(".")[2] not in _NOT_LINEAR}
    if recipe.method == "osf":
        return sum(math.ceil((1 - recipe.kept_rank) * min(shape)) * (sum(shape) + 1) for shape in linear.values())
    chosen = [
        shape for name, shape in linear.items() if recipe.method == "lora-all" or name.rpartition(".")[2] in MLP_LAYERS
    ]
    return sum(recipe.rank * sum(shape) for shape in chosen)


def _kept_floats(config: Mapping[str, Any], recipe: Recipe) -> int:
    """Numbers a token that the backward pass needs, over all layers."""
    hidden, layers, heads = config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"]
    inner = config.get("intermediate_size") or 4 * hidden
    queries = heads * (config.get("head_dim") or hidden // heads)
    layer = 7 * hidden + 4 * queries + 7 * inner // 2  # norms and residuals, attention, MLP
    if not recipe.is_lora:
        layer += hidden + inner
    return int(layers * hidden + layer if recipe.gradient_checkpointing else layers * layer)
