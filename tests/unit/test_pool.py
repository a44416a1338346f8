"""The pool: nothing twice, never idle, in order, and one trouble is one caller's."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipeline.pool import BATCH, PREVIEW, Answer, Pool
from pipeline.responses import Responses
from pipeline.teacher.port import ChatRequest, Completion, Message, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher


def ask(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


class Gate:
    """A script that answers when it is told to, and remembers who was asked in which order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting: dict[str, asyncio.Future[str]] = {}

    async def __call__(self, request: ChatRequest) -> str:
        text = request.messages[-1].content
        self.asked.append(text)
        self.waiting[text] = asyncio.get_running_loop().create_future()
        return await self.waiting[text]

    def open(self, text: str) -> None:
        self.waiting.pop(text).set_result(text.upper())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def all_of(pool: Pool, *texts: str, lane: int = BATCH) -> list[Answer]:
    return await asyncio.gather(*(pool.ask(ask(text), (lane, at)) for at, text in enumerate(texts)))


def test_answers_come_back_and_are_stored() -> None:
    teacher, responses = ScriptedTeacher(), Responses(":memory:")
    pool = Pool(teacher, responses)
    first = pool.run(all_of(pool, "a", "b", "a"))
    assert [answer.completion.text for answer in first] == ["a [0]", "b [0]", "a [0]"]
    assert (teacher.requests, responses.count()) == (2, 2)
    again = pool.run(all_of(pool, "b", "a"))
    assert [answer.made for answer in again] == [False, False]
    assert teacher.requests == 2
    assert (pool.usage.requests, pool.usage.stored, pool.usage.output_tokens) == (2, 2, 4)
    pool.close()
    pool.close()


def test_as_many_in_flight_as_the_teacher_takes_and_the_lowest_order_first() -> None:
    gate = Gate()
    teacher = ScriptedTeacher(gate, concurrency=2)
    pool = Pool(teacher, Responses(":memory:"))

    async def work() -> None:
        batch = asyncio.ensure_future(all_of(pool, "a", "b", "c", "d"))
        await settle()
        assert gate.asked == ["a", "b"]
        preview = asyncio.ensure_future(all_of(pool, "p", lane=PREVIEW))
        await settle()
        gate.open("b")
        await settle()
        assert gate.asked == ["a", "b", "p"], "a preview overtakes what waits"
        gate.open("p")
        assert [answer.completion.text for answer in await preview] == ["P"]
        for text in ("a", "c", "d"):
            await settle()
            gate.open(text)
        await batch

    pool.run(work())
    assert teacher.most_in_flight == 2
    assert gate.asked == ["a", "b", "p", "c", "d"]
    pool.close()


def test_a_failed_request_is_not_stored_and_harms_no_other() -> None:
    teacher, responses = ScriptedTeacher(fail_at=1), Responses(":memory:")
    pool = Pool(teacher, responses)
    answers = pool.run(all_of(pool, "a", "b", "c"))
    assert [answer.completion.finish_reason for answer in answers] == ["stop", "error", "stop"]
    assert (responses.count(), pool.usage.failed) == (2, 1)
    assert pool.run(all_of(pool, "b"))[0].completion.text == "b [0]"
    pool.close()


def test_what_never_fits_is_not_stored_either() -> None:
    pool = Pool(ScriptedTeacher(context_tokens=1), responses := Responses(":memory:"))
    assert pool.run(all_of(pool, "a"))[0].completion.finish_reason == "unfit"
    assert responses.count() == 0
    pool.close()


def test_a_teacher_that_is_gone_is_told_to_all_and_what_was_answered_stays() -> None:
    asked = 0

    def script(request: ChatRequest) -> str:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise TeacherError("the engine is gone")
        return "fine"

    pool = Pool(ScriptedTeacher(script, concurrency=1), responses := Responses(":memory:"))
    with pytest.raises(TeacherError, match="engine is gone"):
        pool.run(all_of(pool, *"abcdef"))
    responses.flush()
    assert responses.count() == 3
    pool.close()


def test_a_watch_that_raises_ends_the_work_and_frees_the_teacher() -> None:
    gate = Gate()
    teacher = ScriptedTeacher(gate, concurrency=2)
    pool = Pool(teacher, Responses(":memory:"))

    def watch() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run(all_of(pool, *"abcd"), watch)

    async def nothing_flies() -> int:
        await settle()
        return teacher.in_flight

    assert pool.run(nothing_flies()) == 0
    assert gate.asked == ["a", "b"], "nobody waits for the others any more"
    pool.close()


def test_who_leaves_takes_no_answer_from_who_stays() -> None:
    gate = Gate()
    pool = Pool(ScriptedTeacher(gate), Responses(":memory:"))

    async def work() -> str:
        leaver = asyncio.ensure_future(pool.ask(ask("a"), (BATCH, 0)))
        stayer = asyncio.ensure_future(pool.ask(ask("a"), (BATCH, 1)))
        await settle()
        leaver.cancel()
        await settle()
        gate.open("a")
        return (await stayer).completion.text

    assert pool.run(work()) == "A"
    assert gate.asked == ["a"]
    pool.close()


def test_jobs_of_two_threads_share_a_pool() -> None:
    gate = Gate()
    pool = Pool(ScriptedTeacher(gate, concurrency=1), Responses(":memory:"))
    got: list[str] = []

    def batch() -> None:
        got.extend(answer.completion.text for answer in pool.run(all_of(pool, "a", "b")))

    thread = threading.Thread(target=batch)
    thread.start()

    async def preview() -> str:
        while gate.asked != ["a"]:
            await asyncio.sleep(0)
        mine = asyncio.ensure_future(pool.ask(ask("p"), (PREVIEW, 0)))
        await settle()
        gate.open("a")
        await settle()
        gate.open("p")
        await settle()
        gate.open("b")
        return (await mine).completion.text

    assert pool.run(preview()) == "P"
    thread.join(10)
    assert got == ["A", "B"]
    assert gate.asked == ["a", "p", "b"]
    pool.close()


def test_hungry_returns_when_there_is_room() -> None:
    gate = Gate()
    pool = Pool(ScriptedTeacher(gate, concurrency=1), Responses(":memory:"))

    async def work() -> list[bool]:
        await pool.hungry()
        waiting = asyncio.ensure_future(all_of(pool, "a", "b"))
        await settle()
        hungry = asyncio.ensure_future(pool.hungry())
        await settle()
        seen = [hungry.done()]
        gate.open("a")
        await settle()
        seen.append(hungry.done())
        gate.open("b")
        await waiting
        return seen

    assert pool.run(work()) == [False, True]
    pool.close()


def test_a_completion_keeps_what_it_cost() -> None:
    made = Completion("x", "stop", 100, 7, cached_tokens=64)
    pool = Pool(ScriptedTeacher({"a": made}), Responses(":memory:"))
    [answer] = pool.run(all_of(pool, "a"))
    assert answer.completion == made
    assert (pool.usage.prompt_tokens, pool.usage.cached_tokens, pool.usage.output_tokens) == (100, 64, 7)
    assert pool.usage.busy_s > 0
    pool.close()
