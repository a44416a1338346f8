"""The number formats of a GGUF file, and which of them each tensor gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["f16", "q8_0", "q4_1", "q4_0"]
KINDS: tuple[Kind, ...] = ("f16", "q8_0", "q4_1", "q4_0")
DEFAULT_KINDS: tuple[Kind, ...] = ("f16", "q8_0", "q4_0")
CLOSE, LOOSE = 0.02, 0.10


@dataclass(frozen=True, slots=True)
class Format:
    """`tensor`: its `GGMLQuantizationType`; `file`: its `LlamaFileType`; `rise`: nats per token, mean over the probes,
    by which a file of it may score worse than the model that it was made from."""

    tensor: str
    file: str
    rise: float

    @property
    def label(self) -> str:
        """As file names and people have it: `Q8_0`."""
        return self.tensor


FORMATS: dict[Kind, Format] = {
    "f16": Format("F16", "MOSTLY_F16", CLOSE),
    "q8_0": Format("Q8_0", "MOSTLY_Q8_0", CLOSE),
    "q4_1": Format("Q4_1", "MOSTLY_Q4_1", LOOSE),
    "q4_0": Format("Q4_0", "MOSTLY_Q4_0", LOOSE),
}
_READ_OUT = ("token_embd.weight", "output.weight")


def tensor_format(kind: Kind, name: str, shape: Sequence[int]) -> Any:
    """The `GGMLQuantizationType` of a tensor of `shape` (rows, columns), as llama.cpp chooses it.

    Norms and biases stay float32. In a 4-bit file the embeddings, which are also the read-out where they are tied, have
    eight bits. What does not divide into blocks stays float16.
    """
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    if len(shape) < 2:
        return GGMLQuantizationType.F32
    four_bits = kind in ("q4_0", "q4_1")
    wanted = GGMLQuantizationType["Q8_0" if four_bits and name in _READ_OUT else FORMATS[kind].tensor]
    block, _ = GGML_QUANT_SIZES[wanted]
    return wanted if shape[-1] % block == 0 else GGMLQuantizationType.F16
