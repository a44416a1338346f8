"""What a server's refusal means: OpenAI's, vLLM's, llama.cpp's, Ollama's and gateways' words, sorted by what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Literal

from pipeline.teacher.words import one_line

Kind = Literal["unfit", "error", "again", "busy", "silent", "refused", "renamed"]

_BUSY = (429, 503, 529)  # 529: Anthropic's word for overloaded
_LATER = (408, 409, 425)
_REFUSED = (401, 402, 403, 404)

# Only set phrases: a server's complaint about a field may quote a stranger's text.
_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size"
    r"|maximum (context|model) length"  # OpenAI, vLLM, SGLang
    r"|exceeds? the (available |maximum )?context (size|length|window)"  # llama.cpp, Ollama, OpenAI's newer models
    r"|longer than the model's context length|prompt (is )?too long|too large for model with"  # SGLang, others, Mistral
    r"|`inputs` tokens \+ `max_new_tokens` must be",  # text-generation-inference
    re.IGNORECASE,
)
_QUOTA = re.compile(r"insufficient_quota|credit balance", re.IGNORECASE)  # "billing" also stands in mere rate limits


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a try brought no completion, and what to do about it. `words`: the server's, or ours; one line, bounded.

    "unfit" and "error" end this request alone. "again", "busy" and "silent" are worth another try, after `pause_s`
    where the server says so; "busy" means too many requests at once, "silent" that nobody answered. "refused": no
    request will be served. "renamed": the server knows `max_tokens` as `max_completion_tokens`. `slow`: it was given
    up after a long time.
    """

    kind: Kind
    words: str
    status: int = 0
    pause_s: float | None = None
    slow: bool = False


def fault_of(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """Sort an answer that is not 200. `headers`' names are lower case."""
    said = _Said(body)
    words = f"HTTP {status}: {said.words}" if said.words else f"HTTP {status}"
    if status == 413 or said.matches(_CONTEXT):
        return Fault("unfit", words, status)
    if said.names_max_tokens:
        return Fault("renamed", words, status)
    if status in _REFUSED or (status == 429 and said.matches(_QUOTA)):
        return Fault("refused", words, status)
    if status in _BUSY:
        return Fault("busy", words, status, pause_s=_pause(headers))
    if status in _LATER or status >= 500:
        return Fault("again", words, status, slow=status in (408, 504))
    if 300 <= status < 400:
        return Fault("refused", f"{words}: it sends us elsewhere, and redirects are not followed", status)
    return Fault("error", words, status)


class _Said:
    """The parts of an error body: OpenAI's object, Ollama's or FastAPI's string, or whatever text it is."""

    def __init__(self, body: bytes) -> None:
        text = body.decode(errors="replace")
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        inner = value.get("error", value.get("detail", value)) if isinstance(value, dict) else None
        parts = inner if isinstance(inner, dict) else {"message": inner if isinstance(inner, str) else text}
        self._parts = {name: str(parts.get(name) or "") for name in ("message", "type", "code", "param")}
        self.words = one_line(self._parts["message"])

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether code, type or the beginning of the message has it."""
        return any(pattern.search(self._parts[name][:1000]) for name in ("code", "type", "message"))

    @property
    def names_max_tokens(self) -> bool:
        """Whether it wants `max_completion_tokens` instead of `max_tokens`."""
        return "max_completion_tokens" in self._parts["message"] and "max_tokens" in (
            self._parts["param"] or self._parts["message"].replace("max_completion_tokens", "")
        )


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 §10.2.3), or OpenAI's retry-after-ms. None: nothing, or nonsense."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        wanted = headers["retry-after"]
        if wanted.replace(".", "", 1).isdigit():
            return float(wanted)
        return max(0.0, parsedate_to_datetime(wanted).timestamp() - time())
    except (ValueError, OverflowError):
        return None
