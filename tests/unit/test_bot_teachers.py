"""One teacher, lent to all who ask, and to nobody while its memory is given away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from bot.teachers import TeacherAway
from bot.teachers import TeacherDesk as Desk
from pipeline.responses import Responses
from pipeline.teacher.port import ChatRequest, Message, Teacher, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher


class Shop:
    def __init__(self) -> None:
        self.made: list[ScriptedTeacher] = []

    def __call__(self) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(name=f"t{len(self.made)}"))
        return self.made[-1]


def desk_of(open_teacher: Callable[[], Teacher], **more: float) -> Desk:
    return Desk(open_teacher, Responses(":memory:"), **more)


def is_closed(teacher: Teacher) -> bool:
    try:
        asyncio.run(teacher.answer(ChatRequest((Message("user", "Are you there?"),))))
    except TeacherError:
        return True
    return False


def test_leases_share_a_teacher() -> None:
    shop = Shop()
    desk = desk_of(shop)
    with desk.lease() as first:
        pass
    with desk.lease() as second:
        assert first is second
    desk.close()
    assert is_closed(shop.made[0])


def test_a_failed_teacher_is_not_lent_again() -> None:
    shop = Shop()
    desk = desk_of(shop)
    with pytest.raises(TeacherError), desk.lease():
        raise TeacherError("the engine died")
    assert is_closed(shop.made[0])
    with desk.lease() as pool:
        assert pool.teacher is shop.made[1]
    desk.close()


def test_another_error_keeps_it() -> None:
    shop = Shop()
    desk = desk_of(shop)
    with pytest.raises(OSError, match="disk"), desk.lease():
        raise OSError("disk full")
    with desk.lease():
        assert len(shop.made) == 1
    desk.close()


def test_a_worker_that_stops_does_not_wait_for_a_lease() -> None:
    """A generation takes hours; the service manager gives the worker half a minute."""
    shop = Shop()
    desk = desk_of(shop)
    with desk.lease() as pool:
        desk.close()
        assert not is_closed(pool.teacher)
    desk.close()
    assert is_closed(shop.made[0])


def test_none_is_loaded_while_closed() -> None:
    shop = Shop()
    desk = desk_of(shop)
    with desk.lease():
        pass
    with desk.closed():
        assert is_closed(shop.made[0])
        with pytest.raises(TeacherAway, match="when it is free"), desk.lease():
            pytest.fail("nothing was lent")
        assert len(shop.made) == 1
    with desk.lease():
        assert len(shop.made) == 2


def test_two_jobs_have_it_at_once_and_who_wants_the_memory_waits_for_both() -> None:
    shop, closed = Shop(), threading.Event()
    desk = desk_of(shop)

    def close() -> None:
        with desk.closed():
            closed.set()

    with desk.lease() as batch:
        with desk.lease() as preview:
            assert preview is batch
            thread = threading.Thread(target=close)
            thread.start()
        assert not closed.wait(0.05)
    assert closed.wait(5)
    thread.join(5)


def test_an_idle_teacher_is_unloaded() -> None:
    shop, closed = Shop(), threading.Event()
    desk = desk_of(shop, idle_s=0.01)
    with desk.lease() as pool:
        teacher = pool.teacher
        close = teacher.close
        teacher.close = lambda: (close(), closed.set())  # type: ignore[method-assign, assignment]
    assert closed.wait(5)
    with desk.lease():
        assert len(shop.made) == 2


def test_an_opening_that_fails_leaves_the_desk_usable() -> None:
    answers = [TeacherError("no memory"), ScriptedTeacher()]

    def opened() -> ScriptedTeacher:
        answer = answers.pop(0)
        if isinstance(answer, TeacherError):
            raise answer
        return answer

    desk = desk_of(opened)
    with pytest.raises(TeacherError, match="no memory"), desk.lease():
        pytest.fail("nothing was lent")
    with desk.lease():
        pass
    desk.close()
