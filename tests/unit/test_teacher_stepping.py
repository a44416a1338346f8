"""The thread that moves an engine, and the turns in which a host asks: in time with engines made of a few lines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pipeline.teacher.port import ChatRequest, Completion, Message, Sampling, TeacherError
from pipeline.teacher.prompt import UnfitRequest
from pipeline.teacher.stepping import Stepper
from pipeline.teacher.turns import Turns

pytestmark = pytest.mark.timeout(30)


def ask(text: str, tokens: int = 1) -> ChatRequest:
    return ChatRequest((Message("user", text),), Sampling(max_tokens=tokens))


class Countdown:
    """Finishes a request after as many steps as it asks for tokens; "for ever" never, "fault" ends the engine."""

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.left: dict[int, tuple[str, int]] = {}
        self.batches: list[int] = []
        self.closed = False

    @property
    def busy(self) -> bool:
        return bool(self.left)

    def add(self, number: int, request: ChatRequest) -> None:
        text = request.messages[-1].content
        if text == "unfit":
            raise UnfitRequest("it is too long")
        self.left[number] = (text, request.sampling.max_tokens)

    def drop(self, number: int) -> None:
        self.left.pop(number, None)

    def step(self) -> Iterator[tuple[int, Completion]]:
        assert threading.current_thread() is self.thread
        self.batches.append(len(self.left))
        for number, (text, left) in list(self.left.items()):
            if text == "fault":
                raise RuntimeError("out of memory")
            if text != "for ever" and left == 1:
                del self.left[number]
                yield number, Completion(text)
            else:
                self.left[number] = (text, left - 1)

    def close(self) -> None:
        self.closed = True


def test_requests_join_and_leave_between_steps() -> None:
    async def main(stepper: Stepper[Countdown]) -> None:
        endless = asyncio.create_task(stepper.answer(ask("for ever")))
        short, long, unfit = await asyncio.gather(*map(stepper.answer, (ask("a"), ask("b", 50), ask("unfit"))))
        assert (short.text, long.text) == ("a", "b")
        assert (unfit.finish_reason, unfit.error) == ("unfit", "it is too long")
        endless.cancel()
        await asyncio.gather(endless, return_exceptions=True)
        assert (await stepper.answer(ask("c"))).text == "c"
        assert stepper.engine.busy is False

    stepper = Stepper(Countdown, "countdown")
    for _ in range(2):  # one event loop after the other
        asyncio.run(main(stepper))
    stepper.close()
    stepper.close()
    assert stepper.engine.closed


def test_an_idle_engine_waits_for_companions() -> None:
    stepper = Stepper(Countdown, "countdown", gather_s=0.2)

    async def main() -> None:
        await asyncio.gather(*(stepper.answer(ask(str(number))) for number in range(8)))

    asyncio.run(main())
    assert stepper.engine.batches == [8]
    stepper.close()


def test_an_engine_that_fails_fails_all_now_and_later() -> None:
    stepper = Stepper(Countdown, "countdown")

    async def main() -> None:
        both = await asyncio.gather(*map(stepper.answer, (ask("for ever"), ask("fault"))), return_exceptions=True)
        assert [str(error) for error in both] == ["countdown failed: out of memory"] * 2
        with pytest.raises(TeacherError, match="out of memory"):
            await stepper.answer(ask("a"))

    asyncio.run(main())
    stepper.close()
    assert stepper.engine.closed


def test_closing_tells_who_waits_and_who_comes_later() -> None:
    stepper = Stepper(Countdown, "countdown")

    async def main() -> None:
        waiting = asyncio.create_task(stepper.answer(ask("for ever")))
        await asyncio.sleep(0)
        await asyncio.to_thread(stepper.close)
        with pytest.raises(TeacherError, match="countdown was closed"):
            await waiting
        with pytest.raises(TeacherError, match="countdown was closed"):
            await stepper.answer(ask("a"))

    asyncio.run(main())


def test_what_loading_raises_is_raised() -> None:
    def load() -> Countdown:
        raise TeacherError("no such model")

    with pytest.raises(TeacherError, match="no such model"):
        Stepper(load, "countdown")


def test_one_alone_waits_for_all_and_all_who_come_wait_for_it() -> None:
    log: list[str] = []

    async def enter(turns: Turns, name: str, leave: asyncio.Event) -> None:
        async with turns.alone() if name.startswith("alone") else turns.together():
            log.append(f"{name} in")
            await leave.wait()
            log.append(f"{name} out")

    async def main() -> None:
        turns, leave = Turns(), {name: asyncio.Event() for name in ("a", "b", "alone 1", "alone 2", "c")}
        tasks = {}
        for name, event in leave.items():
            tasks[name] = asyncio.create_task(enter(turns, name, event))
            await asyncio.sleep(0)
        assert log == ["a in", "b in"]
        tasks["alone 1"].cancel()  # who gives up waiting holds nobody up
        for name in ("b", "a", "alone 2", "c"):
            leave[name].set()
            await asyncio.gather(tasks[name])
        assert log[2:] == ["b out", "a out", "alone 2 in", "alone 2 out", "c in", "c out"]

    asyncio.run(main())
