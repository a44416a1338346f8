"""A teacher behind any server that speaks OpenAI's chat protocol: vLLM, llama.cpp, Ollama, or a hosted one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pipeline.teacher.adaptive import START, Gate, Pace
from pipeline.teacher.closing import InFlight
from pipeline.teacher.openai_asking import Asking, Session, Terms
from pipeline.teacher.openai_http import Server
from pipeline.teacher.openai_wire import ModelCard, form_of
from pipeline.teacher.port import ChatRequest, Completion, Form, TeacherError
from pipeline.teacher.prompt import CONTEXT_TOKENS
from pipeline.teacher.words import one_line

PROTOCOL = 1  # raise when this adapter changes in a way that changes texts
TIMEOUT_S = 600.0
FIRST_WAIT_S = 0.5
_BATCHED_START = 64
_BATCHING = ("vllm", "sglang")
"""Engines that write for all at once: fewer than this only leave them idle, and a run may be over before it shows."""
_ENGINES = {"vllm": "vLLM", "llamacpp": "llama.cpp", "library": "Ollama", "sglang": "SGLang", "openai": "OpenAI"}


class OpenAITeacher:
    """Asks `model` of the server at `base_url`; lives in this process, since nothing heavy is loaded here.

    Up to `most_in_flight` requests at once, fewer where the server is the faster or the calmer for it: `concurrency`
    moves while it serves. What fails for a passing reason (no connection, HTTP 408, 409, 425, 5xx, garbage) is tried
    a few times, with growing pauses; HTTP 429 and 503 are waited out, as Retry-After says (openai_asking.py).

    Fingerprint: protocol version, model, `revision`, and what `/v1/models` says of the model (root, parent, owner,
    context, size in bytes). The URL is not part: the same model behind another address is the same teacher. So where
    the model behind a name changes, `revision` is how the operator says so. The form is not part either: it chooses
    the prompts, and these are part of each request.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        form: Literal["auto", "plain", "schema"] = "auto",
        context_tokens: int | None = None,
        most_in_flight: int = 256,
        timeout_s: float = TIMEOUT_S,
        revision: str = "",
        tokenizer: Path | None = None,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """Asks the server which models it has. `context_tokens` None: what the server says, else `CONTEXT_TOKENS`.

        `timeout_s` for one whole answer. `first_wait_s`: pause before the second try. Raises `TeacherError`.
        """
        server = Server(base_url, api_key, timeout_s)
        cards = server.models()
        self._card = _find(cards, model)
        context = context_tokens or self._card.context_tokens
        listed = tuple(one_line(card.model, 80) for card in cards)
        pace = Pace(most_in_flight, _BATCHED_START if self._card.owned_by in _BATCHING else START)
        self._terms = Terms(server, model, context, pace, first_wait_s, listed)
        self._tokenizer = tokenizer
        self._form: Form = form_of(model) if form == "auto" else form
        canonical = json.dumps([PROTOCOL, "openai", model, revision, asdict(self._card)], sort_keys=True)
        self._fingerprint = hashlib.sha256(canonical.encode(errors="backslashreplace")).hexdigest()
        self._flying = InFlight()
        self._session: Session | None = None

    @property
    def name(self) -> str:
        """See `Teacher.name`. The address is left out: names are shown to strangers."""
        return f"{self._terms.model} on {_ENGINES.get(self._card.owned_by, 'an OpenAI-compatible server')}"

    @property
    def fingerprint(self) -> str:
        """See `Teacher.fingerprint`, and above."""
        return self._fingerprint

    @property
    def context_tokens(self) -> int:
        """See `Teacher.context_tokens`."""
        return self._terms.context_tokens or CONTEXT_TOKENS

    @property
    def concurrency(self) -> int:
        """See `Teacher.concurrency`: what the server was found to take so far."""
        return self._terms.pace.limit

    @property
    def form(self) -> Form:
        """See `Teacher.form`."""
        return self._form

    @property
    def tokenizer(self) -> Path | None:
        """See `Teacher.tokenizer`."""
        return self._tokenizer

    async def answer(self, request: ChatRequest) -> Completion:
        """See `Teacher.answer`. Raises `TeacherError` where the server refuses everything or is not there."""
        return await self._flying.run(self._ask(request))

    def close(self) -> None:
        """See `Teacher.close`; from any thread."""
        self._flying.close()

    async def _ask(self, request: ChatRequest) -> Completion:
        async with self._joined() as session:
            return await Asking(self._terms, session, request).run()

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[Session]:
        """The connections of this loop; the last request in flight closes them, so that no loop leaves any open."""
        session = self._session
        if session is None or session.loop is not asyncio.get_running_loop():
            session = self._session = Session(self._terms.server.wire(), Gate(self._terms.pace))
        session.users += 1
        try:
            yield session
        finally:
            session.users -= 1
            if not session.users:
                self._session = None if self._session is session else self._session
                await session.wire.close()


def open_openai(
    url: str,
    model: str,
    api_key: str = "",
    *,
    form: Literal["auto", "plain", "schema"] = "auto",
    context_tokens: int | None = None,
    most_in_flight: int = 256,
    revision: str = "",
) -> OpenAITeacher:
    """The teacher of the settings. Raises `TeacherError` where a setting lacks or the server is not as they say."""
    if not url:
        raise TeacherError("No teacher's address is set. Set SEEDBED_TEACHER_URL, such as http://localhost:8000/v1.")
    return OpenAITeacher(
        url,
        model,
        api_key=api_key,
        form=form,
        context_tokens=context_tokens,
        most_in_flight=most_in_flight,
        revision=revision,
    )


def _find(cards: list[ModelCard], model: str) -> ModelCard:
    """The server's card of the model; Ollama lists "llama3:latest" for "llama3". A server need not list all it has."""
    for name in (model, f"{model}:latest"):
        for card in cards:
            if card.model == name:
                return card
    return ModelCard(model)
