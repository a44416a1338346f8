"""Accepts work durably, also when a thousand deliveries come at once.

One at a time goes straight to the job database. In a burst that would keep the forge waiting, so what is on top is
written to a small file, many in one commit, and moved into the job database as soon as nobody waits for an answer. A
process that is killed moves the rest when it starts again. Order is kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bot.engine.port import Enqueuer
from bot.events import Work

log = logging.getLogger(__name__)
DIRECT = 4  # requests under way that the job database can take at once
MOST = 20_000  # that wait in the file; then the forge is asked to come again
BATCH = 20  # moved in one go
HOLD_S = 2.0  # how long moving waits for calm before it goes on beside the answers
RETRY_S = 2.0  # after the job database failed
FILE = "inbox.sqlite"
_SCHEMA = "CREATE TABLE IF NOT EXISTS work (seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, work TEXT NOT NULL)"
_Row = tuple[str, str]  # id, and a `Work` as a JSON list


class Full(Exception):
    """Too much waits already."""


class Inbox:
    """Where the web process puts work. `enter` and `leave` frame each request, so that it knows how busy it is."""

    def __init__(self, state_dir: Path, enqueuer: Enqueuer) -> None:
        self._path = state_dir / FILE
        self._enqueuer = enqueuer
        self._busy = 0
        self._calm = threading.Condition()
        self._incoming: list[tuple[_Row, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._file = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._waiting = 0
        self._mover: threading.Thread | None = None
        if self._path.exists():
            self._open()

    @property
    def waiting(self) -> int:
        """How much is accepted, and not yet in the job database."""
        return self._waiting

    def enter(self) -> None:
        """A request has come."""
        with self._calm:
            self._busy += 1

    def leave(self) -> None:
        """It has its answer."""
        with self._calm:
            self._busy -= 1
            if not self._busy:
                self._calm.notify_all()

    async def accept(self, id: str, work: Work) -> bool | None:
        """Durable on return. False: accepted before; None: not known yet. Raises `Full`, and the database's errors."""
        being_written = self._flushing is not None and not self._flushing.done()
        if self._busy <= DIRECT and not self._waiting and not being_written:
            return await asyncio.to_thread(self._enqueue, id, work)
        if self._waiting + len(self._incoming) >= MOST:
            raise Full(f"{MOST} deliveries wait for the job database already")
        done = asyncio.get_running_loop().create_future()
        row = (id, json.dumps([work.job, work.queue, work.payload, work.key, work.delay_s]))
        self._incoming.append((row, done))
        if not being_written:
            self._flushing = asyncio.create_task(self._flush())
        await done
        return None

    def close(self) -> None:
        """Move what is left, when no more comes. What the job database does not take stays for the next start."""
        try:
            while self._waiting:
                self._move()
        except Exception as error:  # the database's drivers have no common error
            log.error("%d accepted deliveries stay in %s: %s", self._waiting, self._path, error)

    def _enqueue(self, id: str, work: Work) -> bool:
        return self._enqueuer.enqueue(
            work.job, work.payload, id=id, queue=work.queue, key=work.key, delay_s=work.delay_s
        )

    async def _flush(self) -> None:
        """Write what has come; while that is done more comes, and goes with the next."""
        while self._incoming:
            batch, self._incoming = self._incoming, []
            failure: Exception | None = None
            try:
                await asyncio.to_thread(self._store, [row for row, _ in batch])
            except (sqlite3.Error, OSError) as error:
                failure = error
            for _, done in batch:
                if not done.done():  # its request was given up
                    done.set_result(None) if failure is None else done.set_exception(failure)

    def _store(self, rows: Sequence[_Row]) -> None:
        with self._file:
            database = self._open()
            with database:
                database.executemany("INSERT OR IGNORE INTO work (id, work) VALUES (?, ?)", rows)
            self._count(database)

    def _open(self) -> sqlite3.Connection:
        """The file, and the thread that empties it: made when first needed."""
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute(_SCHEMA)
            self._count(database)
            self._database = database
            self._mover = threading.Thread(target=self._move_all, name="inbox", daemon=True)
            self._mover.start()
        return self._database

    def _count(self, database: sqlite3.Connection) -> None:
        (self._waiting,) = database.execute("SELECT count(*) FROM work").fetchone()
        with self._calm:
            self._calm.notify_all()

    def _move_all(self) -> None:
        """For as long as the process lives."""
        while True:
            with self._calm:
                self._calm.wait_for(lambda: self._waiting)
                self._calm.wait_for(lambda: not self._busy, HOLD_S)
            try:
                self._move()
            except Exception as error:  # the database's drivers have no common error; what waits is safe meanwhile
                log.error("%d accepted deliveries wait for the job database: %s", self._waiting, error)
                time.sleep(RETRY_S)

    def _move(self) -> None:
        with self._file:
            database = self._open()
            rows = database.execute("SELECT seq, id, work FROM work ORDER BY seq LIMIT ?", (BATCH,)).fetchall()
        for _, id, work in rows:
            self._enqueue(id, Work(*json.loads(work)))  # twice is once: the id decides
        with self._file:
            with database:
                database.executemany("DELETE FROM work WHERE seq = ?", [(seq,) for seq, _, _ in rows])
            self._count(database)
