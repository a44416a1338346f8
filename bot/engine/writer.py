"""One thread that writes for all others of its process: what waits together is committed together.

SQLite has one lock for writers, and those that find it taken poll for it: of 40 threads the unlucky polled for seconds.
Here they wait in a line; with one sync of the disk for many of them, the line is short.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import sqlalchemy as sa

from bot.engine.rules import EngineError

Write = Callable[[sa.Connection], bool]

TOGETHER: Final = 32
"""Writes of one transaction; other processes wait for the lock as long."""


class Writer:
    """Runs what it is handed in transactions, in order of arrival."""

    def __init__(self, database: sa.Engine) -> None:
        self._database = database
        self._line: queue.SimpleQueue[tuple[Write, Future[bool]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="job-writer", daemon=True)
        self._thread.start()

    def write(self, write: Write) -> bool:
        """Run `write`, and return or raise what it does once it is on disk."""
        done: Future[bool] = Future()
        if not self._thread.is_alive():
            raise EngineError("jobs were enqueued after the engine was closed")
        self._line.put((write, done))
        return done.result()

    def close(self) -> None:
        """Write what waits, and end."""
        self._line.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._line.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < TOGETHER and not self._line.empty() and not last:
                following = self._line.get()
                last = following is None
                if following is not None:
                    batch.append(following)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[tuple[Write, Future[bool]]]) -> None:
        try:
            with self._database.begin() as connection:
                results = [write(connection) for write, _ in batch]
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:  # whoever broke the transaction fails alone
                self._commit([one])
        else:
            for (_, done), result in zip(batch, results, strict=True):
                done.set_result(result)
