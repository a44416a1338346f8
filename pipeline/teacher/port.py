"""The `Teacher` seam: a pool of chat requests in, completions out, as they finish."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "error"]


class TeacherError(Exception):
    """The teacher cannot serve. The message says what failed and what to do."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `seed` makes sampling repeatable; `max_tokens` counts output tokens."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One completion to make. The last message is the user's."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()

    def key(self, fingerprint: str) -> str:
        """SHA-256 (hex) of teacher fingerprint, messages and sampling: the name of the answer (design §5.2)."""
        canonical = json.dumps([fingerprint, asdict(self)], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back. With `finish_reason` "error", `text` is empty and `error` says why; others are unharmed."""

    text: str
    finish_reason: FinishReason = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None


class Teacher(Protocol):
    """A language model that answers chats.

    Contract (tests/contract/test_teacher.py): every request of `complete` is answered exactly once, by its index, in
    any order; the same *list* of requests gives the same texts on the same machine, whatever ran before; a request
    that does not fit the context is an "error" completion; `TeacherError` only when nothing can be served.
    """

    @property
    def name(self) -> str:
        """A person's name for the model and engine, such as "SmolLM2-135M-Instruct on vLLM (CPU)"."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over weights digest, chat template, engine class and dtype."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may fill together."""
        ...

    @property
    def batch_size(self) -> int:
        """Requests that the engine works on at once; more than this in one call only queue."""
        ...

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        """Answer each request; yields (index, completion) as they finish."""
        ...

    def close(self) -> None:
        """Free the engine. Closing twice is harmless."""
        ...
