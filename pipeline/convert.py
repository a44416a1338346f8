"""GGUF to the folder that every other library reads: safetensors, tokenizer, chat template. Runs in a child process."""

from __future__ import annotations

from pathlib import Path

from pipeline.child import JSON, Emit


def convert_gguf(payload: JSON, emit: Emit) -> JSON:
    """Convert file `gguf` into the existing, empty folder `out`; both are paths. About 20 s for 135M parameters.

    The weights become bfloat16, SmolLM2's own format: what that rounds off (2⁻⁹ of a weight) is far below the step
    of the four-bit weights it starts from, and float32 would only double the size.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, out = Path(payload["gguf"]), Path(payload["out"])
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    # The loader has already undone the quantisation, but would still refuse to save what it believes quantised.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    if not tokenizer.chat_template:
        raise ValueError(f"{source.name} carries no chat template, so nothing can talk with it")
    tokenizer.save_pretrained(out)
    return {}
