"""A share of an update: weights between the base and the tuned model. Less is learnt, and less is forgotten."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.train.port import TrainError


def scale_adapter(tuned: Path, factor: float, base: Path | None = None) -> None:
    """Keep the share `factor` (0 to 1) of the update in the folder `tuned`, in place.

    A LoRA's update is B·A times a number, rsLoRA's too, so scaling B scales it exactly. Weights of full tuning and OSF
    are mixed with those of `base`. Raises `TrainError` for DoRA, whose update is no product.
    """
    from safetensors.torch import load_file, save_file

    if not 0 <= factor <= 1:
        raise TrainError(f"{tuned}: a share of an update is from 0 to 1, not {factor}")
    if factor == 1:
        return
    if (config := tuned / "adapter_config.json").exists():
        if json.loads(config.read_bytes()).get("use_dora"):
            raise TrainError(f"{tuned} is a DoRA adapter; a share of its update is no adapter, so tune it anew")
        path = tuned / "adapter_model.safetensors"
        weights = {name: one * factor if ".lora_B." in name else one for name, one in load_file(path).items()}
        save_file(weights, path, metadata={"format": "pt"})
    elif base is None:
        raise TrainError(f"{tuned} holds all weights; a share of their update needs the folder of the base")
    else:
        _between(tuned, base, factor)


def _between(tuned: Path, base: Path, factor: float) -> None:
    from safetensors.torch import load_file, save_file

    old = {name: one for file in sorted(base.glob("*.safetensors")) for name, one in load_file(file).items()}
    path = tuned / "model.safetensors"
    new = load_file(path)
    if unknown := sorted(new.keys() - old.keys()):
        raise TrainError(f"{base} has no weights named {unknown[0]}; it is not the base of {tuned}")
    mixed = {name: old[name].to(one.dtype).lerp(one, factor).contiguous() for name, one in new.items()}
    save_file(mixed, path, metadata={"format": "pt"})
