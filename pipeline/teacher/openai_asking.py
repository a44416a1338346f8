"""One request to a server, try by try, until there is a completion or no hope."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field

from pipeline.teacher.adaptive import Gate, Pace
from pipeline.teacher.openai_faults import Fault
from pipeline.teacher.openai_http import Server, Wire
from pipeline.teacher.openai_wire import Garbled, body_of, completion_of
from pipeline.teacher.port import ChatRequest, Completion, Sampling, TeacherError
from pipeline.teacher.prompt import MOST_ALTERNATIVES

log = logging.getLogger(__name__)

TRIES = 8
PATIENCE_S = 900.0
"""So long a request waits, all in all, for a server that says it is too busy."""
_LONGEST_WAIT_S = 30.0
_SLOW_TRY = 4
"""A timeout has cost much time already: it counts as so many tries."""


@dataclass(slots=True)
class Terms:
    """What all requests of a teacher share. `context_tokens` 0: unknown. `listed`: models that the server told.

    Found out while it serves: `limit_name`, what it calls the limit of output tokens; `served`, whether it ever did.
    """

    server: Server
    model: str
    context_tokens: int
    pace: Pace
    first_wait_s: float
    listed: tuple[str, ...] = ()
    limit_name: str = "max_tokens"
    served: bool = False


@dataclass(slots=True)
class Session:
    """What belongs to one event loop. `heard_at`: when the server last answered anything, in that loop's time."""

    wire: Wire
    gate: Gate
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    users: int = 0
    heard_at: float = float("-inf")


class Asking:
    """One request on its way."""

    def __init__(self, terms: Terms, session: Session, request: ChatRequest) -> None:
        self._terms, self._session, self._request = terms, session, request
        self._key = request.key("")
        self._began = session.loop.time()
        self._tries = self._waits = 0
        self._waited_s = 0.0

    async def run(self) -> Completion:
        """The completion, also where it failed. Raises `TeacherError` where nothing can be served."""
        if error := _bad(self._request.sampling):
            return Completion("", "unfit", error=error)
        while True:
            limit_name = self._terms.limit_name
            outcome = await self._try(limit_name)
            if isinstance(outcome, Completion):
                self._terms.served = True
                return self._fitting(outcome)
            if outcome.kind == "renamed" and limit_name == "max_tokens":
                self._terms.limit_name = "max_completion_tokens"
            elif (ended := self._ended(outcome)) is not None:
                return ended
            else:
                await self._wait(outcome)

    async def _try(self, limit_name: str) -> Completion | Fault:
        session, pace = self._session, self._terms.pace
        body = body_of(self._request, self._terms.model, limit_name)
        async with session.gate.entered(first=self._waits > 0):
            sent = session.loop.time()
            reply = await self._terms.server.ask(session.wire, body)
            now = session.loop.time()
            if isinstance(reply, Fault):
                if reply.kind != "silent":
                    session.heard_at = now
                if reply.kind == "busy" or reply.slow:
                    pace.overloaded(sent, now)
                if reply.pause_s is not None and reply.pause_s <= PATIENCE_S:
                    session.gate.pause(reply.pause_s)  # before our place is free
                return reply
            session.heard_at = now
            try:
                completion = completion_of(reply, self._request.sampling)
            except Garbled as error:
                return Fault("again", f"the server's answer cannot be read: {error}")
            fresh = completion.prompt_tokens - completion.cached_tokens
            pace.finished(now, session.gate.inside, fresh, completion.output_tokens)
            return completion

    def _fitting(self, completion: Completion) -> Completion:
        """Servers that cut a prompt (Ollama) or `max_tokens` (vLLM) to what fits tell it by their counts alone."""
        context, more = self._terms.context_tokens, self._request.sampling.max_tokens
        if not context or completion.failed or completion.prompt_tokens + more <= context:
            return completion
        return Completion(
            "",
            "unfit",
            error=f"the prompt has {completion.prompt_tokens} tokens or more and {more} more are asked for; "
            f"the context holds {context}",
        )

    def _ended(self, fault: Fault) -> Completion | None:
        """How it ends with this fault; None: it is worth another try. Raises `TeacherError`."""
        failed = Completion("", "unfit" if fault.kind == "unfit" else "error", error=fault.words)
        if fault.kind in ("unfit", "error", "renamed"):
            return failed
        if fault.kind == "refused":
            if fault.status == 403 and self._terms.served:  # moderation, of this request alone
                return failed
            raise refusal(self._terms, fault)
        if fault.kind == "busy":
            if (fault.pause_s or 0.0) > PATIENCE_S:
                raise refusal(self._terms, fault)
            return failed if self._waited_s > PATIENCE_S else None
        self._tries += _SLOW_TRY if fault.slow else 1
        if self._tries < TRIES:
            return None
        if fault.kind == "silent" and self._session.heard_at < self._began:
            raise refusal(self._terms, fault)
        return failed

    async def _wait(self, fault: Fault) -> None:
        """Until the next try: as long as the server says, else twice as long each time, by a hash not in step."""
        self._waits += 1
        if fault.pause_s is not None:
            log.info("%s asks for a pause of %.1f s.", self._terms.server.url, fault.pause_s)
            self._waited_s += fault.pause_s
            return
        longest = min(_LONGEST_WAIT_S, self._terms.first_wait_s * 2.0 ** min(self._waits - 1, 16))
        seconds = longest * (1 + _share(self._key, self._waits)) / 2
        if fault.kind == "busy":
            self._waited_s += seconds
        await asyncio.sleep(seconds)


def refusal(terms: Terms, fault: Fault) -> TeacherError:
    """What to tell the operator where nothing can be served."""
    if fault.status in (401, 403):
        step = "Set SEEDBED_TEACHER_KEY to a key that may use this model"
    elif fault.kind == "busy":
        step = f"It wants {fault.pause_s:.0f} s of rest: run again later, or name another teacher"
    elif fault.status in (402, 429):
        step = "Its account has no credit left: add some there, or name another teacher"
    elif fault.status == 404:
        step = "Check SEEDBED_TEACHER_MODEL, and SEEDBED_TEACHER_URL, which mostly ends in /v1"
        step += f"; the server has {', '.join(terms.listed[:8])}" if terms.listed else ""
    else:
        step = "Check SEEDBED_TEACHER_URL, and that the server runs and is reachable from here"
    return TeacherError(f"{terms.server.url} does not serve {terms.model}: {fault.words.rstrip('.')}. {step}.")


def _bad(how: Sampling) -> str | None:
    if how.max_tokens < 1 or how.temperature < 0 or not 0 < how.top_p <= 1:
        return f"max_tokens ≥ 1, temperature ≥ 0 and 0 < top_p ≤ 1 are needed, not {how}"
    if not 0 <= how.alternatives <= MOST_ALTERNATIVES:
        return f"0 to {MOST_ALTERNATIVES} alternatives can be had, not {how.alternatives}"
    return None


def _share(key: str, number: int) -> float:
    """Between 0 and 1, by hash: retries of many requests spread, and those of one are always the same."""
    return int.from_bytes(hashlib.sha256(f"{key}:{number}".encode()).digest()[:4]) / 2**32
