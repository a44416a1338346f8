"""One teacher, lent to one job at a time."""

from __future__ import annotations

import threading

import pytest

from bot.teachers import TeacherDesk
from pipeline.teacher.port import TeacherError
from pipeline.teacher.scripted import ScriptedTeacher


class Shop:
    def __init__(self) -> None:
        self.made: list[ScriptedTeacher] = []

    def __call__(self) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(name=f"t{len(self.made)}"))
        return self.made[-1]


def is_closed(teacher: ScriptedTeacher) -> bool:
    try:
        list(teacher.complete([]))
    except TeacherError:
        return True
    return False


def test_leases_share_a_teacher() -> None:
    shop = Shop()
    desk = TeacherDesk(shop)
    with desk.lease() as first:
        pass
    with desk.lease() as second:
        assert first is second
    desk.close()
    assert is_closed(shop.made[0])


def test_a_failed_teacher_is_not_lent_again() -> None:
    shop = Shop()
    desk = TeacherDesk(shop)
    with pytest.raises(TeacherError), desk.lease():
        raise TeacherError("the engine died")
    assert is_closed(shop.made[0])
    with desk.lease() as teacher:
        assert teacher is shop.made[1]
    desk.close()


def test_another_error_keeps_it() -> None:
    shop = Shop()
    desk = TeacherDesk(shop)
    with pytest.raises(OSError, match="disk"), desk.lease():
        raise OSError("disk full")
    with desk.lease():
        assert len(shop.made) == 1
    desk.close()


def test_a_worker_that_stops_does_not_wait_for_a_lease() -> None:
    """A generation takes hours; the service manager gives the worker half a minute."""
    shop = Shop()
    desk = TeacherDesk(shop)
    with desk.lease() as teacher:
        desk.close()
        assert not is_closed(teacher)
    desk.close()
    assert is_closed(shop.made[0])


def test_none_is_loaded_while_closed() -> None:
    shop = Shop()
    desk = TeacherDesk(shop)
    with desk.lease():
        pass
    with desk.closed():
        assert is_closed(shop.made[0])
        waiting = threading.Thread(target=lambda: desk.lease().__enter__(), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert len(shop.made) == 1
    waiting.join(5)
    assert len(shop.made) == 2


def test_an_idle_teacher_is_unloaded() -> None:
    shop, closed = Shop(), threading.Event()
    desk = TeacherDesk(shop, idle_s=0.01)
    with desk.lease() as teacher:
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

    desk = TeacherDesk(opened)
    with pytest.raises(TeacherError, match="no memory"), desk.lease():
        pytest.fail("nothing was lent")
    with desk.lease():
        pass
    desk.close()
