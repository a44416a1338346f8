"""Writes what was put, many responses in one transaction: syncing costs milliseconds, a response nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pipeline.responses.body import encode
from pipeline.responses.schema import insert
from pipeline.teacher.port import Completion

LINGER_S: Final = 0.005
"""How long a response waits for company."""
AGAIN_S: Final = 1.0
"""How long after a failed try the next one waits."""
BATCH: Final = 512
"""So many do not wait."""


class Writer:
    """The queue before `db`, and the thread that empties it. `lock` is held while `db` is used.

    What could not be written stays queued, and is tried again with the next that is put.
    """

    def __init__(self, db: sqlite3.Connection, lock: threading.RLock, today: Callable[[], int]) -> None:
        self._db, self._lock, self._today = db, lock, today
        self._queue: dict[str, tuple[Completion, str]] = {}
        self._used: set[int] = set()
        self._changed = threading.Condition()  # its lock is re-entrant: a finalizer may run anywhere
        self._asked = self._closed = self._failed = False
        self._thread: threading.Thread | None = None

    def put(self, rows: Mapping[str, Completion]) -> None:
        """Queue `rows`; of two with one key the first counts. Raises `ValueError` after `close`."""
        ready = {key: (completion, encode(completion)) for key, completion in rows.items()}
        with self._changed:
            if self._closed:
                raise ValueError("the response store is closed")
            for key, row in ready.items():
                self._queue.setdefault(key, row)
            self._wake()

    def queued(self, keys: Iterable[str]) -> dict[str, Completion]:
        """Those of `keys` that are queued."""
        queue = self._queue
        return {key: found[0] for key in keys if (found := queue.get(key)) is not None}

    def note_used(self, numbers: Iterable[int]) -> None:
        """Note that responses were used today. Written with the next that is put, or at the end."""
        with self._changed:
            self._used.update(numbers)
            if len(self._used) >= BATCH:
                self._wake()

    def commit(self) -> None:
        """Write all that is queued now. Raises `sqlite3.Error`, and then nothing of it is written."""
        with self._lock:
            with self._changed:
                rows, used = dict(self._queue), set(self._used)
            if not rows and not used:
                return
            try:
                self._write(rows, used)
            except sqlite3.Error:
                self._failed = True
                if rows:
                    raise
                return  # that a use is not noted harms nobody
            self._failed = False
            with self._changed:
                for key in rows:
                    del self._queue[key]
                self._used -= used

    def close(self) -> None:
        """End the thread, write the rest, close the file. Raises `sqlite3.Error` where the rest cannot be written."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        try:
            self.commit()
        finally:
            self._db.close()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="response store", daemon=True)
            self._thread.start()
        if not self._asked or len(self._queue) >= BATCH:
            self._asked = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._closed)
                self._changed.wait_for(self._cannot_wait, AGAIN_S if self._failed else LINGER_S)
                if self._closed:
                    return
                self._asked = False
            try:
                self.commit()
            except sqlite3.Error:
                continue  # said by `flush`

    def _cannot_wait(self) -> bool:
        return self._closed or (len(self._queue) >= BATCH and not self._failed)

    def _write(self, rows: Mapping[str, tuple[Completion, str]], used: Iterable[int]) -> None:
        today = self._today()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for key, (_, body) in rows.items():
                insert(self._db, key, body, today, today)
            self._db.executemany("UPDATE uses SET last = ? WHERE id = ?", [(today, number) for number in used])
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
