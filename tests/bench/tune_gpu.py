"""Tuning on a CUDA card: trained and read tokens a second against the arithmetic limit of the card.

usage: python -m tests.bench.tune_gpu [--shapes small,large] [--rows N]   → a line of JSON for each shape
The weights are random, in the shapes of SmolLM2-135M and SmolLM2-1.7B, since speed does not depend on them and a
machine with a card may have no way to fetch others. The limit: a matrix product of the card's own making, timed here
in bfloat16; a LoRA's forward pass takes 2 operations for each weight and token, its backward pass 2 more, as frozen
weights need no gradient of their own (Hu et al. 2021), and attention comes on top.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.recipe import Recipe, load_recipe
from tests.tiny_model import byte_tokenizer

SHAPES = {
    "small": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "kv": 3,
    },
    "large": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 24,
        "num_attention_heads": 32,
        "kv": 32,
    },
}
VOCABULARY = 49152
ANSWER = 400  # characters, a token each


def main() -> None:
    """Measure each shape."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--shapes", default="small,large")
    ap.add_argument("--rows", type=int, default=1024)
    args = ap.parse_args()
    limit = product_speed()
    for shape in args.shapes.split(","):
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps({"shape": shape} | measure(shape, args.rows, Path(name), limit)), flush=True)


def product_speed(size: int = 8192, times: int = 20) -> float:
    """Operations a second of a bfloat16 product of random matrices."""
    import torch

    one, other = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        one @ other
    torch.cuda.synchronize()
    return 2 * size**3 * times / (time.perf_counter() - began)


def measure(shape: str, rows: int, folder: Path, limit: float) -> dict[str, Any]:
    """One tuning with the packaged recipe `single-gpu`, unquantized."""
    from pipeline.train.tune import tune

    weights = save_model(shape, folder / "model")
    lines = [row(number) for number in range(rows)]
    (folder / "mixture.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe: Recipe = replace(
        load_recipe("single-gpu"),
        epochs=2,
        patience=0,
        kl_weight=0.0,
        threads=8,
        quantization="none",  # a card with room to spare: nothing rounded, nothing computed twice
        gradient_checkpointing=False,
        packing=False,  # without an attention that knows of packed rows it reads every row against every other
        micro_batch=32,
    )
    payload = {"model": str(folder / "model"), "mixture": str(folder / "mixture.jsonl"), "dev": None}
    steps: list[dict[str, Any]] = []
    job = payload | {"out": str(folder / "out"), "recipe": recipe.to_json(), "micro_batch": recipe.micro_batch}
    result = tune(job, steps.append)
    read = max(step["tokens_per_second"] for step in steps)
    operations = 4 * weights * read
    return {
        "weights": weights,
        "trained_tokens_per_second": round(result["tokens"] / result["seconds"]),
        "read_tokens_per_second": round(read),
        "card_tflops": round(limit / 1e12),
        "share_of_the_card": round(operations / limit, 3),
        "layout": result["layout"],
        "peak_gb": round(result["peak_bytes"] / 1e9, 1),
        "seconds": result["seconds"],
        "recipe": {name: getattr(recipe, name) for name in ("method", "rank", "dtype", "batch", "micro_batch")},
    }


def save_model(shape: str, folder: Path) -> int:
    """Random weights and a tokenizer of bytes; how many weights a token passes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = dict(SHAPES[shape])
    heads = sizes.pop("kv")
    tokenizer = byte_tokenizer()  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        num_key_value_heads=heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        **sizes,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return int(sum(one.numel() for one in model.parameters()))


def row(number: int) -> dict[str, Any]:
    """Some text of about `ANSWER` tokens."""
    text = f"{number} ferries, harbour {number * 7919 % 1000}, "
    answer = (text * (1 + ANSWER // len(text)))[: ANSWER - number % 97]
    messages = [{"role": "user", "content": f"List {number}."}, {"role": "assistant", "content": answer}]
    return {"id": str(number), "leaf": "compositional_skills/lists", "kind": "skill", "messages": messages}


if __name__ == "__main__":
    main()
