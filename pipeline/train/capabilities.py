"""What this machine can tune, without loading torch, and whether a recipe fits it."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.recipe import Recipe, RecipeError
from pipeline.train.memory import MemoryEstimate

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`gpus`: CUDA devices; `bitsandbytes`: it is installed; `memory`: bytes of this machine or container, 0 where
    unknown; `fast_bfloat16`: computing in bfloat16 is faster than in float32."""

    gpus: int
    bitsandbytes: bool
    memory: int
    fast_bfloat16: bool


def capabilities() -> Capabilities:
    """Look at this machine. `CUDA_VISIBLE_DEVICES` counts."""
    gpus = _gpus()
    return Capabilities(
        gpus=gpus,
        bitsandbytes=importlib.util.find_spec("bitsandbytes") is not None,
        memory=_memory(),
        fast_bfloat16=gpus > 0 or bool(_BF16_FLAGS & _cpu_flags()),
    )


def check_recipe(recipe: Recipe, found: Capabilities, estimate: MemoryEstimate | None = None) -> None:
    """Refuse what cannot run here. `estimate`: what tuning takes, on a machine without a GPU.

    Raises `RecipeError`, which says what to change.
    """

    def refuse(words: str) -> None:
        raise RecipeError(f"recipe {recipe.name} cannot run on this machine: {words}")

    if recipe.quantization == "nf4":
        if not found.gpus:
            refuse("nf4 needs a CUDA GPU, and there is none; set quantization to none")
        if not found.bitsandbytes:
            refuse("nf4 needs bitsandbytes; `pip install bitsandbytes`, or set quantization to none")
    if recipe.processes > max(found.gpus, 1):
        refuse(
            f"it wants {recipe.processes} processes, one a GPU, and there are {found.gpus} GPUs; "
            "set processes to that number (1 for none), or take the recipe laptop"
        )
    if recipe.dtype == "bfloat16" and not found.fast_bfloat16:
        refuse("bfloat16 is slower than float32 on this processor, and coarser; set dtype to float32")
    if estimate and not found.gpus and 0 < found.memory < estimate.bytes:
        refuse(
            f"tuning would take {estimate}, and there are {found.memory / 2**30:.1f} GiB; lower micro_batch or "
            "max_tokens, set gradient_checkpointing, or take method lora-mlp"
        )


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name.removeprefix("nvidia").isdigit()])
    if visible is None:
        return there
    return min(there, len([entry for entry in visible.split(",") if entry.strip() not in ("", "-1")]))


def _memory() -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    limits = [path.read_text(encoding="ascii").strip() for path in _LIMITS if path.is_file()]
    return min([total, *(int(limit) for limit in limits if limit.isdigit())])


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
