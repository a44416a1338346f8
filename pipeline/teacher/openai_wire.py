"""The OpenAI chat protocol: a `ChatRequest` as JSON, and the answer as a `Completion`."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.teacher.port import ChatRequest, Completion, FinishReason, Form, Sampling
from pipeline.teacher.profile import SCHEMA_PARAMETERS
from pipeline.teacher.words import one_line

# What servers call the tokens that prompt and answer share: vLLM, OpenRouter, Groq, Mistral; llama.cpp in `meta`.
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
_MOST_STOPS = 4
"""The protocol knows no more; at the others `completion_of` cuts."""
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")


class Garbled(ValueError):
    """The answer is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `/v1/models` says of one model. `context_tokens` 0, `size` 0 (bytes) or "": it does not say."""

    model: str
    root: str = ""
    parent: str = ""
    owned_by: str = ""
    context_tokens: int = 0
    size: int = 0


def body_of(request: ChatRequest, model: str, limit_name: str) -> bytes:
    """The JSON to send. `limit_name`: "max_tokens", or "max_completion_tokens" where a server wants that."""
    how = request.sampling
    value: dict[str, Any] = {
        "model": model,
        "messages": [asdict(message) for message in request.messages],
        "temperature": how.temperature,
        "top_p": how.top_p,
        limit_name: how.max_tokens,
        "stream": False,
    }
    if how.stop:
        value["stop"] = list(how.stop[:_MOST_STOPS])
    if how.temperature > 0:
        value["seed"] = how.seed
    if how.schema:
        schema = {"name": "answer", "schema": json.loads(how.schema), "strict": True}
        value["response_format"] = {"type": "json_schema", "json_schema": schema}
    if how.alternatives:
        value |= {"logprobs": True, "top_logprobs": how.alternatives}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def completion_of(body: bytes, sampling: Sampling) -> Completion:
    """The completion in an answer with status 200. Raises `Garbled`."""
    value = _object(body)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Garbled(f"no choices in {one_line(body[:400].decode(errors='replace'), 120)!r}")
    choice = choices[0]
    if choice.get("finish_reason") == "content_filter":
        return Completion("", "unfit", error="the server's content filter stopped the answer")
    message = choice.get("message")
    text = message.get("content") or message.get("refusal") or "" if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise Garbled("its choice has no message with a text")
    cuts = [place for stop in sampling.stop[_MOST_STOPS:] if (place := text.find(stop)) >= 0]
    text, reason = (text[: min(cuts)], "stop") if cuts else (text, choice.get("finish_reason"))
    usage = _record(value.get("usage"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Completion(
        text=text.encode(errors="replace").decode(),  # JSON can spell halves of characters
        finish_reason=_reason(reason),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=cached,
        alternatives=_alternatives(choice.get("logprobs"), sampling.alternatives),
    )


def cards_of(body: bytes) -> list[ModelCard]:
    """The models in an answer of `/v1/models`. Raises `Garbled`."""
    listed = _object(body).get("data")
    if not isinstance(listed, list):
        raise Garbled("no list of models in it")
    return [_card(item) for item in listed if isinstance(item, dict) and isinstance(item.get("id"), str)]


def form_of(model: str) -> Form:
    """The prompts that suit a model, by the size in its name; a name that tells none is a large one's."""
    sizes = [float(figure) * {"b": 1e9, "m": 1e6}[unit] for figure, unit in _SIZE.findall(model.lower())]
    return "plain" if sizes and max(sizes) < SCHEMA_PARAMETERS else "schema"


def _record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _card(item: dict[str, Any]) -> ModelCard:
    meta = _record(item.get("meta"))
    contexts = [_count(item.get(name)) for name in _CONTEXT_NAMES] + [_count(meta.get("n_ctx"))]
    names = {name: str(item.get(name) or "") for name in ("root", "parent", "owned_by")}
    return ModelCard(item["id"], **names, context_tokens=next(filter(None, contexts), 0), size=_count(meta.get("size")))


def _reason(said: object) -> FinishReason:
    if said in ("stop", "length"):
        return "stop" if said == "stop" else "length"
    raise Garbled(f"it ended the answer for the reason {one_line(str(said), 40)!r}")


def _alternatives(logprobs: object, count: int) -> tuple[tuple[str, float], ...]:
    """The likeliest tokens at the first place, at most `count`; none where the server does not tell."""
    try:
        top = logprobs["content"][0]["top_logprobs"] if count else []  # type: ignore[index]
        pairs = [(str(item["token"]), float(item["logprob"])) for item in top]
    except (KeyError, IndexError, TypeError, ValueError):
        return ()
    finite = [(token.encode(errors="replace").decode(), chance) for token, chance in pairs if math.isfinite(chance)]
    return tuple(sorted(finite, key=lambda pair: (-pair[1], pair[0]))[:count])


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"no JSON: {one_line(body[:400].decode(errors='replace'), 120)!r}") from error
    if not isinstance(value, dict):
        raise Garbled("its JSON is no object")
    return value


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
