"""localhub's SQLite file: pull requests, comments, checks, hooks, deliveries. Branches and commits stay in git."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Row = TypeVar("Row")
Value = str | int | float | bytes | None

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
  id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE, kind TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (sha256 TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS repositories (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE,
  default_branch TEXT NOT NULL, description TEXT NOT NULL, created_at REAL NOT NULL, pushed_at REAL NOT NULL,
  UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS permissions (
  repository_id INTEGER NOT NULL, login TEXT NOT NULL COLLATE NOCASE, level TEXT NOT NULL,
  PRIMARY KEY (repository_id, login));
CREATE TABLE IF NOT EXISTS refs (
  repository_id INTEGER NOT NULL, name TEXT NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (repository_id, name));
CREATE TABLE IF NOT EXISTS pulls (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, number INTEGER NOT NULL, title TEXT NOT NULL,
  body TEXT NOT NULL, author TEXT NOT NULL, state TEXT NOT NULL, draft INTEGER NOT NULL,
  head_ref TEXT NOT NULL, head_sha TEXT NOT NULL,
  base_ref TEXT NOT NULL, base_sha TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, closed_at REAL,
  merged_at REAL, merged_by TEXT, merge_commit_sha TEXT, UNIQUE (repository_id, number));
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pull_id INTEGER NOT NULL, author TEXT NOT NULL, body TEXT NOT NULL,
  created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS comments_of_pull ON comments (pull_id, id);
CREATE TABLE IF NOT EXISTS timeline (
  id INTEGER PRIMARY KEY, pull_id INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
  created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reactions (
  id INTEGER PRIMARY KEY, comment_id INTEGER NOT NULL, author TEXT NOT NULL, content TEXT NOT NULL,
  created_at REAL NOT NULL, UNIQUE (comment_id, author, content));
CREATE TABLE IF NOT EXISTS labels (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL,
  description TEXT NOT NULL, UNIQUE (repository_id, name));
CREATE TABLE IF NOT EXISTS pull_labels (
  pull_id INTEGER NOT NULL, label_id INTEGER NOT NULL, PRIMARY KEY (pull_id, label_id));
CREATE TABLE IF NOT EXISTS check_runs (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, head_sha TEXT NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL,
  external_id TEXT NOT NULL, details_url TEXT, status TEXT NOT NULL, conclusion TEXT, started_at REAL NOT NULL,
  completed_at REAL, title TEXT, summary TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS check_runs_of_commit ON check_runs (repository_id, head_sha, id);
CREATE TABLE IF NOT EXISTS annotations (
  id INTEGER PRIMARY KEY, check_run_id INTEGER NOT NULL, path TEXT NOT NULL, start_line INTEGER NOT NULL,
  end_line INTEGER NOT NULL, start_column INTEGER, end_column INTEGER, annotation_level TEXT NOT NULL, title TEXT,
  message TEXT NOT NULL, raw_details TEXT);
CREATE INDEX IF NOT EXISTS annotations_of_check_run ON annotations (check_run_id, id);
CREATE TABLE IF NOT EXISTS hooks (
  id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL,
  created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hook_id INTEGER NOT NULL, guid TEXT NOT NULL, event TEXT NOT NULL, action TEXT,
  body BLOB NOT NULL, redelivery INTEGER NOT NULL, created_at REAL NOT NULL, delivered_at REAL, duration REAL NOT NULL,
  status TEXT NOT NULL, status_code INTEGER NOT NULL, request_headers TEXT NOT NULL, response_headers TEXT NOT NULL,
  response_body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (id) WHERE delivered_at IS NULL;
"""


class Database:
    """One connection behind one lock; calls from any thread. Transactions nest, the outermost commits."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

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
