"""Ray actors on this machine, with scripted engines: what happens when some of them, or all, are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pipeline.teacher import choose
from pipeline.teacher import ray as ours
from pipeline.teacher.hosted import HostedTeacher, TeacherSpec
from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, TeacherError
from pipeline.teacher.ray import RayTeacher
from pipeline.teacher.scripted import ScriptedTeacher

T = TypeVar("T")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One cluster for all, since starting one takes seconds; the teachers join it."""
    assert ours._connect("", 2)
    yield
    import ray

    ray.shutdown()


def run(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


def ask(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(max_tokens=12))


async def many(teacher: RayTeacher, count: int) -> list[str]:
    done: list[Completion] = await asyncio.gather(*(teacher.answer(ask(f"Say {number}")) for number in range(count)))
    assert [completion.error for completion in done] == [None] * count
    return [completion.text for completion in done]


def expected(count: int) -> list[str]:
    return [f"Say {number} [0]" for number in range(count)]


def opened(actors: int = 2, **script: Any) -> RayTeacher:
    return RayTeacher(TeacherSpec("scripted", script={"concurrency": 32, **script}), actors=actors, gpus_each=0)


def test_an_engine_that_dies_under_work_costs_nothing_but_time(tmp_path: Path) -> None:
    teacher = opened(die_at=7, die_mark=str(tmp_path / "died"))
    assert teacher.concurrency == 64
    assert teacher.fingerprint == ScriptedTeacher().fingerprint
    assert run(many(teacher, 60)) == expected(60)
    assert (tmp_path / "died").exists()

    async def until_whole() -> None:
        while teacher.concurrency < 64:  # the lost place is filled again
            await many(teacher, 5)

    run(until_whole())
    teacher.close()


def test_all_engines_killed_come_back() -> None:
    teacher = opened()

    async def work() -> list[str]:
        import ray

        assert await many(teacher, 4) == expected(4)
        for place in teacher._places:
            ray.kill(place.actor)
        return await many(teacher, 20)

    assert run(work()) == expected(20)
    teacher.close()


def test_a_request_that_kills_each_engine_fails_alone() -> None:
    teacher = opened(script="tests.integration.test_teacher_ray:deadly")

    async def work() -> tuple[Completion, list[str]]:
        return await asyncio.gather(teacher.answer(ask("die")), many(teacher, 30))

    deadly, texts = run(work())
    assert (deadly.text, deadly.finish_reason) == ("", "error")
    assert "3 engines in turn were lost while they answered this" in (deadly.error or "")
    assert texts == expected(30)
    teacher.close()


def deadly(request: ChatRequest) -> str:
    """A script that ends its process at one request."""
    import os

    if request.messages[-1].content == "die":
        os._exit(9)
    return f"{request.messages[-1].content} [{request.sampling.seed}]"


def test_engines_that_do_not_come_back_are_told(tmp_path: Path) -> None:
    teacher = opened(actors=1, die_at=0)
    with pytest.raises(TeacherError, match=r"all 1 engines of scripted were lost.*ray status"):
        run(gather_errors(teacher))
    teacher.close()
    with pytest.raises(TeacherError, match="closed"):
        run(teacher.answer(ask("Hi")))


async def gather_errors(teacher: RayTeacher) -> None:
    """Ask until the place has lost all that it may lose: one request alone gives up before."""
    while True:
        await teacher.answer(ask("Hi"))


def test_what_cannot_load_or_fit_is_told_at_once() -> None:
    with pytest.raises(TeacherError, match=r"no engine loads.*no_such_argument"):
        opened(actors=1, no_such_argument=1)
    with pytest.raises(TeacherError, match=r"has 0 GPUs.*1 engines with 2 GPUs.*do not fit"):
        RayTeacher(TeacherSpec("scripted"), gpus_each=2)
    with pytest.raises(TeacherError, match=r"5000 engines .* do not fit"):
        RayTeacher(TeacherSpec("scripted"), actors=5000)


def test_cancelling_reaches_the_engine_and_one_teacher_serves_loop_after_loop(tmp_path: Path) -> None:
    teacher = opened(actors=1, script="tests.integration.test_teacher_ray:hanging")
    mark = tmp_path / "cancelled"

    async def leave() -> None:
        asked = asyncio.create_task(teacher.answer(ask(f"hang {mark}")))
        while not (tmp_path / "cancelled.begun").exists():
            await many(teacher, 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        while not mark.exists():
            await many(teacher, 1)

    run(leave())
    assert run(many(teacher, 3)) == expected(3)
    teacher.close()


async def hanging(request: ChatRequest) -> str:
    """A script that never answers one request, and leaves a file when it is cancelled."""
    text = request.messages[-1].content
    if text.startswith("hang "):
        mark = Path(text.removeprefix("hang "))
        mark.with_name("cancelled.begun").touch()
        try:
            await asyncio.Event().wait()
        finally:
            mark.touch()
    return f"{text} [{request.sampling.seed}]"


def test_the_settings_lead_to_it_and_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path))
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    teacher = choose.open_teacher(str(tmp_path), "ray", remote=choose.Remote("first.internal:6379"))
    assert isinstance(teacher, HostedTeacher)
    assert teacher.spec.cluster == {"address": "first.internal:6379"}
    assert teacher.pid is None


def test_requests_that_begin_alike_meet_in_one_engine() -> None:
    teacher = opened(script="tests.integration.test_teacher_ray:whoami")

    async def work(document: str) -> set[str]:
        return {(await teacher.answer(ask(f"{document} {n}"))).text for n in range(6)}

    async def all_of_them() -> list[set[str]]:
        return [await work(f"document {number} " + "word " * 120) for number in range(8)]

    places = run(all_of_them())
    assert all(len(engines) == 1 for engines in places)
    assert len(set.union(*places)) == 2
    teacher.close()


def whoami(request: ChatRequest) -> str:
    """A script that tells its process."""
    import os

    return str(os.getpid())
