"""In a child process: a model that stays loaded and answers chats, one at a time, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import causal

Emit = Callable[[dict[str, Any]], None]
_LOADED: list[tuple[Any, Any]] = []  # tokenizer and model, from the first call on


class TalkError(Exception):
    """This cannot be answered. The message says why and what to do."""


def talk(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """One greedy answer. `payload`: model, adapter (path or None), threads, messages, max_tokens.

    Emits `{"loaded": True}` when the model is ready and `{"piece": text}` as the answer grows; returns `{"text",
    "ended": by itself, "tokens", "forgotten": turns at the beginning for which the window had no room}`. Raises
    `TalkError`.
    """
    if not _LOADED:
        _LOADED.append(_load(Path(payload["model"]), payload["adapter"], payload["threads"]))
    emit({"loaded": True})
    tokenizer, model = _LOADED[0]
    window = int(getattr(model.config, "max_position_embeddings", None) or 1 << 20)
    ids, forgotten = fitted(tokenizer, payload["messages"], window - payload["max_tokens"])
    made = _generate(tokenizer, model, ids, payload["max_tokens"], emit)
    return {
        "text": tokenizer.decode(made, skip_special_tokens=True).strip(),
        "ended": bool(made) and made[-1] in _ends(tokenizer, model),
        "tokens": len(made),
        "forgotten": forgotten,
    }


def fitted(tokenizer: Any, messages: Sequence[Mapping[str, str]], room: int) -> tuple[list[int], int]:
    """The prompt's tokens, `room` at most, and how many of the oldest messages were left out for it.

    Questions go with their answers. Raises `TalkError` where the last message alone is too long.
    """
    for start in range(0, len(messages), 2):
        chat = [dict(message) for message in messages[start:]]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) <= room:
            return ids, start
    raise TalkError(f"this message takes {len(ids)} tokens and the model has room for {room}; make it shorter")


def _load(model: Path, adapter: str | None, threads: int) -> tuple[Any, Any]:
    import torch

    causal.set_threads(threads)
    cuda = torch.cuda.is_available()
    loaded = causal.load_model(model, Path(adapter) if adapter else None, "bfloat16" if cuda else "float32")
    return causal.load_tokenizer(model), loaded.to("cuda") if cuda else loaded


def _generate(tokenizer: Any, model: Any, ids: list[int], max_tokens: int, emit: Emit) -> list[int]:
    import torch
    from transformers import TextStreamer

    class Pieces(TextStreamer):  # type: ignore[misc]  # transformers is not typed
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text:
                emit({"piece": text})

    prompt = torch.tensor([ids], device=model.device)
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=max_tokens,
            pad_token_id=tokenizer.pad_token_id,
            streamer=Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True),
        )
    tokens: list[int] = made[0, len(ids) :].tolist()
    return tokens


def _ends(tokenizer: Any, model: Any) -> set[int]:
    configured = getattr(model.generation_config, "eos_token_id", None)
    return {*(configured if isinstance(configured, list) else [configured]), tokenizer.eos_token_id} - {None}
