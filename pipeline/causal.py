"""A causal language model in this process: load it, render chats, mask what is learnt, answer greedily.

Only code that runs in a child process imports torch through here (pipeline/child.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

IGNORED = -100  # the label that cross entropy passes over
BATCH_ROWS = 16
PROMPT_TOKENS = 8192  # of questions that are answered at a time, padding among them
TrainOn = Literal["assistant", "all"]
_DATE = "26 Jul 2024"  # what Llama's own templates fall back to


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
    """The model of a folder in evaluation mode, tuned where `adapter` is given.

    `adapter`: a PEFT adapter, which is merged, or a folder with all weights (`method: full` and `osf`), which replaces
    those of `model`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    whole = adapter is not None and not (adapter / "adapter_config.json").exists()
    source = adapter if whole else model
    loaded = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype), local_files_only=True)
    if adapter is not None and not whole:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(adapter)).merge_and_unload()
    loaded.generation_config.do_sample = False
    return loaded.eval()


def encode(tokenizer: Any, messages: Sequence[Mapping[str, str]], train_on: TrainOn = "assistant") -> Encoded:
    """Tokens of a chat. Labels: each assistant's turn with its one end-of-turn token; `all` adds what users wrote.

    Works with any chat template: what the template adds when a turn is appended is that turn, and the first control
    token behind its text ends it. Raises `MaskError` where the template refuses the chat or rewrites earlier turns,
    and where a text carries one of the model's own control tokens.
    """
    chat = [dict(message) for message in messages]
    controls = control_tokens(tokenizer)
    for message in chat:
        if found := next((name for name in controls.values() if name and name in message["content"]), None):
            raise MaskError(f"a text of the {message['role']} contains the control token {found}")
    text = _render(tokenizer, chat)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens: list[int] = encoded["input_ids"]
    starts = [start for start, _ in encoded["offset_mapping"]]
    labels = [IGNORED] * len(tokens)
    for turn, message in enumerate(chat):
        if message["role"] == "assistant" or (train_on == "all" and message["role"] == "user"):
            for i in _learnt(tokenizer, chat, turn, text, tokens, starts, controls):
                labels[i] = tokens[i]
    labels[0] = IGNORED  # nothing predicts the first token
    return Encoded(tuple(tokens), tuple(labels))


def control_tokens(tokenizer: Any) -> dict[int, str]:
    """The tokens that structure a chat and that no text may contain: id to text."""
    special = {i: str(token) for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return special | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))


_PLACE = "\u2055place\u2055"  # stands for a text where only its position is wanted


def _learnt(
    tokenizer: Any,
    chat: list[dict[str, str]],
    turn: int,
    text: str,
    tokens: list[int],
    starts: list[int],
    controls: Mapping[int, str],
) -> list[int]:
    """Indexes of the tokens of a turn that are learnt: its text and, of an assistant, the token that ends it."""
    message, earlier = chat[turn], chat[:turn]
    after = _render(tokenizer, [*earlier, message])
    begin = _render(tokenizer, [*earlier, {**message, "content": _PLACE}]).find(_PLACE)
    content = next(
        (one for one in (message["content"], message["content"].strip()) if after[begin:].startswith(one)), ""
    )
    if begin < 0 or not content or not text.startswith(after):
        raise MaskError("the chat template rewrites turns; their tokens cannot be told apart")
    end = begin + len(content)
    if message["role"] != "assistant":
        return [i for i, start in enumerate(starts) if begin <= start < end and tokens[i] not in controls]
    before = _render(tokenizer, earlier, prompt=True)
    if not after.startswith(before):
        raise MaskError("the chat template's prompt for an answer is not how an answer begins")
    span = [i for i, start in enumerate(starts) if len(before) <= start < len(after)]
    ends = [i for i in span if tokens[i] in controls and starts[i] >= end]
    if not ends:
        raise MaskError("the chat template ends the assistant's turn with no control token, so an end cannot be learnt")
    learnt = [i for i in span if i <= ends[0]]
    if any(tokens[i] in controls for i in learnt[:-1]):
        raise MaskError("the chat template puts a control token into an answer")
    return learnt


def _render(tokenizer: Any, chat: list[dict[str, str]], *, prompt: bool = False) -> str:
    from jinja2.exceptions import TemplateError

    try:
        # Some templates write today's date where none is given, and training data must not depend on the day.
        rendered = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt, date_string=_DATE)
    except TemplateError as error:
        raise MaskError(f"the chat template refuses this chat: {error}") from error
    return str(rendered)


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


def by_room(lengths: Sequence[int], size: int) -> list[list[int]]:
    """As `by_length`, with fewer rows where they are long: padding would cost more than more rows at a time save."""
    order = [i for batch in by_length(lengths, 1) for i in batch]
    batches: list[list[int]] = []
    while order:
        rows = max(1, min(size, max(size // 4, PROMPT_TOKENS // lengths[order[0]])))
        batches.append(order[:rows])
        order = order[rows:]
    return batches


def greedy_answers(
    model: Any,
    tokenizer: Any,
    questions: Sequence[str],
    max_tokens: int,
    done: Callable[[int], None],
    size: int = BATCH_ROWS,
) -> list[tuple[str, bool]]:
    """The greedy answer to each question, and whether it ended by itself in `max_tokens`. `size`: most at a time."""
    import torch

    tokenizer.padding_side = "left"
    prompts = [_render(tokenizer, [{"role": "user", "content": question}], prompt=True) for question in questions]
    lengths = [len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) for prompt in prompts]
    answers: dict[int, tuple[str, bool]] = {}
    for batch in by_room(lengths, size):
        inputs = tokenizer([prompts[i] for i in batch], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            made = model.generate(
                **inputs.to(model.device),
                do_sample=False,
                max_new_tokens=max_tokens,
                pad_token_id=tokenizer.pad_token_id,
            )
        for i, row in zip(batch, made[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            ended = tokenizer.eos_token_id in row
            answers[i] = (tokenizer.decode(row, skip_special_tokens=True).strip(), ended)
        done(len(answers))
    return [answers[i] for i in range(len(questions))]
