"""What a server's words mean, what is sent and read, and how the number in flight finds its place."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from pipeline.teacher.adaptive import Gate, Pace
from pipeline.teacher.openai_faults import Kind, fault_of
from pipeline.teacher.openai_http import Server
from pipeline.teacher.openai_wire import Garbled, ModelCard, body_of, cards_of, completion_of, form_of
from pipeline.teacher.port import ChatRequest, Message, Sampling, TeacherError
from pipeline.teacher.words import one_line

# Faults: the words are those that the servers send.

VLLM = {
    "error": {
        "message": "This model's maximum context length is 2048 tokens. However, your prompt contains 9031 input "
        "tokens, which exceeds this limit even without any output tokens. Please reduce the length of the prompt.",
        "type": "BadRequestError",
        "param": "input_tokens",
        "code": 400,
    }
}
OLD_VLLM = {
    "object": "error",
    "message": "This model's maximum context length is 4096 tokens. However, you requested 9012 tokens (9000 in the "
    "messages, 12 in the completion). Please reduce the length of the messages or completion.",
    "type": "BadRequestError",
    "code": 400,
}
LLAMA_CPP = {
    "error": {
        "code": 400,
        "message": "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9412,
        "n_ctx": 8192,
    }
}
OLLAMA = {"error": "the input length exceeds the context length"}
OPENAI = {
    "error": {
        "message": "Input tokens exceed the configured limit of 272000 tokens.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
}
WRAPPED = {"detail": json.dumps(LLAMA_CPP)}
RENAMED = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}
QUOTA = {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota"}}
RATE = {"error": {"message": "Rate limit reached; check your plan and billing details.", "type": "rate_limit"}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, VLLM, "unfit"),
        (400, OLD_VLLM, "unfit"),
        (400, LLAMA_CPP, "unfit"),
        (500, LLAMA_CPP, "unfit"),
        (400, OLLAMA, "unfit"),
        (400, OPENAI, "unfit"),
        (400, WRAPPED, "unfit"),
        (413, "<h1>413 Request Entity Too Large</h1>", "unfit"),
        (400, {"error": {"message": "unknown role", "type": "BadRequestError"}}, "error"),
        (422, {"detail": [{"msg": "field required"}]}, "error"),
        (400, RENAMED, "renamed"),
        (401, {"error": {"message": "Incorrect API key provided"}}, "refused"),
        (404, {"error": {"message": "The model `x` does not exist."}}, "refused"),
        (402, {"error": "Insufficient balance"}, "refused"),
        (302, "", "refused"),
        (429, QUOTA, "refused"),
        (429, RATE, "busy"),
        (503, "<html>busy</html>", "busy"),
        (529, {"error": {"type": "overloaded_error"}}, "busy"),
        (500, "", "again"),
        (502, "<html>bad gateway</html>", "again"),
        (409, "", "again"),
        (500, "[" * 100_000, "again"),
    ],
)
def test_words_of_servers_are_sorted(status: int, body: object, kind: Kind) -> None:
    data = body if isinstance(body, str) else json.dumps(body)
    fault = fault_of(status, {}, data.encode())
    assert fault.kind == kind
    assert fault.words.startswith(f"HTTP {status}")
    assert len(fault.words) <= 320


def test_a_quoted_text_about_contexts_makes_no_request_unfit() -> None:
    seed = "How long is the context length of a model? " * 40
    quoted = {"error": {"message": f"unknown field; the input was {seed} and exceeds the context length"}}
    assert fault_of(400, {}, json.dumps(quoted).encode()).kind == "error"


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after-ms": "x"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], pause: float | None) -> None:
    assert fault_of(429, headers, b"").pause_s == pause


def test_foreign_words_become_one_bounded_line() -> None:
    assert one_line("a\x1b[31m\n\tb\u202ec") == "a [31m b c"
    assert len(one_line("x" * 9999)) == 300


# The wire


def request(**sampling: Any) -> ChatRequest:
    return ChatRequest((Message("system", "Be brief."), Message("user", "Hi")), Sampling(**sampling))


def test_a_greedy_request_says_the_least() -> None:
    assert json.loads(body_of(request(max_tokens=9), "m", "max_tokens")) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 9,
        "stream": False,
    }


def test_everything_that_can_be_asked_is_asked() -> None:
    sampling = {"temperature": 0.7, "stop": ("\n",), "seed": 5, "schema": '{"type":"object"}', "alternatives": 3}
    sent = json.loads(body_of(request(**sampling), "m", "max_completion_tokens"))
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    assert sent["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert (sent["seed"], sent["stop"], sent["logprobs"], sent["top_logprobs"]) == (5, ["\n"], True, 3)
    assert sent["max_completion_tokens"] == 256
    assert "max_tokens" not in sent


def test_half_a_character_does_not_stop_a_request() -> None:
    body = body_of(ChatRequest((Message("user", "a\ud800b"),)), "m", "max_tokens")
    assert json.loads(body)["messages"][0]["content"] == "a?b"


def answer(**more: Any) -> bytes:
    choice = {"message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"} | more.pop("choice", {})
    return json.dumps({"choices": [choice], **more}).encode()


def test_an_answer_is_read_with_its_counts_and_alternatives() -> None:
    top = [{"token": "No", "logprob": -2.0}, {"token": "Yes", "logprob": -0.1}, {"token": "?", "logprob": -9999.0}]
    usage = {"prompt_tokens": 40, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 32}}
    choice = {"finish_reason": "length", "logprobs": {"content": [{"top_logprobs": top}]}}
    done = completion_of(answer(choice=choice, usage=usage), Sampling(alternatives=2))
    assert (done.text, done.finish_reason) == ("Yes", "length")
    assert (done.prompt_tokens, done.output_tokens, done.cached_tokens) == (40, 2, 32)
    assert done.alternatives == (("Yes", -0.1), ("No", -2.0))


def test_stops_beyond_the_four_of_the_protocol_are_cut_at_here() -> None:
    stops = ("1", "2", "3", "4", "e", "s")
    assert json.loads(body_of(request(stop=stops), "m", "max_tokens"))["stop"] == ["1", "2", "3", "4"]
    done = completion_of(answer(choice={"finish_reason": "length"}), Sampling(stop=stops))
    assert (done.text, done.finish_reason) == ("Y", "stop")


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": None},
        {"usage": {"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": None}},
        {"choice": {"logprobs": {"content": []}}},
        {"choice": {"logprobs": {"content": [{"top_logprobs": [{"token": "x", "logprob": None}]}]}}},
    ],
)
def test_what_a_server_does_not_count_is_nought(odd: dict[str, Any]) -> None:
    done = completion_of(answer(**odd), Sampling(alternatives=2))
    assert (done.text, done.prompt_tokens, done.output_tokens, done.alternatives) == ("Yes", 0, 0, ())


def test_a_filtered_answer_is_unfit_and_a_refusal_is_a_text() -> None:
    assert completion_of(answer(choice={"finish_reason": "content_filter"}), Sampling()).finish_reason == "unfit"
    refused = {"message": {"content": None, "refusal": "I cannot help with that."}}
    assert completion_of(answer(choice=refused), Sampling()).text == "I cannot help with that."
    empty = {"message": {"content": None}}
    assert completion_of(answer(choice=empty), Sampling()).text == ""


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [3]}',
        b'{"choices": [{"finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": 3}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "cut off"}, "finish_reason": null}]}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_garbage_is_called_so(body: bytes) -> None:
    with pytest.raises(Garbled):
        completion_of(body, Sampling())


def test_cards_of_servers() -> None:
    listed = [
        {"id": "a", "owned_by": "vllm", "root": "org/a", "max_model_len": 8192, "created": 17},
        {"id": "b", "owned_by": "llamacpp", "meta": {"n_ctx": 4096, "n_ctx_train": 32768, "size": 88202304}},
        {"id": "c", "context_length": 131072},
        {"name": "no id"},
        "nonsense",
    ]
    assert cards_of(json.dumps({"data": listed}).encode()) == [
        ModelCard("a", root="org/a", owned_by="vllm", context_tokens=8192),
        ModelCard("b", owned_by="llamacpp", context_tokens=4096, size=88202304),
        ModelCard("c", context_tokens=131072),
    ]
    with pytest.raises(Garbled):
        cards_of(b"<html>")


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("SmolLM2-135M-Instruct", "plain"),
        ("llama3.2:1b", "plain"),
        ("Qwen2.5-0.5B-Instruct-GGUF", "plain"),
        ("Llama-3.3-70B-Instruct", "schema"),
        ("mixtral-8x7b", "schema"),
        ("Qwen3-30B-A3B", "schema"),
        ("gpt-5", "schema"),
        ("phi-3-mini-4k", "schema"),
    ],
)
def test_form_follows_the_size_in_the_name(model: str, form: str) -> None:
    assert form_of(model) == form


# Addresses


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        (" https://openrouter.ai/api/v1 ", "https://openrouter.ai/api/v1"),
        ("https://me:secret@gpu.example/v1", "https://gpu.example/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_addresses_as_people_write_them(given: str, shown: str) -> None:
    assert Server(given, "", 1).url == shown


@pytest.mark.parametrize("given", ["localhost:8000", "ftp://x/v1", "http://", "http://x:port/v1", "http://[::1/v1"])
def test_what_is_no_address_is_told(given: str) -> None:
    with pytest.raises(TeacherError, match=r"must read like .*SEEDBED_TEACHER_URL"):
        Server(given, "", 1)


# The pace, against engines whose tokens a second depend on the number in flight


MEASURED = [(1, 21.0), (4, 76.0), (8, 138.0), (32, 343.0), (64, 474.0), (128, 537.0), (256, 562.0)]
"""Output tokens a second by requests in flight: SmolLM2 on vLLM's CPU build."""


