"""Bursts: nothing accepted is lost, nothing is made up, order is kept, and the job database may fail meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import inbox as module
from bot.engine.memory import MemoryEngine
from bot.events import Work
from bot.inbox import Full, Inbox


class Slow(MemoryEngine):
    """A job database that answers when it is let, and notes in which order it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.asked: list[str] = []
        self.changed = threading.Condition()

    def enqueue(self, name: str, payload: Any, *, id: str, **given: Any) -> bool:
        assert self.let.wait(30)
        new = super().enqueue(name, payload, id=id, **given)
        with self.changed:
            self.asked.append(id)
            self.changed.notify_all()
        return new

    def until(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asked) >= count, 30)


class Broken(Slow):
    """Fails until it is let."""

    def enqueue(self, name: str, payload: Any, *, id: str, **given: Any) -> bool:
        if not self.let.is_set():
            raise OSError("the job database is away")
        return super().enqueue(name, payload, id=id, **given)


def work(number: int) -> Work:
    return Work("lint", "lint", {"pull": number}, str(number), 0.5)


async def burst(inbox: Inbox, ids: list[str]) -> list[bool | None]:
    """All at once, as a forge sends them."""

    async def one(id: str) -> bool | None:
        inbox.enter()
        try:
            await asyncio.sleep(0)  # all have come before the first is put away
            return await inbox.accept(id, work(len(id)))
        finally:
            inbox.leave()

    return list(await asyncio.gather(*map(one, ids)))


def gone(inbox: Inbox) -> Callable[[], bool]:
    return lambda: inbox.waiting == 0


def until(inbox: Inbox, so: Callable[[], bool]) -> None:
    with inbox._calm:
        assert inbox._calm.wait_for(so, 30)


def test_one_at_a_time_goes_straight_through(tmp_path: Path) -> None:
    engine = MemoryEngine()
    inbox = Inbox(tmp_path, engine)
    assert asyncio.run(burst(inbox, ["gh-1"])) == [True]
    assert asyncio.run(burst(inbox, ["gh-1"])) == [False]
    assert [job.id for job in engine.jobs()] == ["gh-1"]
    assert not (tmp_path / module.FILE).exists()


def test_a_burst_is_accepted_at_once_and_moved_in_order(tmp_path: Path) -> None:
    engine = Slow()
    inbox = Inbox(tmp_path, engine)
    ids = [f"gh-{n}" for n in range(300)]
    answers = asyncio.run(burst(inbox, ids))
    assert answers == [None] * 300
    assert inbox.waiting == 300
    assert engine.asked == []
    engine.let.set()
    engine.until(300)
    until(inbox, gone(inbox))
    assert engine.asked == ids
    status = engine.status("gh-7")
    assert status is not None
    assert (status.name, status.queue, status.key) == ("lint", "lint", str(len("gh-7")))


def test_nothing_overtakes_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst that is nearly over leaves few requests under way, and the file still has the older ones to take."""
    engine = MemoryEngine()
    inbox = Inbox(tmp_path, engine)
    store, writing, write = inbox._store, threading.Event(), threading.Event()

    def slow(rows: Any) -> None:
        writing.set()
        assert write.wait(30)
        store(rows)

    monkeypatch.setattr(inbox, "_store", slow)

    async def late() -> None:
        for _ in range(module.DIRECT + 1):
            inbox.enter()
        first = asyncio.create_task(inbox.accept("gh-1", work(1)))
        await asyncio.to_thread(writing.wait, 30)
        for _ in range(module.DIRECT):
            inbox.leave()
        second = asyncio.create_task(inbox.accept("gh-2", work(1)))
        await asyncio.sleep(0)
        write.set()
        assert await asyncio.gather(first, second) == [None, None]
        inbox.leave()

    asyncio.run(late())
    until(inbox, gone(inbox))
    assert [job.id for job in reversed(engine.jobs())] == ["gh-1", "gh-2"]


def test_a_killed_process_moves_the_rest_when_it_starts_again(tmp_path: Path) -> None:
    """The thread of the first inbox stands where a kill would leave it: something is moved, and not yet ticked off."""
    first = Slow()
    asyncio.run(burst(Inbox(tmp_path, first), ["gh-1", "gh-2", "gh-3", "gh-1", "gh-4", "gh-5"]))
    second = Slow()
    second.let.set()
    inbox = Inbox(tmp_path, second)
    second.until(5)
    until(inbox, gone(inbox))
    assert [job.id for job in reversed(second.jobs())] == ["gh-1", "gh-2", "gh-3", "gh-4", "gh-5"]
    first.let.set()


def test_a_job_database_that_fails_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    engine = Broken()
    inbox = Inbox(tmp_path, engine)
    ids = [f"gh-{n}" for n in range(30)]
    assert asyncio.run(burst(inbox, ids)) == [None] * 30
    engine.let.set()
    engine.until(30)
    assert engine.asked == ids


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    engine = Slow()
    inbox = Inbox(tmp_path, engine)

    async def both() -> None:
        assert await burst(inbox, [f"gh-{n}" for n in range(10)]) == [None] * 10
        with pytest.raises(Full):
            await burst(inbox, ["gh-x"])

    asyncio.run(both())
    assert inbox.waiting == 10
    engine.let.set()


def test_a_full_disk_is_no_acceptance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    inbox = Inbox(tmp_path, Slow())
    monkeypatch.setattr(inbox, "_store", full)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        asyncio.run(burst(inbox, [f"gh-{n}" for n in range(10)]))
    assert inbox.waiting == 0
