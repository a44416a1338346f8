"""Scores by teacher-forced likelihood and greedy answers. Runs in a child process.

Everything is float32 in fixed batches: measured on SmolLM2-135M, repeats and thread counts then change nothing,
another batch size 3e-5 nats, and bfloat16 up to 0.6 nats an item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.evaluate.forward import Sum, answer_sums
from pipeline.evaluate.port import ANSWER_TOKENS, BATCH_ROWS, Item, Score, is_answered, item_of
from pipeline.evaluate.reference import agreement
from pipeline.evaluate.rows import encode

Emit = Callable[[dict[str, Any]], None]
TOGETHER = 4
"""Times as many answers at a time as scores: writing one token reads all weights, for how many answers whatever."""


def score(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """`payload`: model, adapter (path or None), threads, batch, items (fields of `Item`).

    Returns `{"scores": [fields of `Score`]}`. Emits `{"done", "total"}`: items scored and answered. Raises
    `EvaluateError`.
    """
    items = [item_of(fields) for fields in payload["items"]]
    total = len(items) + sum(map(is_answered, items))
    tokenizer, model = open_model(payload)
    sums: dict[str, list[Sum]] = {}

    def tell(so_far: int) -> None:
        emit({"done": len(sums) + so_far, "total": total})

    for group in _groups(items):
        of_group = all_sums(model, tokenizer, group, tell, payload["batch"])
        sums |= {item.id: of for item, of in zip(group, of_group, strict=True)}
    answers = _answers(model, tokenizer, [item for item in items if is_answered(item)], payload["batch"], tell)
    return {"scores": [asdict(_score(item, sums[item.id], answers.get(item.id))) for item in items]}


def answer(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """`payload`: model, adapter, threads, batch, questions, max_tokens. Returns `{"answers": [[text, ended], …]}`."""
    tokenizer, model = open_model(payload)
    questions = payload["questions"]
    answers = causal.greedy_answers(
        model,
        tokenizer,
        questions,
        payload["max_tokens"],
        lambda n: emit({"done": n, "total": len(questions)}),
        TOGETHER * payload["batch"],
    )
    return {"answers": [list(pair) for pair in answers]}


def likelihoods(
    model: Any, tokenizer: Any, items: Sequence[Item], done: Callable[[int], None], batch: int = BATCH_ROWS
) -> list[tuple[float, int]]:
    """(mean nats per reference token, number of those tokens) for each item; the end-of-turn token counts as one."""
    return [(_mean(of[0]), of[0][1]) for of in all_sums(model, tokenizer, items, done, batch)]


def all_sums(
    model: Any, tokenizer: Any, items: Sequence[Item], done: Callable[[int], None], batch: int = BATCH_ROWS
) -> list[list[Sum]]:
    """For each item (sum of nats, labels) of its reference and of each choice. Raises `EvaluateError`."""
    asked = [encode(tokenizer, item) for item in items]
    return answer_sums(model, asked, tokenizer.pad_token_id, batch, done)


def open_model(payload: dict[str, Any]) -> tuple[Any, Any]:
    """(tokenizer, model) of a payload's model, adapter and threads; on the first CUDA card where there is one."""
    import torch

    causal.set_threads(payload["threads"])
    adapter = payload["adapter"]
    folder = Path(payload["model"])
    model = causal.load_model(folder, Path(adapter) if adapter else None)
    return causal.load_tokenizer(folder), model.to("cuda") if torch.cuda.is_available() else model


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    """Each leaf's and each category's items by themselves: what else is asked then moves no score by a single bit."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        found.setdefault((item.suite, item.group), []).append(item)
    return list(found.values())


def _answers(
    model: Any, tokenizer: Any, items: Sequence[Item], batch: int, done: Callable[[int], None]
) -> dict[str, str]:
    """By item. All leaves' together: a text is a choice among tokens, which rounding practically never changes."""
    questions = [item.question for item in items]
    made = causal.greedy_answers(model, tokenizer, questions, ANSWER_TOKENS, done, TOGETHER * batch)
    return {item.id: text for item, (text, _) in zip(items, made, strict=True)}


def _score(item: Item, sums: Sequence[Sum], answer: str | None) -> Score:
    nats, others = _mean(sums[0]), [_mean(one) for one in sums[1:]]
    margin = round(min(others) - nats, 6) if others else None
    agrees = agreement(answer, item.reference) if answer is not None else 0.0
    return Score(item.id, nats, sums[0][1], answer or "", agrees, margin)


def _mean(of: Sum) -> float:
    return round(of[0] / of[1], 6)