def measured(flying: int) -> float:
    (low, slow), (high, fast) = next(pair for pair in pairwise(MEASURED) if flying <= pair[1][0])
    return slow + (fast - slow) * (flying - low) / (high - low)


def limits(pace: Pace, rate: Callable[[int], float], answers: int) -> list[int]:
    """Keep `pace.limit` requests in flight in an engine that writes `rate(n)` tokens a second for all n of them."""
    clock = written = 0.0  # `written`: tokens that a request got that was there from the beginning
    ends: list[tuple[float, int]] = []
    seen = []
    for _ in range(answers):
        while len(ends) < pace.limit:
            tokens = 40 + (len(seen) * 7919 + len(ends) * 104729) % 121
            heapq.heappush(ends, (written + tokens, tokens))
        share = rate(len(ends)) / len(ends)
        end, tokens = heapq.heappop(ends)
        clock, written = clock + (end - written) / share, end
        pace.finished(clock, len(ends) + 1, 40, tokens)
        seen.append(pace.limit)
    return seen


def test_pace_finds_what_a_batching_engine_likes() -> None:
    seen = limits(Pace(256), measured, 6000)
    assert seen[0] == 8
    assert 64 <= seen[1500] <= 256
    assert 64 <= sum(seen[3000:]) / 3000 <= 200


