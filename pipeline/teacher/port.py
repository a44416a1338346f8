"""The `Teacher` seam: chat requests in, completions out, each as soon as it is finished."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "unfit", "error"]
Form = Literal["plain", "schema"]


class TeacherError(Exception):
    """The teacher cannot serve. The message says what failed and what to do."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `seed` makes sampling repeatable; `max_tokens` counts output tokens.

    `schema`: canonical text of a JSON Schema that the answer must fit, "" for free text. `alternatives`: how many of
    the likeliest first tokens to report, 0 to 20.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    seed: int = 0
    schema: str = ""
    alternatives: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One completion to make. The last message is the user's."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()

    def key(self, fingerprint: str) -> str:
        """SHA-256 (hex) of teacher fingerprint, messages and sampling: the name of the answer (design §5.2)."""
        s = self.sampling
        turns = [[message.role, message.content] for message in self.messages]
        how = [s.temperature, s.top_p, s.max_tokens, s.stop, s.seed, s.schema, s.alternatives]
        canonical = json.dumps([fingerprint, turns, how], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode(errors="backslashreplace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back. `finish_reason` "unfit" or "error": `text` is empty and `error` says why; others are unharmed.

    "unfit": no teacher of this kind can ever answer it (it exceeds the context). "error": another try may help.
    `cached_tokens`: of `prompt_tokens`, those that the engine had computed before. `alternatives`: the likeliest first
    tokens as (text, natural logarithm of the probability), the likeliest first.
    """

    text: str
    finish_reason: FinishReason = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None
    cached_tokens: int = 0
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is no text."""
        return self.finish_reason in ("unfit", "error")


class Teacher(Protocol):
    """A language model that answers chats, many at once.

    Contract (tests/contract/test_teacher.py): each `answer` is independent of the others, however many are in flight; a
    request that does not fit the context is an "unfit" completion; cancelling an `answer` frees its place; a request
    that fails harms no other; `TeacherError` only when nothing can be served. All calls come from one event loop at a
    time. Two answers to one request may differ by rounding where others share their batch: what is stored first counts.
    """

    @property
    def name(self) -> str:
        """A person's name for the model and engine, such as "SmolLM2-135M-Instruct on vLLM (CPU)"."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over weights digest or model name and revision, chat template, engine class and dtype."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may fill together."""
        ...

    @property
    def concurrency(self) -> int:
        """Requests worth having in flight; more than this only queue in the engine. May change while it serves."""
        ...

    @property
    def form(self) -> Form:
        """Which prompts suit it: few-shot turns in plain text, or instructions whose answers fit a JSON Schema."""
        ...

    @property
    def tokenizer(self) -> Path | None:
        """The model's `tokenizer.json`, None where it is not at hand."""
        ...

    async def answer(self, request: ChatRequest) -> Completion:
        """Answer one request."""
        ...

    def close(self) -> None:
        """Free the engine. Closing twice is harmless; answers in flight raise `TeacherError`."""
        ...
