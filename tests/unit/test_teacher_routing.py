"""Requests that begin alike meet in one engine, and no engine starves beside it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest

from pipeline.teacher.closing import InFlight
from pipeline.teacher.port import ChatRequest, Message, TeacherError
from pipeline.teacher.routing import HEAD_CHARACTERS, choose, prefix_of


def request(system: str, *turns: str) -> ChatRequest:
    return ChatRequest((Message("system", system), *(Message("user", turn) for turn in turns)))


def test_prefix_is_the_system_turn_and_the_head_of_the_users_first() -> None:
    document = "word " * (HEAD_CHARACTERS // 5 + 1)
    same = {prefix_of(request("Be true.", document + tail, last)) for tail in ("a", "b") for last in ("x", "y")}
    assert len(same) == 1
    others = {prefix_of(request("Be kind.", document)), prefix_of(request("Be true.", "b" + document))}
    assert len(same | others) == 3


def test_a_prefix_keeps_its_engine_and_another_engine_moves_only_its_own() -> None:
    idle = dict.fromkeys(range(8), 0)
    before = {prefix: choose(prefix, idle) for prefix in map(str, range(400))}
    assert before == {prefix: choose(prefix, idle) for prefix in before}
    assert min(Counter(before.values()).values()) > 25
    del idle[3]
    moved = {prefix for prefix, engine in before.items() if choose(prefix, idle) != engine}
    assert moved == {prefix for prefix, engine in before.items() if engine == 3}


def test_one_prefix_alone_still_keeps_all_engines_at_work() -> None:
    loads = dict.fromkeys(range(4), 0)
    for _ in range(100):
        loads[choose("one document", loads)] += 1
    assert sum(loads.values()) == 100
    assert min(loads.values()) > 0
    assert max(loads.values()) <= 32  # 1.25 times the fair share, rounded up


def test_one_engine_takes_all() -> None:
    assert choose("x", {5: 1000}) == 5


def test_closing_from_another_thread_ends_what_flies_and_cancelling_does_not_look_like_it() -> None:
    async def main() -> None:
        flying, begun = InFlight(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await asyncio.Event().wait()

        cancelled = asyncio.create_task(flying.run(wait()))
        await begun.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        closed = asyncio.create_task(flying.run(wait()))
        await asyncio.sleep(0)
        threading.Thread(target=flying.close).start()
        with pytest.raises(TeacherError, match="closed while it answered"):
            await closed
        with pytest.raises(TeacherError, match="was closed"):
            await flying.run(wait())

    asyncio.run(asyncio.wait_for(main(), 10))
