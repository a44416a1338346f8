"""A damaged response file: what can be read goes into a new one, the damaged one is moved aside and kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.responses.body import decode
from pipeline.responses.inspection import files
from pipeline.responses.pages import raw_rows
from pipeline.responses.schema import VERSION, Place, connect, insert, packed, prepare, unpacked, version
from pipeline.responses.trouble import told
from pipeline.store.port import StoreError

_ROWS: Final = 5000  # of one transaction

Row = tuple[str, str, int, int]
_Raw = tuple[int, Any, Any]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many responses were read, and how many more there were, None where nothing tells any more.

    `aside`: where the damaged file lies now.
    """

    saved: int
    lost: int | None
    aside: Path | None = None


def salvage(path: Path, today: int, *, dry_run: bool = False) -> Salvaged:
    """Replace the file by one that holds all of it that can be read. With `dry_run` it is only counted.

    Raises `StoreError`, also while another process uses the file. A kill leaves the damaged file in its place.
    """
    with told(str(path)):
        place = Place(path)
        try:
            if not place.alone():
                raise StoreError(f"{path} is in use; stop the worker and what else uses it, then run the same again")
            noted = _noted(path)
            if dry_run:
                saved = sum(1 for _ in readable(path, today))
                return Salvaged(saved, _less(noted, saved))
            fresh = path.with_name(f"{path.name}.repaired")
            for file in files(fresh):
                file.unlink()  # of a repair that was stopped
            saved = _copy(path, fresh, today)
            return Salvaged(saved, _less(noted, saved), _replace(path, fresh))
        finally:
            place.leave()


def _less(noted: int | None, saved: int) -> int | None:
    return None if noted is None else max(0, noted - saved)


def _copy(path: Path, fresh: Path, today: int) -> int:
    saved = 0
    with closing(connect(str(fresh))) as db:
        prepare(db, today)
        db.execute("BEGIN")
        for seen, row in enumerate(readable(path, today), 1):
            saved += insert(db, *row)
            if seen % _ROWS == 0:
                db.execute("COMMIT")
                db.execute("BEGIN")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return saved


def _replace(path: Path, fresh: Path) -> Path:
    """The log first: SQLite would take it for the new file's."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for file in files(path)[1:]:
        file.rename(aside.with_name(aside.name + file.name.removeprefix(path.name)))
    os.link(path, aside)
    fresh.replace(path)
    return aside


def readable(path: Path, today: int) -> Iterator[Row]:
    """(key, body, day of first use, of last use) of each response that can be read and is what was written.

    First what SQLite finds. Where it stumbles, also what stands on pages to which it finds no way any more.
    """
    seen: set[bytes | str] = set()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for number, key, body in _raw(db, path):
            row = _sound(db, number, key, body, today) if key not in seen else None
            if row is not None:
                seen.add(key)
                yield row


def _raw(db: sqlite3.Connection, path: Path) -> Iterator[_Raw]:
    try:
        if version(db) < VERSION:
            yield from _from_both_ends(db)
        else:
            yield from db.execute("SELECT id, key, CAST(body AS BLOB) FROM responses ORDER BY id")
    except sqlite3.DatabaseError:
        for row in raw_rows(path):
            if len(row.values) == 3 and row.values[0] is None and isinstance(row.values[2], str):
                yield row.number, row.values[1], row.values[2].encode()


def _from_both_ends(db: sqlite3.Connection) -> Iterator[_Raw]:
    """Version 1, whose rows stand on other pages: forwards up to the break, then backwards down to it."""
    for order in ("ASC", "DESC"):
        try:
            for key, body in db.execute(f"SELECT key, CAST(body AS BLOB) FROM responses ORDER BY key {order}"):  # noqa: S608
                yield 0, packed(key), body
            return
        except sqlite3.DatabaseError:
            continue


def _sound(db: sqlite3.Connection, number: int, key: Any, body: Any, today: int) -> Row | None:
    """The row with its days, where they can be read, and only if its text is what was written."""
    try:
        uses = db.execute("SELECT first, last, crc FROM uses WHERE id = ?", (number,)).fetchone()
    except sqlite3.DatabaseError:
        uses = None
    first, last, crc = uses or (today, today, None)
    try:
        text = body.decode()
        decode(text, crc)
        return str(unpacked(key)), text, int(first), int(last)
    except (ValueError, TypeError, AttributeError):
        return None


def _noted(path: Path) -> int | None:
    """How many responses there were, None where that cannot be read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            table = "uses" if version(db) == VERSION else "responses"
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of ours
        except sqlite3.DatabaseError:
            return None
