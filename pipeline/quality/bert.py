"""The forward pass of a small BERT encoder with mean pooling, in numpy (Devlin et al. 2019; Reimers, Gurevych 2019).

torch would do it in three lines, at the price of a child process that takes longer to start than a preview's
embeddings take to compute. tests/integration/test_quality_embedding.py compares every number with transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

Array = np.ndarray[Any, np.dtype[np.float32]]
TOKENS = 256  # what the model was trained for; the head of a longer text counts


class Bert:
    """An encoder in memory."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_bytes())
        self._heads: int = config["num_attention_heads"]
        self._layers: int = config["num_hidden_layers"]
        self._epsilon: float = config["layer_norm_eps"]
        tensors = load_file(folder / "model.safetensors")
        self._weights: dict[str, Array] = {
            name: np.ascontiguousarray(array.T if array.ndim == 2 and "embeddings" not in name else array)
            for name, array in tensors.items()
        }
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        self._threads = ThreadpoolController()

    def embed(self, text: str) -> Array:
        """The mean of the last layer's vectors, of unit length."""
        tokens = self._tokenizer.encode(text.encode(errors="replace").decode()).ids
        # More threads compute no faster on a text, starve the other processes, and change the last digits.
        with self._threads.limit(limits=1, user_api="blas"):
            hidden = self._embedded(tokens)
            for number in range(self._layers):
                hidden = self._layer(hidden, f"encoder.layer.{number}.")
        mean: Array = hidden.mean(axis=0)
        unit: Array = mean / np.linalg.norm(mean)
        return unit

    def _embedded(self, tokens: list[int]) -> Array:
        weights, name = self._weights, "embeddings."
        words: Array = weights[f"{name}word_embeddings.weight"][tokens]
        places = weights[f"{name}position_embeddings.weight"][: len(tokens)]
        return self._normed(words + places + weights[f"{name}token_type_embeddings.weight"][0], f"{name}LayerNorm")

    def _layer(self, hidden: Array, name: str) -> Array:
        seen = self._linear(self._attention(hidden, f"{name}attention.self."), f"{name}attention.output.dense")
        hidden = self._normed(seen + hidden, f"{name}attention.output.LayerNorm")
        wide = _gelu(self._linear(hidden, f"{name}intermediate.dense"))
        return self._normed(self._linear(wide, f"{name}output.dense") + hidden, f"{name}output.LayerNorm")

    def _attention(self, hidden: Array, name: str) -> Array:
        size, width = hidden.shape
        each = width // self._heads

        def by_head(part: str) -> Array:
            return self._linear(hidden, name + part).reshape(size, self._heads, each).transpose(1, 0, 2)

        scores = by_head("query") @ by_head("key").transpose(0, 2, 1) / np.float32(each**0.5)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        seen: Array = (weights @ by_head("value")).transpose(1, 0, 2).reshape(size, width)
        return seen

    def _linear(self, hidden: Array, name: str) -> Array:
        result: Array = hidden @ self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result

    def _normed(self, hidden: Array, name: str) -> Array:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(self._epsilon))
        result: Array = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result


def _gelu(values: Array) -> Array:
    """x · Φ(x), with the error function of Abramowitz and Stegun 7.1.26, exact to 1.5e-7."""
    scaled: Array = np.abs(values) * np.float32(0.5**0.5)
    t: Array = np.reciprocal(scaled * np.float32(0.3275911) + np.float32(1))
    terms: Array = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        terms = terms * t + np.float32(factor)
    erf = np.float32(1) - terms * t * np.exp(-scaled * scaled)
    result: Array = values * np.float32(0.5) * (1 + np.sign(values) * erf)
    return result
