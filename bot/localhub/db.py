"""localhub's SQLite file: pull requests, comments, checks, hooks, deliveries. Branches and commits stay in git."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bot.localhub import schema

Row = TypeVar("Row")
Value = str | int | float | bytes | None


class Database:
    """One connection behind one lock; calls from any thread. Transactions nest, the outermost commits."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        schema.prepare(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; other threads wait meanwhile."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def rows(self, shape: type[Row], sql: str, *values: Value) -> list[Row]:
        """All rows as records whose fields are the columns of the query."""
        with self._lock:
            return [shape(**dict(row)) for row in self._connection.execute(sql, values)]

    def row(self, shape: type[Row], sql: str, *values: Value) -> Row | None:
        """The first row, or None."""
        found = self.rows(shape, sql, *values)
        return found[0] if found else None

    def value(self, sql: str, *values: Value) -> Value:
        """The first column of the first row, or None."""
        with self._lock:
            row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def pairs(self, sql: str, *values: Value) -> dict[str, str]:
        """First column → second column, as text."""
        with self._lock:
            return {str(row[0]): str(row[1]) for row in self._connection.execute(sql, values)}

    def run(self, sql: str, *values: Value) -> int:
        """Execute a write; returns the rowid of an insert."""
        with self._lock:
            return self._connection.execute(sql, values).lastrowid or 0

    def insert(self, table: str, **columns: Value) -> int:
        """Insert one row. Table and column names come from the code, never from a request."""
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        return self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *columns.values())  # noqa: S608

    def update(self, table: str, row_id: int, **columns: Value) -> None:
        """Change columns of one row. Table and column names come from the code, never from a request."""
        changes = ", ".join(f"{name} = ?" for name in columns)
        self.run(f"UPDATE {table} SET {changes} WHERE id = ?", *columns.values(), row_id)  # noqa: S608

    def close(self) -> None:
        """Close the file; later calls fail."""
        with self._lock:
            self._connection.close()
