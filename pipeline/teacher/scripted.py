"""A teacher that answers from a script: for tests, and for trying a flow without a model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.teacher.port import ChatRequest, Completion, TeacherError

Script = Callable[[ChatRequest], str] | Mapping[str, str]


def echo(request: ChatRequest) -> str:
    """The last message's words and the seed, cut where the request says."""
    return f"{request.messages[-1].content} [{request.sampling.seed}]"


class ScriptedTeacher:
    """Answers each request by `script`: a function, or a mapping from the last message's content to the answer.

    Words count as tokens. `requests` counts what was asked. `fail_at` and `die_at` are request numbers from 0, over
    all calls: that request's completion is an error, or the process ends there with exit code 9; with `die_mark` it
    dies only while that file is missing, and makes it first.
    """

    def __init__(
        self,
        script: Script = echo,
        *,
        name: str = "scripted",
        context_tokens: int = 4096,
        batch_size: int = 64,
        fail_at: int | None = None,
        die_at: int | None = None,
        die_mark: Path | None = None,
    ) -> None:
        self._script = script
        self._name = name
        self._context, self._batch = context_tokens, batch_size
        self._fail_at, self._die_at, self._die_mark = fail_at, die_at, die_mark
        self._closed = False
        self.requests = 0

    @property
    def name(self) -> str:
        """See `Teacher.name`."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """See `Teacher.fingerprint`; a script is known by its name."""
        return hashlib.sha256(f"scripted:{self._name}".encode()).hexdigest()

    @property
    def context_tokens(self) -> int:
        """See `Teacher.context_tokens`."""
        return self._context

    @property
    def batch_size(self) -> int:
        """See `Teacher.batch_size`."""
        return self._batch

    def complete(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Completion]]:
        """See `Teacher.complete`."""
        if self._closed:
            raise TeacherError(f"{self._name} was closed.")
        for index, request in enumerate(requests):
            number, self.requests = self.requests, self.requests + 1
            if number == self._die_at:
                self._die()
            if number == self._fail_at:
                yield index, Completion("", "error", error="the script fails this request")
            else:
                yield index, self._answer(request)

    def close(self) -> None:
        """Refuse what comes after."""
        self._closed = True

    def _answer(self, request: ChatRequest) -> Completion:
        prompt = sum(len(message.content.split()) for message in request.messages)
        if prompt + request.sampling.max_tokens > self._context:
            return Completion("", "error", error=f"the prompt has {prompt} words; the context holds {self._context}")
        if isinstance(self._script, Mapping):
            asked = request.messages[-1].content
            if asked not in self._script:
                return Completion("", "error", error=f"the script has no answer to {asked[:80]!r}")
            text = self._script[asked]
        else:
            text = self._script(request)
        for stop in request.sampling.stop:
            text = text.partition(stop)[0]
        words = text.split(" ")
        if len(words) > request.sampling.max_tokens:
            cut = words[: request.sampling.max_tokens]
            return Completion(" ".join(cut), "length", prompt, len(cut))
        return Completion(text, "stop", prompt, len(words))

    def _die(self) -> None:
        if self._die_mark is not None:
            if self._die_mark.exists():
                return
            self._die_mark.touch()
        os._exit(9)
