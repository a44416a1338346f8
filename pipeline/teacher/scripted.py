"""A teacher that answers from a script: for tests, and for trying a flow without a model."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from pipeline.teacher.closing import InFlight
from pipeline.teacher.port import ChatRequest, Completion, Form

Answer = str | Completion
Script = Callable[[ChatRequest], Answer | Awaitable[Answer]] | Mapping[str, Answer]


def echo(request: ChatRequest) -> str:
    """The last message's words and the seed, cut where the request says."""
    return f"{request.messages[-1].content} [{request.sampling.seed}]"


class ScriptedTeacher:
    """Answers each request by `script`: a function, plain or async, or a mapping from the last message's content.

    Words count as tokens. A text is cut at the stop strings and at `max_tokens`; a `Completion` passes as it is.
    `requests` counts what was asked, `in_flight` what is asked now, and `most_in_flight` the most of it ever.
    `fail_at` and `die_at` are request numbers from 0, over all calls: that request's completion is an error, or the
    process ends there with exit code 9; with `die_mark` it dies only while that file is missing, and makes it first.
    `delay`: turns of the event loop that a request waits for its answer, to shuffle the order without a clock.
    """

    def __init__(
        self,
        script: Script = echo,
        *,
        name: str = "scripted",
        form: Form = "plain",
        context_tokens: int = 4096,
        concurrency: int = 64,
        fail_at: int | None = None,
        die_at: int | None = None,
        die_mark: Path | None = None,
        delay: Callable[[ChatRequest], int] | None = None,
    ) -> None:
        self._script, self._delay = script, delay
        self._name, self._form = name, form
        self._context, self._concurrency = context_tokens, concurrency
        self._fail_at, self._die_at, self._die_mark = fail_at, die_at, die_mark
        self._flying = InFlight()
        self.requests = self.in_flight = self.most_in_flight = 0

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
    def concurrency(self) -> int:
        """See `Teacher.concurrency`. Nothing holds a caller to it; `most_in_flight` shows what it did."""
        return self._concurrency

    @property
    def form(self) -> Form:
        """See `Teacher.form`."""
        return self._form

    @property
    def tokenizer(self) -> Path | None:
        """See `Teacher.tokenizer`; words need none."""
        return None

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`."""
        number, self.requests = self.requests, self.requests + 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._flying.run(self._answer(request, number))
        finally:
            self.in_flight -= 1

    def close(self) -> None:
        """See `Teacher.close`."""
        self._flying.close()

    async def _answer(self, request: ChatRequest, number: int) -> Completion:
        for _ in range(self._delay(request) if self._delay else 0):
            await asyncio.sleep(0)
        if number == self._die_at:
            self._die()
        if number == self._fail_at:
            return Completion("", "error", error="the script fails this request")
        prompt = sum(len(message.content.split()) for message in request.messages)
        if prompt + request.sampling.max_tokens > self._context:
            return Completion("", "unfit", error=f"the prompt has {prompt} words; the context holds {self._context}")
        if isinstance(self._script, Mapping):
            asked = request.messages[-1].content
            if asked not in self._script:
                return Completion("", "error", error=f"the script has no answer to {asked[:80]!r}")
            answer: Answer = self._script[asked]
        else:
            made = self._script(request)
            answer = await made if inspect.isawaitable(made) else made
        return answer if isinstance(answer, Completion) else _cut(answer, request, prompt)

    def _die(self) -> None:
        if self._die_mark is not None:
            if self._die_mark.exists():
                return
            self._die_mark.touch()
        os._exit(9)


def _cut(text: str, request: ChatRequest, prompt: int) -> Completion:
    for stop in request.sampling.stop:
        text = text.partition(stop)[0]
    words = text.split(" ")
    if len(words) > request.sampling.max_tokens:
        cut = words[: request.sampling.max_tokens]
        return Completion(" ".join(cut), "length", prompt, len(cut))
    return Completion(text, "stop", prompt, len(words))
