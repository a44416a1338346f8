"""A causal language model in this process: load it, render chats, mask what is learnt, answer greedily.

Only code that runs in a child process imports torch through here (pipeline/child.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IGNORED = -100  # the label that cross entropy passes over
BATCH_ROWS = 16


class MaskError(ValueError):
    """A row cannot be trained. The message says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A chat as tokens. `labels`: the token itself where it is learnt, `IGNORED` elsewhere; same length as `tokens`."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]


def set_threads(threads: int) -> None:
    """Use `threads` CPU threads (0: every core)."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(threads or os.cpu_count() or 1)


def load_tokenizer(model: Path) -> Any:
    """The tokenizer of a model folder; it never looks on a hub."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(model: Path, adapter: Path | None = None, dtype: str = "float32") -> Any:
    """The model of a folder in evaluation mode, with a PEFT adapter merged into it where one is given."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype), local_files_only=True)
    if adapter is not None:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(adapter)).merge_and_unload()
    loaded.generation_config.do_sample = False
    return loaded.eval()


def encode(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> Encoded:
    """Tokens of a chat, with the assistant's turns (content and one end-of-turn token each) as labels.

    Works with any chat template: what the template adds when a turn is appended is that turn. Raises `MaskError`
    where the template rewrites earlier turns, or where a text carries the model's own control tokens.
    """
    chat = [dict(message) for message in messages]
    text = _render(tokenizer, chat)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens: list[int] = encoded["input_ids"]
    starts = [start for start, _ in encoded["offset_mapping"]]
    labels = [IGNORED] * len(tokens)
    for turn, message in enumerate(chat):
        if message["role"] != "assistant":
            continue
        before = _render(tokenizer, chat[:turn], prompt=True)
        after = _render(tokenizer, chat[: turn + 1])
        if not (text.startswith(after) and after.startswith(before)):
            raise MaskError("the chat template rewrites earlier turns; their tokens cannot be told apart")
        span = [i for i, start in enumerate(starts) if len(before) <= start < len(after)]
        _label_turn(tokens, labels, span, tokenizer)
    return Encoded(tuple(tokens), tuple(labels))


def _label_turn(tokens: list[int], labels: list[int], span: list[int], tokenizer: Any) -> None:
    ends = [i for i in span if tokens[i] == tokenizer.eos_token_id]
    if len(ends) != 1:
        raise MaskError(f"an assistant's turn must hold one end-of-turn token and has {len(ends)}")
    learnt = [i for i in span if i <= ends[0]]
    special = set(tokenizer.all_special_ids) - {tokenizer.eos_token_id}
    if any(tokens[i] in special for i in learnt):
        raise MaskError("an answer contains a control token of the model")
    for i in learnt:
        labels[i] = tokens[i]


def _render(tokenizer: Any, chat: list[dict[str, str]], *, prompt: bool = False) -> str:
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt))


def pad(rows: Sequence[Encoded], filler: int) -> dict[str, Any]:
    """Right-padded tensors `input_ids`, `attention_mask`, `labels`, each of shape (rows, longest)."""
    import torch

    longest = max(len(row.tokens) for row in rows)
    spare = [longest - len(row.tokens) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.tokens, *[filler] * n] for row, n in zip(rows, spare, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - n) + [0] * n for n in spare]),
        "labels": torch.tensor([[*row.labels, *[IGNORED] * n] for row, n in zip(rows, spare, strict=True)]),
    }


def by_length(lengths: Sequence[int], size: int = BATCH_ROWS) -> list[list[int]]:
    """Indexes in batches of `size`, longest first, ties by index: always the same batches, little padding."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [order[at : at + size] for at in range(0, len(order), size)]


def greedy_answers(
    model: Any, tokenizer: Any, questions: Sequence[str], max_tokens: int, done: Callable[[int], None]
) -> list[tuple[str, bool]]:
    """The greedy answer to each question, and whether it ended by itself within `max_tokens`."""
    import torch

    tokenizer.padding_side = "left"
    prompts = [_render(tokenizer, [{"role": "user", "content": question}], prompt=True) for question in questions]
    lengths = [len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) for prompt in prompts]
    answers: dict[int, tuple[str, bool]] = {}
    for batch in by_length(lengths):
        inputs = tokenizer([prompts[i] for i in batch], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            made = model.generate(
                **inputs, do_sample=False, max_new_tokens=max_tokens, pad_token_id=tokenizer.pad_token_id
            )
        for i, row in zip(batch, made[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            ended = tokenizer.eos_token_id in row
            answers[i] = (tokenizer.decode(row, skip_special_tokens=True).strip(), ended)
        done(len(answers))
    return [answers[i] for i in range(len(questions))]
