"""Many calls at once of one async function in a child process; boot, lifeline and death are those of `pipeline.child`.

Calls go in at any time and answers come out as they finish, in any order. Both sides read and write in threads of
their own, so that neither can wait for the other on a full pipe, and no event loop ever waits for a pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import IO

from pipeline.child import JSON, Child, ChildDied, ChildError, describe, end_group, load_target, open_pipes

AsyncTarget = Callable[[JSON], Awaitable[JSON]]


class Conversation:
    """A child process that answers calls of one async `target`, "module:function", side by side, until it is closed.

    Calls may come from any thread and any event loop. An `ask` that is cancelled is cancelled in the child, too.
    """

    def __init__(self, target: str, *, env: Mapping[str, str] | None = None) -> None:
        self.target = target
        self._child = Child(target, env=env, server="pipeline.conversation")
        self._numbers = itertools.count()
        self._open: dict[int, Future[JSON]] = {}
        self._lock = threading.Lock()  # over `_open` and `_end`
        self._end: ChildDied | None = None
        self._closing = False
        self._outbox: SimpleQueue[str | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=work, daemon=True, name=f"{work.__name__.strip('_')} {target}")
            for work in (self._read, self._write)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process id, also of its process group."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it can still answer."""
        return self._end is None and not self._closing and self._child.alive

    def call(self, payload: JSON) -> JSON:
        """Call the function and wait, in a thread that may. Raises `ChildError` (the child lives on), `ChildDied`."""
        return self._submit(payload)[1].result()

    async def ask(self, payload: JSON) -> JSON:
        """Call the function. Raises what `call` raises."""
        number, future = self._submit(payload)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self._outbox.put(json.dumps({"id": number, "cancel": True}))
            raise
        finally:
            self._open.pop(number, None)

    def close(self) -> None:
        """End the child now; open calls raise `ChildDied`. Closing twice is harmless."""
        self._closing = True
        self._child.kill()  # also frees a writer that waits on a full pipe
        self._outbox.put(None)
        for thread in self._threads:
            thread.join()
        self._child.close()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, payload: JSON) -> tuple[int, Future[JSON]]:
        future: Future[JSON] = Future()
        with self._lock:
            if self._end is not None:
                raise _copy(self._end)
            number = next(self._numbers)
            line = json.dumps({"id": number, "payload": payload})
            self._open[number] = future
        self._outbox.put(line)
        return number, future

    def _write(self) -> None:
        with contextlib.suppress(ChildDied):  # the reader tells it
            while (line := self._outbox.get()) is not None:
                self._child.send(line)

    def _read(self) -> None:
        while (message := self._child.receive()) is not None:
            future = self._open.pop(message["id"], None)
            if future is None or not future.set_running_or_notify_cancel():
                continue  # it was cancelled
            if "error" in message:
                future.set_exception(ChildError(**message["error"]))
            else:
                future.set_result(message["result"])
        death = self._child.death()
        with self._lock:
            self._end = ChildDied(f"{self.target} was closed", death.code) if self._closing else death
            lost, self._open = list(self._open.values()), {}
        for future in lost:
            if future.set_running_or_notify_cancel():
                future.set_exception(_copy(self._end))


def _copy(death: ChildDied) -> ChildDied:
    """The same for each who waits: an exception that is raised twice grows two tracebacks."""
    return ChildDied(str(death), death.code, death.tail)


def serve() -> None:
    """The child's side: answer calls until the requests end."""
    requests, replies = open_pipes()
    outbox: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_write_replies, args=(replies, outbox), daemon=True).start()
    asyncio.run(_converse(requests, outbox))
    end_group()  # whoever closed the requests waits for no more replies


def _write_replies(replies: IO[str], outbox: SimpleQueue[str]) -> None:
    with contextlib.suppress(OSError):  # the parent is gone: the lifeline ends us
        while True:
            replies.write(outbox.get() + "\n")
            replies.flush()


async def _converse(requests: IO[str], outbox: SimpleQueue[str]) -> None:
    loop = asyncio.get_running_loop()
    inbox: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in requests:
            loop.call_soon_threadsafe(inbox.put_nowait, line)
        loop.call_soon_threadsafe(inbox.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    tasks: dict[int, asyncio.Task[None]] = {}
    while (line := await inbox.get()) is not None:
        message = json.loads(line)
        number = message["id"]
        if "cancel" in message:
            if number in tasks:
                tasks[number].cancel()
        else:
            tasks[number] = loop.create_task(_answer(number, message["payload"], outbox))
            tasks[number].add_done_callback(functools.partial(_forget, tasks, number))


async def _answer(number: int, payload: JSON, outbox: SimpleQueue[str]) -> None:
    try:
        target: AsyncTarget = load_target(sys.argv[5])
        line = json.dumps({"id": number, "result": await target(payload)})
    except Exception as error:  # whatever it is belongs to the caller, with its own words
        line = json.dumps({"id": number, "error": describe(error)})
    outbox.put(line)


def _forget(tasks: dict[int, asyncio.Task[None]], number: int, _: asyncio.Task[None]) -> None:
    del tasks[number]
