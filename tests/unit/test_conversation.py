"""Many calls at once to a child: each gets its own answer, however the child and its pipes behave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.child import ChildDied, ChildError
from pipeline.conversation import Conversation
from tests.unit.test_child import gone

TALK = "tests.unit.conversation_targets:talk"
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def child() -> Iterator[Conversation]:
    with Conversation(TALK) as conversation:
        yield conversation


def test_later_calls_overtake_earlier_ones(child: Conversation) -> None:
    async def main() -> None:
        slow = [asyncio.create_task(child.ask({"do": "wait", "name": name})) for name in ("wren", "owl")]
        assert await child.ask({"do": "who waits", "count": 2}) == {"names": ["owl", "wren"]}
        assert await child.ask({"do": "echo", "text": "é \ud800 \u2028 line\nbreak"}) == {
            "text": "é \ud800 \u2028 line\nbreak"
        }
        assert not any(task.done() for task in slow)
        await child.ask({"do": "open"})
        assert await asyncio.gather(*slow) == [{}, {}]

    asyncio.run(main())


def test_a_cancelled_call_is_cancelled_in_the_child(child: Conversation) -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(child.ask({"do": "wait", "name": name})) for name in ("wren", "owl")]
        await child.ask({"do": "who waits", "count": 2})
        tasks[0].cancel()
        assert await child.ask({"do": "who waits", "count": 1}) == {"names": ["owl"]}
        await child.ask({"do": "open"})
        assert await tasks[1] == {}

    asyncio.run(main())


def test_bursts_larger_than_the_pipes_do_not_lock_up(child: Conversation) -> None:
    text = "x" * 50_000  # 400 of them are 20 MB each way; a pipe holds 64 kB

    async def main() -> list[str]:
        calls = (child.ask({"do": "echo", "text": f"{number} {text}"}) for number in range(400))
        return [answer["text"].partition(" ")[0] for answer in await asyncio.gather(*calls)]

    assert asyncio.run(main()) == [str(number) for number in range(400)]


def test_exceptions_are_their_callers_alone(child: Conversation) -> None:
    async def main() -> None:
        calls = [child.ask({"do": what, "text": ""}) for what in ("fail", "echo", "unwritable")]
        failed, echoed, unwritable = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(failed, ChildError)
        assert (str(failed), failed.type_name) == ("no such bird", "LookupError")
        assert "conversation_targets.py" in failed.trace
        assert echoed == {"text": ""}
        assert isinstance(unwritable, ChildError)
        assert "not JSON serializable" in str(unwritable)

    asyncio.run(main())
    with pytest.raises(TypeError, match="not JSON serializable"):
        child.call({"do": {1}})


def test_one_event_loop_after_the_other_and_threads_without_one(child: Conversation) -> None:
    for number in range(3):
        assert asyncio.run(child.ask({"do": "echo", "text": str(number)})) == {"text": str(number)}
    assert child.call({"do": "echo", "text": "three"}) == {"text": "three"}


def test_a_death_reaches_all_who_wait_and_those_who_come_later(child: Conversation) -> None:
    async def main() -> None:
        waiting = [asyncio.create_task(child.ask({"do": "wait", "name": str(number)})) for number in range(3)]
        await child.ask({"do": "who waits", "count": 3})
        with pytest.raises(ChildDied, match=r"exit code 3(.|\n)*last words"):
            await child.ask({"do": "die"})
        for died in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(died, ChildDied)
            assert (died.code, died.tail[-1]) == (3, "last words")
        with pytest.raises(ChildDied, match="exit code 3"):
            await child.ask({"do": "echo", "text": ""})

    asyncio.run(main())
    assert not child.alive


def test_closing_tells_who_waits_also_with_a_full_pipe(child: Conversation) -> None:
    async def main() -> None:
        await child.ask({"do": "echo", "text": ""})
        os.kill(child.pid, signal.SIGSTOP)  # it reads no more
        calls = [asyncio.create_task(child.ask({"do": "echo", "text": "x" * 100_000})) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(child.close)
        for died in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(died, ChildDied)
            assert "was closed" in str(died)

    asyncio.run(main())
    child.close()
    assert not child.alive


def test_it_ends_with_its_parent_and_so_do_its_descendants() -> None:
    program = (
        "import json; from pipeline.conversation import Conversation\n"
        f"child = Conversation('{TALK}')\n"
        "print(json.dumps(child.call({'do': 'breed'})), flush=True)\n"
        "child.call({'do': 'wait', 'name': 'wren'})"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())["pids"]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)
