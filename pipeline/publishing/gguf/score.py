"""Scores of a model folder or a GGUF file on the same questions. Runs in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.child import JSON, Emit


def score(payload: JSON, emit: Emit) -> JSON:
    """`model`: a folder, or a GGUF file whose own tokenizer and chat template are then used; `items`: fields of `Item`.

    Returns `{"nats": [...]}`, per token of each reference, in float32.
    """
    from pipeline import causal
    from pipeline.evaluate.likelihood import likelihoods
    from pipeline.evaluate.port import Item

    causal.set_threads(payload["threads"])
    items = [Item(**{**fields, "choices": ()}) for fields in payload["items"]]  # the reference alone tells enough
    model, tokenizer = _open(Path(payload["model"]))
    found = likelihoods(model, tokenizer, items, lambda done: emit({"done": done, "total": len(items)}))
    return {"nats": [pair[0] for pair in found]}


def _open(path: Path) -> tuple[Any, Any]:
    from pipeline import causal

    if path.is_dir():
        return causal.load_model(path), causal.load_tokenizer(path)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    return model.eval(), tokenizer
