"""A teacher behind HTTP, on good and bad days of the server. What every teacher promises is in tests/contract."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest
from fastapi import Response
from fastapi.responses import StreamingResponse

from bot.cli.main import main
from pipeline.teacher import choose, openai_asking, openai_http
from pipeline.teacher.openai import OpenAITeacher
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher
from tests.openai_server import OpenAIServer, Play, answer_of, refuse

KEY = "sk-very-secret"
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


def ask(text: str, **sampling: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(**{"max_tokens": 12, **sampling}))


def client(server: OpenAIServer, **more: Any) -> OpenAITeacher:
    return OpenAITeacher(server.url, "scripted", **{"first_wait_s": 0.001, "timeout_s": 20, "api_key": KEY, **more})


def first(count: int, reply: Any) -> Play:
    """The first `count` requests get `reply()`."""
    return lambda number, body: reply() if number < count else None


def answer_with(play: Play, text: str = "Good morning", **more: Any) -> tuple[Completion, int]:
    """The completion, and how many requests that took."""
    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        return run(client(server, **more).answer(ask(text))), len(server.bodies)


async def many(teacher: OpenAITeacher, count: int) -> list[Completion]:
    return await asyncio.gather(*(teacher.answer(ask(f"Say {number}")) for number in range(count)))


def test_what_is_sent_and_what_comes_back() -> None:
    top = (("Good", -0.5), ("Bad", -1.5))
    script = {"Good morning": Completion("Good day", "stop", 9, 2, None, 8, top)}
    with OpenAIServer(ScriptedTeacher(script)) as server:
        teacher = client(server)
        sampling = {"temperature": 0.5, "seed": 3, "schema": '{"type":"object"}', "alternatives": 2}
        assert run(teacher.answer(ask("Good morning", **sampling))) == script["Good morning"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_who_it_is_follows_model_revision_and_card_but_not_the_address() -> None:
    with OpenAIServer(ScriptedTeacher()) as one, OpenAIServer(ScriptedTeacher()) as two:
        two.card = {"owned_by": "vllm", "max_model_len": 4096, "created": 7}
        same = {client(one).fingerprint, client(two).fingerprint, client(one, api_key="", form="schema").fingerprint}
        assert len(same) == 1
        assert client(one).name == "scripted on vLLM"
        assert client(one).context_tokens == 4096
        assert client(one, context_tokens=1000).context_tokens == 1000
        two.card = {"owned_by": "vllm", "max_model_len": 8192}
        others = {client(one, revision="2").fingerprint, client(two).fingerprint}
        others.add(OpenAITeacher(one.url, "another").fingerprint)
        assert len(same | others) == 4


def test_a_server_without_a_list_of_models_serves() -> None:
    with OpenAIServer(ScriptedTeacher()) as server:
        server.card = refuse(404, "page not found")
        teacher = client(server)
        assert run(teacher.answer(ask("Hi"))).text
        assert teacher.name == "scripted on an OpenAI-compatible server"
        assert teacher.context_tokens == 4096
        assert teacher.concurrency == 8


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: refuse(500, "out of luck"),
        lambda: refuse(502, "bad gateway"),
        lambda: refuse(429, "slow down"),
        lambda: refuse(429, "slow down", retry_after="0.01"),
        lambda: refuse(503, "loading", retry_after="0"),
        lambda: Response("<html>hello</html>"),
        lambda: Response('{"choices": []}'),
        lambda: Response(json.dumps(answer_of(Completion("cut off", "stop"))).replace('"stop"', '"abort"')),
        lambda: StreamingResponse(dying(), headers={"content-length": "1000"}),
    ],
)
def test_passing_trouble_is_waited_out(trouble: Any) -> None:
    completion, requests = answer_with(first(2, trouble))
    assert completion.text == "Good morning [0]"
    assert requests == 3


async def dying() -> AsyncIterator[bytes]:
    yield b'{"choices": [{"message": '
    raise ConnectionResetError("the server dies here")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (lambda: refuse(500, "CUDA out of memory"), "CUDA out of memory"),
        (lambda: Response("<html>hello</html>"), "cannot be read.*<html>hello"),
    ],
)
def test_lasting_trouble_of_one_request_is_its_own(trouble: Any, error: str) -> None:
    def play(number: int, body: dict[str, Any]) -> Response | None:
        return trouble() if body["messages"][0]["content"] == "bad" else None

    async def both(teacher: OpenAITeacher) -> list[Completion]:
        return await asyncio.gather(*(teacher.answer(ask(text)) for text in ("bad", "good")))

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        bad, good = run(both(client(server)))
    assert good.text
    assert (bad.text, bad.finish_reason) == ("", "error")
    assert re.search(error, bad.error or "")
    assert len(server.bodies) == openai_asking.TRIES + 1


@pytest.mark.parametrize(
    ("reply", "finish_reason"),
    [
        (lambda: refuse(400, {"message": "This model's maximum context length is 2048 tokens."}), "unfit"),
        (lambda: refuse(400, {"message": "too long", "code": "context_length_exceeded"}), "unfit"),
        (lambda: refuse(500, {"message": "too long", "type": "exceed_context_size_error"}), "unfit"),
        (lambda: refuse(400, "the input length exceeds the context length"), "unfit"),
        (lambda: refuse(400, {"message": "stop: at most 4 strings"}), "error"),
    ],
)
def test_a_refused_request_is_asked_once(reply: Any, finish_reason: str) -> None:
    completion, requests = answer_with(lambda number, body: reply())
    assert (completion.text, completion.finish_reason, requests) == ("", finish_reason, 1)
    assert (completion.error or "").startswith("HTTP ")


def test_a_server_that_cuts_the_prompt_to_fit_is_found_out() -> None:
    """Ollama answers all the same, and vLLM lowers max_tokens; the counts tell."""
    cut = Completion("Fine", "stop", prompt_tokens=4090, output_tokens=1)
    completion, _ = answer_with(lambda number, body: Response(json.dumps(answer_of(cut))))
    assert completion.finish_reason == "unfit"
    assert "context holds 4096" in (completion.error or "")


def test_max_completion_tokens_where_the_server_wants_that() -> None:
    def play(number: int, body: dict[str, Any]) -> Response | None:
        wrong = {"message": "Unsupported parameter: use 'max_completion_tokens' instead.", "param": "max_tokens"}
        return refuse(400, wrong) if "max_tokens" in body else None

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        teacher = client(server)
        assert all(done.text for done in (run(teacher.answer(ask("a"))), run(teacher.answer(ask("b")))))
    assert ["max_tokens" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "error", "step"),
    [
        (401, f"Incorrect API key provided: {KEY}", "SEEDBED_TEACHER_KEY"),
        (403, "Not for you", "SEEDBED_TEACHER_KEY"),
        (402, "Insufficient balance", "no credit"),
        (404, "The model `scripted` does not exist.", "the server has scripted"),
        (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}, "no credit"),
        (307, "elsewhere", "redirects are not followed"),
    ],
)
def test_a_server_that_will_never_serve_is_told_at_once(status: int, error: object, step: str) -> None:
    with pytest.raises(TeacherError) as caught:
        answer_with(lambda number, body: refuse(status, error, location="http://127.0.0.1:9/v1/x"))
    assert step in str(caught.value)
    assert f"HTTP {status}" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_forbidden_text_stops_nobody_else() -> None:
    with OpenAIServer(
        ScriptedTeacher(), play=lambda number, body: refuse(403, "flagged") if number == 1 else None
    ) as s:
        teacher = client(s)
        texts = [run(teacher.answer(ask(text))) for text in ("a", "b", "c")]
    assert [done.finish_reason for done in texts] == ["stop", "error", "stop"]


def test_a_pause_too_long_to_wait_is_told() -> None:
    with pytest.raises(TeacherError, match=r"86400 s of rest.*later"):
        answer_with(lambda number, body: refuse(429, "daily limit", retry_after="86400"))


def test_patience_with_a_busy_server_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_asking, "PATIENCE_S", 0.05)
    completion, requests = answer_with(lambda number, body: refuse(429, "busy", retry_after="0.02"))
    assert (completion.finish_reason, completion.error) == ("error", "HTTP 429: busy")
    assert requests == 4


def test_a_hanging_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(number: int, body: dict[str, Any]) -> Response | None:
        await asyncio.Event().wait()
        return None

    with pytest.raises(TeacherError, match=r"no answer in 0.05 s.*reachable"):
        answer_with(hang, timeout_s=0.05)


def test_one_hanging_request_harms_no_other() -> None:
    async def play(number: int, body: dict[str, Any]) -> Response | None:
        if body["messages"][0]["content"] == "hang":
            await asyncio.Event().wait()
        return None

    async def both(teacher: OpenAITeacher) -> list[Completion]:
        return await asyncio.gather(*(teacher.answer(ask(text)) for text in ("hang", "go")))

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        hung, good = run(both(client(server, timeout_s=0.3)))
    assert good.text
    assert hung.error == "no answer in 0.3 s"


def test_nobody_there_is_told_when_it_is_opened_and_when_it_goes_away() -> None:
    server = OpenAIServer(ScriptedTeacher())
    teacher = client(server)
    server.close()
    for failing in (lambda: run(teacher.answer(ask("Hi"))), lambda: client(server)):
        with pytest.raises(TeacherError, match=r"ClientConnectorError.*SEEDBED_TEACHER_URL"):
            failing()


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (Response("<html>Welcome!</html>"), r"no OpenAI-compatible server: no JSON: '<html>Welcome.*ends in /v1"),
        (Response("[]"), "its JSON is no object"),
        (refuse(401, f"bad key {KEY}"), r"HTTP 401: bad key \*\*\*\. Set SEEDBED_TEACHER_KEY"),
        (refuse(500, "ouch"), "HTTP 500: ouch"),
        (refuse(301, "", location="http://127.0.0.1:9/"), "redirects are not followed"),
    ],
)
def test_what_is_no_such_server_is_told_when_it_is_opened(page: Response, told: str) -> None:
    with OpenAIServer(ScriptedTeacher()) as server:
        server.card = page
        with pytest.raises(TeacherError, match=told):
            client(server)


def test_an_answer_that_is_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    monkeypatch.setattr(openai_http, "MOST_BYTES", 1 << 20)
    completion, requests = answer_with(lambda number, body: StreamingResponse(long()))
    assert completion.error == "the answer is longer than 1 MiB"
    assert requests == 1


def test_cancelling_reaches_the_server_and_frees_the_place() -> None:
    async def play(number: int, body: dict[str, Any]) -> Response | None:
        if number == 0:
            await asyncio.Event().wait()
        return None

    async def main(teacher: OpenAITeacher, server: OpenAIServer) -> Completion:
        first = asyncio.create_task(teacher.answer(ask("never")))
        second = asyncio.create_task(teacher.answer(ask("soon")))
        await asyncio.to_thread(server.arrived.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await asyncio.to_thread(server.dropped.wait, 10)
        return await second

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        assert run(main(client(server, most_in_flight=1), server)).text == "soon [0]"


def test_closing_ends_what_is_in_flight() -> None:
    async def play(number: int, body: dict[str, Any]) -> Response | None:
        await asyncio.Event().wait()
        return None

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        teacher = client(server)

        def close() -> None:
            server.arrived.wait(10)
            teacher.close()

        threading.Thread(target=close).start()
        with pytest.raises(TeacherError, match="closed while it answered"):
            run(teacher.answer(ask("Hi")))
        with pytest.raises(TeacherError, match="was closed"):
            run(teacher.answer(ask("Hi")))


def test_in_flight_keeps_to_the_limit_that_grows_and_falls() -> None:
    scripted = ScriptedTeacher(delay=lambda request: 3)

    def play(number: int, body: dict[str, Any]) -> Response | None:
        return refuse(429, "busy") if 100 <= number < 104 else None

    with OpenAIServer(scripted, play=play) as server:
        teacher = client(server, most_in_flight=12)
        assert all(done.text for done in run(many(teacher, 90)))
        most = teacher.concurrency
        assert scripted.most_in_flight <= most <= 12
        assert all(done.text for done in run(many(teacher, 40)))
        assert teacher.concurrency < most


def test_a_pause_holds_everybody_back() -> None:
    """One 429 with Retry-After, and no further request arrives before the time is over."""
    arrived: list[float] = []

    async def play(number: int, body: dict[str, Any]) -> Response | None:
        arrived.append(asyncio.get_running_loop().time())
        return refuse(429, "busy", retry_after="0.2") if number == 0 else None

    async def main(teacher: OpenAITeacher) -> list[Completion]:
        return await many(teacher, 6)

    with OpenAIServer(ScriptedTeacher(), play=play) as server:
        assert all(done.text for done in run(main(client(server, most_in_flight=1))))
    assert arrived[1] - arrived[0] >= 0.15


def test_one_teacher_serves_loop_after_loop_and_leaves_nothing_open(recwarn: pytest.WarningsRecorder) -> None:
    with OpenAIServer(ScriptedTeacher()) as server:
        teacher = client(server)
        for _ in range(3):
            assert len(run(many(teacher, 5))) == 5
    assert [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)] == []


def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reply = {"message": f"your key {KEY} and password p@ss are odd"}
    with OpenAIServer(ScriptedTeacher(), play=lambda number, body: refuse(400, reply)) as server:
        teacher = client(server)
        completion = run(teacher.answer(ask("Hi")))
        assert completion.error == "HTTP 400: your key *** and password p@ss are odd"
        with_password = OpenAITeacher(server.url.replace("//", "//me:p%40ss@"), "scripted")
        completion = run(with_password.answer(ask("Hi")))
        assert completion.error == f"HTTP 400: your key {KEY} and password *** are odd"
    assert server.headers[1]["authorization"] == "Basic bWU6cEBzcw=="
    assert KEY not in caplog.text
    assert KEY not in teacher.name


def test_the_settings_lead_to_it() -> None:
    with OpenAIServer(ScriptedTeacher(context_tokens=9000)) as server:
        where = choose.Remote(server.url, KEY, "second", 5)
        teacher = choose.open_teacher("scripted", "openai", form="plain", remote=where)
        assert (teacher.form, teacher.context_tokens, teacher.concurrency) == ("plain", 9000, 5)
        assert teacher.fingerprint == client(server, revision="second").fingerprint
        assert run(teacher.answer(ask("Hi"))).text
    assert KEY not in repr(where)
    with pytest.raises(TeacherError, match="SEEDBED_TEACHER_URL"):
        choose.open_teacher("gpt-5", "openai")


def test_the_doctor_asks_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def line() -> dict[str, str]:
        main(["doctor", "--json"])
        return next(found for found in json.loads(capsys.readouterr().out)["findings"] if found["what"] == wanted)

    wanted = "teacher engine"
    with OpenAIServer(ScriptedTeacher()) as server:
        monkeypatch.setenv("SEEDBED_TEACHER_ENGINE", "openai")
        monkeypatch.setenv("SEEDBED_TEACHER_MODEL", "scripted")
        monkeypatch.setenv("SEEDBED_TEACHER_URL", server.url)
        assert line()["found"] == "openai: scripted on vLLM; 4096 tokens of context, schema prompts"
    assert line()["mark"] == "problem"
    assert "SEEDBED_TEACHER_URL" in line()["next"]
