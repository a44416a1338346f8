"""Somebody to talk to: one model in a child process, with the conversation so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.child import JSON, Child, ChildDied, ChildError
from pipeline.serving.choice import Choice

Hear = Callable[[str], None]
"""Called with each piece of an answer; with "" when the model is loaded and begins to think."""


class SpeakerError(Exception):
    """No answer came. The message says why and what to do; the conversation is as it was before the question."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `ended`: by itself, not cut. `forgotten`: messages at the beginning that it was made without."""

    text: str
    ended: bool
    tokens: int
    forgotten: int
    seconds: float


@dataclass(slots=True)
class Speaker:
    """The model of `choice`, loaded at the first question. `target`: what answers in the child. `threads` 0: all."""

    choice: Choice
    threads: int = 0
    target: str = "pipeline.serving.talk:talk"
    history: list[dict[str, str]] = field(default_factory=list)
    _child: Child | None = None

    def ask(self, question: str, max_tokens: int, hear: Hear) -> Reply:
        """Ask, hear the pieces, and remember both. Left in the middle (Ctrl-C), the model is loaded anew the next time.

        Raises `SpeakerError`.
        """
        messages = [*self.history, {"role": "user", "content": question}]
        adapter = str(self.choice.adapter) if self.choice.adapter else None
        payload = {
            "model": str(self.choice.model.path),
            "adapter": adapter,
            "threads": self.threads,
            "messages": messages,
            "max_tokens": max_tokens,
        }
        began = time.monotonic()
        try:
            if self._child is None or not self._child.alive:
                self.close()
                self._child = Child(self.target)
            said = self._child.call(payload, lambda event: _heard(event, hear))
        except (ChildError, ChildDied, OSError) as error:
            raise SpeakerError(f"{self.choice.model.name} does not answer: {error}") from error
        reply = Reply(said["text"], said["ended"], said["tokens"], said["forgotten"], time.monotonic() - began)
        self.history = [*messages, {"role": "assistant", "content": reply.text}]
        return reply

    def reset(self) -> None:
        """Begin a new conversation."""
        self.history = []

    def close(self) -> None:
        """Unload."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.close()


def _heard(event: JSON, hear: Hear) -> None:
    hear(event.get("piece", ""))
