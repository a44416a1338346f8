"""Scores by teacher-forced likelihood and greedy answers. Runs in a child process.

Everything is float32 in fixed batches: measured on SmolLM2-135M, repeats and thread counts then change nothing,
another batch size 3e-5 nats, and bfloat16 up to 0.6 nats an item.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.evaluate.port import EvaluateError, Item, Score

Emit = Callable[[dict[str, Any]], None]
ANSWER_TOKENS = 64


def score(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """`payload`: model, adapter (path or None), threads, items (fields of `Item`).

    Returns `{"scores": [fields of `Score`]}`. Emits `{"done", "total"}`: items scored and answered. Raises
    `EvaluateError`.
    """
    items = [Item(**fields) for fields in payload["items"]]
    asked = [item for item in items if item.suite == "heldout"]
    total = len(items) + len(asked)
    tokenizer, model = _open(payload)
    nats = likelihoods(model, tokenizer, items, lambda n: emit({"done": n, "total": total}))
    answers = causal.greedy_answers(
        model,
        tokenizer,
        [item.question for item in asked],
        ANSWER_TOKENS,
        lambda n: emit({"done": len(items) + n, "total": total}),
    )
    texts = {item.id: text for item, (text, _) in zip(asked, answers, strict=True)}
    return {
        "scores": [
            asdict(Score(item.id, value, tokens, texts.get(item.id, ""), _f1_of(item, texts)))
            for item, (value, tokens) in zip(items, nats, strict=True)
        ]
    }


def answer(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """`payload`: model, adapter, threads, questions, max_tokens. Returns `{"answers": [[text, ended], …]}`."""
    tokenizer, model = _open(payload)
    questions = payload["questions"]
    answers = causal.greedy_answers(
        model, tokenizer, questions, payload["max_tokens"], lambda n: emit({"done": n, "total": len(questions)})
    )
    return {"answers": [list(pair) for pair in answers]}


def likelihoods(
    model: Any, tokenizer: Any, items: Sequence[Item], done: Callable[[int], None]
) -> list[tuple[float, int]]:
    """(mean nats per reference token, number of those tokens) for each item; the end-of-turn token counts as one."""
    import torch

    rows = [_encode(tokenizer, item) for item in items]
    scores: dict[int, tuple[float, int]] = {}
    for batch in causal.by_length([len(row.tokens) for row in rows]):
        inputs = causal.pad([rows[i] for i in batch], tokenizer.pad_token_id)
        labels = inputs.pop("labels")[:, 1:]
        with torch.inference_mode():
            logits = model(**inputs, use_cache=False).logits[:, :-1].float()
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=causal.IGNORED, reduction="none"
            ).view(labels.shape)
        counts = (labels != causal.IGNORED).sum(dim=1).tolist()
        for i, nats, count in zip(batch, losses.double().sum(dim=1).tolist(), counts, strict=True):
            scores[i] = (round(nats / count, 6), count)
        done(len(scores))
    return [scores[i] for i in range(len(items))]


def f1(answer: str, reference: str) -> float:
    """Token F1, 0..1: words in common, case and punctuation aside (as SQuAD does, articles kept)."""
    said, wanted = (Counter(re.findall(r"\w+", text.lower())) for text in (answer, reference))
    common = sum((said & wanted).values())
    return round(2 * common / (said.total() + wanted.total()), 6) if common else 0.0


def _f1_of(item: Item, texts: dict[str, str]) -> float:
    return f1(texts[item.id], item.reference) if item.id in texts else 0.0


def _encode(tokenizer: Any, item: Item) -> causal.Encoded:
    chat = [{"role": "user", "content": item.question}, {"role": "assistant", "content": item.reference}]
    try:
        return causal.encode(tokenizer, chat)
    except causal.MaskError as error:
        raise EvaluateError(f"item {item.id} of {item.group} cannot be scored: {error}") from error


def _open(payload: dict[str, Any]) -> tuple[Any, Any]:
    causal.set_threads(payload["threads"])
    adapter = payload["adapter"]
    model = Path(payload["model"])
    return causal.load_tokenizer(model), causal.load_model(model, Path(adapter) if adapter else None)