def test_pace_goes_to_the_most_where_that_pays() -> None:
    assert limits(Pace(256), lambda flying: 50.0 * flying, 2000)[-1] == 256
    assert limits(Pace(20), lambda flying: 50.0 * flying, 2000)[-1] == 20


def test_pace_stays_low_where_more_only_queue() -> None:
    seen = limits(Pace(256), lambda flying: 20.0 * min(flying, 4), 3000)  # llama.cpp with 4 slots
    assert max(seen) <= 16
    assert sum(seen[300:]) / len(seen[300:]) <= 11


def test_pace_leaves_where_an_engine_collapses() -> None:
    seen = limits(Pace(256), lambda flying: 30.0 * flying if flying <= 32 else 30_000.0 / flying, 4000)
    assert max(seen) <= 64
    assert 16 <= sum(seen[1000:]) / 3000 <= 42


def test_pace_gives_way_when_others_press() -> None:
    pace = Pace(64)
    assert limits(pace, lambda flying: 50.0 * flying, 1000)[-1] == 64
    assert min(limits(pace, lambda flying: 5.0 * flying, 1000)) <= 48


def test_pace_is_halved_once_a_volley_and_comes_back_slowly() -> None:
    pace = Pace(64)
    limits(pace, lambda flying: 50.0 * flying, 1000)
    for _ in range(64):
        pace.overloaded(sent=9.0, now=10.0)
    assert pace.limit == 32
    pace.overloaded(sent=11.0, now=12.0)
    assert pace.limit == 16
    for moment in range(20, 40):
        pace.overloaded(sent=moment, now=moment)
    assert pace.limit == 1
    seen = limits(pace, lambda flying: 50.0 * flying, 4000)
    assert max(b - a for a, b in pairwise(seen)) <= 13  # never doubled again
    assert seen[-1] > 16


def test_pace_learns_nothing_from_a_trickle() -> None:
    pace = Pace(64)
    for number in range(1000):
        pace.finished(float(number), 1, 10, 100)
    assert pace.limit == 8


# The gate


def test_gate_keeps_the_limit_the_order_and_the_places_of_the_cancelled() -> None:
    pace = Pace(2)
    inside: list[int] = []

    async def main() -> None:
        gate, leave = Gate(pace), asyncio.Event()

        async def visit(number: int, first: bool = False) -> None:
            async with gate.entered(first=first):
                inside.append(number)
                await leave.wait()

        visits = [asyncio.create_task(visit(number)) for number in range(5)]
        await asyncio.sleep(0)
        urgent = asyncio.create_task(visit(9, first=True))
        await asyncio.sleep(0)
        assert (inside, gate.inside) == ([0, 1], 2)
        visits[2].cancel()
        visits[0].cancel()  # leaves its place
        await asyncio.gather(visits[0], visits[2], return_exceptions=True)
        await asyncio.sleep(0)
        assert (inside, gate.inside) == ([0, 1, 9], 2)
        leave.set()
        await asyncio.gather(*visits, urgent, return_exceptions=True)
        assert (inside, gate.inside) == ([0, 1, 9, 3, 4], 0)

    asyncio.run(main())


def test_gate_loses_no_place_when_one_is_let_in_and_cancelled_at_once() -> None:
    async def main() -> None:
        gate = Gate(Pace(1))

        async def visit() -> None:
            async with gate.entered():
                await asyncio.sleep(0)

        first, second, third = (asyncio.create_task(visit()) for _ in range(3))
        first.add_done_callback(lambda _: second.cancel())
        await asyncio.wait_for(asyncio.gather(first, third), 5)
        assert gate.inside == 0

    asyncio.run(main())


def test_gate_opens_after_the_longest_pause() -> None:
    async def main() -> None:
        gate, loop = Gate(Pace(4)), asyncio.get_running_loop()
        began = loop.time()
        gate.pause(0.03)
        gate.pause(0.01)
        async with asyncio.timeout(5), gate.entered():
            assert loop.time() - began >= 0.029

    asyncio.run(main())
