"""What every engine does alike: render a chat with the model's own template, count, refuse what does not fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.models import ModelFolder
from pipeline.teacher.port import ChatRequest, TeacherError

CONTEXT_TOKENS = 4096  # enough for every flow; a longer context only costs memory
MOST_ALTERNATIVES = 20
PROTOCOL = 1  # raise when an adapter changes in a way that changes texts


class UnfitRequest(Exception):
    """This request cannot be answered; the message says why. Others can."""


def fingerprint(model: ModelFolder, engine: str, dtype: str, adapter: ModelFolder | None = None) -> str:
    """SHA-256 (hex) of all that decides a text besides the request. The digest covers the chat template's file."""
    canonical = json.dumps([PROTOCOL, model.digest, engine, dtype, *([adapter.digest] if adapter else [])])
    return hashlib.sha256(canonical.encode()).hexdigest()


def tokenizer_of(model: ModelFolder) -> Path | None:
    """The model's `tokenizer.json`, None where its tokenizer is of another kind."""
    path = model.path / "tokenizer.json"
    return path if path.is_file() else None


def context_of(model: ModelFolder, wanted: int) -> int:
    """The smaller of what is wanted and what the model was trained for, in tokens. Raises `TeacherError`."""
    try:
        config = json.loads((model.path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TeacherError(f"{model.path}/config.json cannot be read: {error}") from error
    # models that also see keep the language model's figures one level down
    trained = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    return min(wanted, int(trained)) if trained else wanted


class Prompter:
    """Tokeniser and chat template of one model. Imports transformers."""

    def __init__(self, model: ModelFolder, context_tokens: int) -> None:
        """Raises `TeacherError` where the tokenizer cannot be loaded or carries no chat template."""
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(model.path, local_files_only=True)
        except Exception as error:  # the library has no common class for a broken folder
            raise TeacherError(f"the tokenizer in {model.path} does not load: {error}") from error
        if not self.tokenizer.chat_template:
            raise TeacherError(f"{model.name} has no chat template: name a model tuned for chat ({model.path}).")
        self.context_tokens = context_tokens

    def encode(self, request: ChatRequest) -> list[int]:
        """Token ids of the prompt, up to where the assistant speaks. Raises `UnfitRequest`."""
        sampling = request.sampling
        if sampling.max_tokens < 1 or sampling.temperature < 0 or not 0 < sampling.top_p <= 1:
            raise UnfitRequest(f"max_tokens ≥ 1, temperature ≥ 0 and 0 < top_p ≤ 1 are needed, not {sampling}")
        if not 0 <= sampling.alternatives <= MOST_ALTERNATIVES:
            raise UnfitRequest(f"0 to {MOST_ALTERNATIVES} alternatives can be had, not {sampling.alternatives}")
        try:
            text = self.tokenizer.apply_chat_template(
                [asdict(message) for message in request.messages], add_generation_prompt=True, tokenize=False
            )
            ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        except Exception as error:  # templates raise what they like, such as on two turns of one role
            raise UnfitRequest(f"the chat template refuses these messages: {error}") from error
        if len(ids) + sampling.max_tokens > self.context_tokens:
            raise UnfitRequest(
                f"the prompt has {len(ids)} tokens and {sampling.max_tokens} more are asked for; "
                f"the context holds {self.context_tokens}"
            )
        return ids
