"""Taking responses out that nobody needs any more, a few at a time, beside those who write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.responses.inspection import used_bytes
from pipeline.responses.schema import connect, packed, settle_in
from pipeline.responses.trouble import told

_ROWS: Final = 2000
"""Of one transaction; others write between two."""
_PAGES: Final = 2000


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Which responses may go: those last used before the day `before`; if that is not enough, the least recently used
    until about `bytes_over` of the file are free. Only those last used before the day `safe`, and none of `kept()`: the
    request keys that something stands on, asked for where anything could go at all."""

    before: int
    safe: int
    bytes_over: int
    kept: Callable[[], Iterable[str]] = tuple


@dataclass(frozen=True, slots=True)
class Removed:
    """How many, and about how many bytes of the file."""

    count: int = 0
    bytes: int = 0


def remove(path: Path, unwanted: Unwanted, today: int, *, dry_run: bool = False) -> Removed:
    """Take them out and give the space back to the disk; with `dry_run` only say how much. Raises `StoreError`."""
    if not path.exists():
        return Removed()
    with told(str(path)):
        place = settle_in(path, today)
        try:
            with closing(connect(str(path))) as db:
                rows, removed = _chosen(db, unwanted)
                if rows and not dry_run:
                    _delete(db, rows)
                    _give_back(db)
                return removed
        finally:
            place.leave()


def _chosen(db: sqlite3.Connection, unwanted: Unwanted) -> tuple[list[tuple[int, int]], Removed]:
    """(id, day of last use) of those that go."""
    total, unused = db.execute("SELECT sum(size), min(last) FROM uses").fetchone()
    if not total or unused >= unwanted.safe or (unused >= unwanted.before and unwanted.bytes_over <= 0):
        return [], Removed()
    _note_kept(db, unwanted.kept())
    per_byte = used_bytes(db) / total  # keys, index and half-full pages included
    query = (
        "SELECT id, last, size FROM uses WHERE last < ? AND id NOT IN (SELECT id FROM kept) ORDER BY last, first, id"
    )
    rows: list[tuple[int, int]] = []
    freed = 0.0
    for number, last, size in db.execute(query, (unwanted.safe,)):
        if last >= unwanted.before and freed >= unwanted.bytes_over:
            break
        rows.append((number, last))
        freed += size * per_byte
    return rows, Removed(len(rows), int(freed))


def _note_kept(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    """In a table of this connection alone, which may be larger than the memory."""
    db.execute("CREATE TEMP TABLE kept (id INTEGER PRIMARY KEY)")
    db.execute("BEGIN")
    db.executemany(
        "INSERT OR IGNORE INTO kept SELECT id FROM main.responses WHERE key = ?", ((packed(key),) for key in keys)
    )
    db.execute("COMMIT")


def _delete(db: sqlite3.Connection, rows: Sequence[tuple[int, int]]) -> None:
    for start in range(0, len(rows), _ROWS):
        db.execute("BEGIN IMMEDIATE")
        try:
            for row in rows[start : start + _ROWS]:
                # One that was used meanwhile stays.
                if db.execute("DELETE FROM uses WHERE id = ? AND last = ?", row).rowcount:
                    db.execute("DELETE FROM responses WHERE id = ?", row[:1])
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _give_back(db: sqlite3.Connection) -> None:
    """Move what lies at the file's end into its free pages and cut it, a piece at a time."""
    free = _free(db)
    while free:
        db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        left = _free(db)
        if left >= free:
            break
        free = left
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _free(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])
