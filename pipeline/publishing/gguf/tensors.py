"""The tensors of a Llama-family model under the names, in the order and with the rows that llama.cpp reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAMILY = ("LlamaForCausalLM", "MistralForCausalLM")
_ROTATED = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}
_ELSEWHERE = "name llama.cpp's convert_hf_to_gguf.py in the setting gguf_converter, which knows more models"


class GgufError(Exception):
    """A model cannot be written as GGUF. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor: its name in GGUF and in the model, the file that holds it, its shape, and the number of attention
    heads whose rows llama.cpp wants in another order (0: as they are)."""

    name: str
    source: str
    file: Path
    shape: tuple[int, ...]
    heads: int = 0


def read_config(model: Path) -> dict[str, Any]:
    """`config.json` of a model that this writer knows. Raises `GgufError`."""
    config: dict[str, Any] = json.loads((model / "config.json").read_text(encoding="utf-8"))
    family = (config.get("architectures") or ["none"])[0]
    if family not in FAMILY:
        raise GgufError(f"{family} is no model of the Llama family; {_ELSEWHERE}")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    scaling = rope.get("rope_type") or rope.get("type") or "default"
    if scaling != "default":
        raise GgufError(f"its positions are scaled ({scaling}), which this writer does not know; {_ELSEWHERE}")
    return config


def weights(model: Path, config: Mapping[str, Any]) -> list[Weight]:
    """All tensors, embeddings first, then layer by layer. A read-out that is tied to the embeddings is none of its own.

    Raises `GgufError` where a tensor has no place in llama.cpp's Llama.
    """
    from gguf import MODEL_ARCH, get_tensor_name_map
    from safetensors import safe_open

    names = get_tensor_name_map(MODEL_ARCH.LLAMA, int(config["num_hidden_layers"]))
    found = []
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            for source in opened.keys():  # noqa: SIM118 - it is no dict
                if source == "lm_head.weight" and config.get("tie_word_embeddings"):
                    continue
                name = names.get_name(source, try_suffixes=(".weight", ".bias"))
                if name is None:
                    raise GgufError(f"llama.cpp's Llama has no place for the tensor {source}; {_ELSEWHERE}")
                shape = tuple(opened.get_slice(source).get_shape())
                found.append(Weight(name, source, file, shape, _heads(source, config)))
    if not found:
        raise GgufError(f"{model} holds no *.safetensors")
    return sorted(found, key=_order)


def load(weight: Weight) -> Any:
    """The tensor as a float32 numpy array, in llama.cpp's order of rows."""
    import torch
    from safetensors import safe_open

    with safe_open(weight.file, framework="pt") as opened:
        array = opened.get_tensor(weight.source).to(torch.float32).numpy()
    return interleave(array, weight.heads) if weight.heads else array


def interleave(array: Any, heads: int) -> Any:
    """Rows of each head from (first halves, second halves) to pairs (first, second).

    Hugging Face turns row i of a head with row i + half, llama.cpp row 2i with row 2i + 1. The same weights in the
    other order give noise, which is why every file is scored.
    """
    half = array.shape[0] // heads // 2
    return array.reshape(heads, 2, half, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def _heads(source: str, config: Mapping[str, Any]) -> int:
    for part, count in _ROTATED.items():
        if part in source:
            return int(config.get(count) or config["num_attention_heads"])
    return 0


def _order(weight: Weight) -> tuple[int, str]:
    parts = weight.name.split(".")
    return (int(parts[1]), weight.name) if parts[0] == "blk" else (-1 if "embd" in parts[0] else 1 << 30, weight.name)


def encoded(model_weights: list[Weight], formats: list[Any]) -> Iterator[Any]:
    """Each tensor's bytes in its format, one tensor in memory at a time."""
    import numpy as np
    from gguf.quants import quantize

    for weight, wanted in zip(model_weights, formats, strict=True):
        yield np.ascontiguousarray(quantize(load(weight), wanted))
