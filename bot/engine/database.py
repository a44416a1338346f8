"""Where the job database lies, how it is opened, and which process may use it. Knows no engine library."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa

from bot.engine.rules import EngineError

CONNECTIONS: Final = 8
"""Kept open by one process."""

SERVER_LOCK_S: Final = 2.0
"""How long a worker waits for the lock of one with its id that just died."""


def sqlite_path(url: str) -> Path | None:
    """File behind an SQLite URL; None for another database."""
    if not url.startswith("sqlite:"):
        return None
    path = url.removeprefix("sqlite:///")
    if path == url or path in ("", ":memory:"):
        raise EngineError(f"{url!r} names no file; jobs need one that outlives the process: sqlite:///seedbed.db")
    return Path(path)


def connect(url: str, *, power_cuts: bool = True) -> sa.Engine:
    """Open the database. Without `power_cuts` SQLite syncs later: what this process wrote last may then be lost in one.

    A killed process loses nothing either way.
    """
    if sqlite_path(url) is None:
        there = sa.make_url(url)
        if there.drivername in ("postgres", "postgresql"):
            there = there.set(drivername="postgresql+psycopg")
        return sa.create_engine(there, pool_size=CONNECTIONS, max_overflow=CONNECTIONS, pool_pre_ping=True)
    engine = sa.create_engine(url, pool_size=CONNECTIONS, max_overflow=CONNECTIONS)

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = "IMMEDIATE"  # a writer that began as a reader could not wait for another
        for pragma in ("busy_timeout=30000", "foreign_keys=ON", f"synchronous={'FULL' if power_cuts else 'NORMAL'}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def prepare_sqlite(path: Path, migrate: Callable[[], None]) -> None:
    """Create the file, turn its write-ahead log on (DBOS leaves it off), and run `migrate`, one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that switch the journal at once fail with "database is locked".
    with exclusive(path.with_name(f"{path.name}.setup.lock")):
        connection = sqlite3.connect(path, timeout=30)
        try:
            # Readers then never wait for a writer: 99 % of enqueues in 17 ms instead of 198 (2 workers, 300 jobs).
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:
            raise EngineError(f"{path} cannot be used as the job database: {error}") from error
        finally:
            connection.close()
        migrate()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait until this process alone holds the file's lock."""
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield


class WorkerLock(Protocol):
    """Says that a worker with this id runs on this database; let go of by the system when its process dies."""

    def hold(self) -> None:
        """Take it, or raise `EngineError`; takes it again after a lost connection."""
        ...

    def free(self) -> bool:
        """Whether no worker holds it."""
        ...

    def release(self) -> None:
        """Let go of it."""
        ...


def worker_lock(url: str, engine: sa.Engine, executor_id: str) -> WorkerLock:
    """A file beside an SQLite database; a lock in the server's memory for PostgreSQL, which holds on every machine."""
    path = sqlite_path(url)
    if path is None:
        return _ServerLock(engine, executor_id)
    return _FileLock(path.with_name(f"{path.name}.{executor_id}.lock"), executor_id)


class _FileLock:
    def __init__(self, path: Path, executor_id: str) -> None:
        self._path, self._executor_id = path, executor_id
        self._file: Any = None

    def hold(self) -> None:
        if self._file is not None:
            return
        file = self._path.open("a+")
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise _taken(self._executor_id, f"process {holder}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def free(self) -> bool:
        with self._path.open("a+") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _ServerLock:
    def __init__(self, engine: sa.Engine, executor_id: str) -> None:
        self._engine, self._executor_id = engine, executor_id
        digest = hashlib.sha256(f"seedbed worker {executor_id}".encode()).digest()
        self._number = int.from_bytes(digest[:8], signed=True)
        self._connection: sa.Connection | None = None

    def hold(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(sa.select(1))
                return
            except sa.exc.DBAPIError:
                self.release()
        connection = self._connect()
        try:
            # The server takes a moment to see that a holder was killed.
            connection.execute(sa.text(f"SET lock_timeout = '{SERVER_LOCK_S:.0f}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_lock(self._number)))
        except sa.exc.OperationalError as error:
            connection.close()
            raise _taken(self._executor_id, "perhaps on another machine") from error
        self._connection = connection

    def free(self) -> bool:
        with self._connect() as connection:
            free = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(self._number))).scalar())
            if free:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(self._number)))
        return free

    def release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(self._number)))
            except sa.exc.DBAPIError:
                connection.invalidate()  # the server is away, and the lock with it
            connection.close()

    def _connect(self) -> sa.Connection:
        # No transaction: one that stays open would keep the server from cleaning up.
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _taken(executor_id: str, holder: str) -> EngineError:
    return EngineError(
        f"a worker called {executor_id!r} already runs on this database ({holder}). "
        "Stop it first, or give this one another id."
    )
