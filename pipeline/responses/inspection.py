"""Looking into a response file without changing it: what is in it, and whether it is sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.responses.body import decode
from pipeline.responses.schema import VERSION, Place, connect, version
from pipeline.responses.trouble import is_damage, told

NAMED: Final = 20
"""Faults that are told one by one; the others are counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`text_bytes`: of the answers alone; `used_bytes`: of the file without its free pages; `file_bytes`: on the disk.

    `oldest`: days since the first use of the oldest; `unused`: days since the last use of the least recently used; None
    where there are no responses, or the file is of an older version and counts no days.
    """

    count: int = 0
    text_bytes: int = 0
    used_bytes: int = 0
    file_bytes: int = 0
    oldest: int | None = None
    unused: int | None = None


def figures(path: Path, today: int) -> Figures:
    """What is in the file; zeros where there is none. Raises `StoreError`."""
    if not path.exists():
        return Figures()
    on_disk = sum(file.stat().st_size for file in files(path))
    with told(str(path)), looked_into(path) as db:
        used = used_bytes(db)
        if version(db) < VERSION:
            count, size = db.execute("SELECT count(*), sum(length(CAST(body AS BLOB))) FROM responses").fetchone()
            return Figures(count, size or 0, used, on_disk)
        count, size, first, last = db.execute("SELECT count(*), sum(size), min(first), min(last) FROM uses").fetchone()
    if not count:
        return Figures(used_bytes=used, file_bytes=on_disk)
    return Figures(count, size, used, on_disk, today - first, today - last)


def faults(path: Path) -> list[str]:
    """What is wrong with the file, in words; empty where it is sound or not there. Raises `StoreError`."""
    if not path.exists():
        return []
    with told(str(path)):
        try:
            with looked_into(path) as db:
                found = [text for (text,) in db.execute(f"PRAGMA integrity_check({NAMED})") if text != "ok"]
                return found or [*_bad_rows(db)]
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return [str(error)]


def files(path: Path) -> list[Path]:
    """The file and what SQLite keeps beside it."""
    return [file for suffix in ("", "-wal", "-shm") if (file := path.with_name(path.name + suffix)).exists()]


def used_bytes(db: sqlite3.Connection) -> int:
    """The file's size without its free pages."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


@contextmanager
def looked_into(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, shared with those who use it. Raises `sqlite3.Error`, `OSError`."""
    place = Place(path)
    try:
        place.shared()
        db = connect(str(path))
        try:
            yield db
        finally:
            db.close()
    finally:
        place.leave()


def _bad_rows(db: sqlite3.Connection) -> Iterator[str]:
    bad = 0
    for fault in _each_row(db):
        bad += 1
        if bad <= NAMED:
            yield fault
    if bad > NAMED:
        yield f"{bad - NAMED:,} more responses are unreadable"
    if version(db) == VERSION:
        (alone,) = db.execute("SELECT count(*) FROM uses WHERE id NOT IN (SELECT id FROM responses)").fetchone()
        if alone:
            yield f"{alone:,} responses are missing whose uses are noted"


def _each_row(db: sqlite3.Connection) -> Iterator[str]:
    if version(db) == VERSION:
        query = "SELECT r.key, CAST(r.body AS BLOB), u.crc FROM responses r LEFT JOIN uses u ON u.id = r.id"
    else:
        query = "SELECT key, CAST(body AS BLOB), NULL FROM responses"
    for key, body, crc in db.execute(query):
        try:
            decode(body.decode(), crc)
        except (ValueError, TypeError, AttributeError) as error:
            yield f"response {(key.hex() if isinstance(key, bytes) else key)[:12]} is unreadable: {error}"
