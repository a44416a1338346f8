"""Answers in flight that `Teacher.close` ends, from whatever thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from pipeline.teacher.port import TeacherError

T = TypeVar("T")


class InFlight:
    """The answers that a teacher is making. After `close`, and in the middle of it, they raise `TeacherError`."""

    def __init__(self) -> None:
        self.closed = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the caller's event loop. Cancelling the caller cancels it."""
        if self.closed:
            work.close()
            raise TeacherError("the teacher was closed.")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self.closed and task.cancelled() and not _cancelling():
                raise TeacherError("the teacher was closed while it answered.") from None
            raise
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        """End all that runs, and refuse what comes after."""
        self.closed = True
        for task in list(self._tasks):
            with contextlib.suppress(RuntimeError):  # its loop has ended
                task.get_loop().call_soon_threadsafe(task.cancel)


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
