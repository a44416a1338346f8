"""The file: its tables, how it is opened and brought up to date, and who may use it meanwhile.

`responses` grows at its end, and its index holds 32 bytes a key, so a commit touches few pages however large the file
is. `uses` is apart from the texts, so that noting a use rewrites few bytes and not a page of text; `size` and `crc` are
those of the text in bytes. Texts are not compressed: zlib would make the file a third smaller (answers of 530
characters), which does not pay for a file that no other tool can read.
"""

from __future__ import annotations

import re
import sqlite3
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import IO, Final
from zlib import crc32

BUSY_SECONDS: Final = 30.0
VERSION: Final = 2
"""Version 1 had one table, `responses(key TEXT, body TEXT)`, and no version number."""

_TABLES: Final = """
CREATE TABLE responses (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE uses (
    id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, size INTEGER NOT NULL, crc INTEGER NOT NULL
);
"""
_INSERT: Final = "INSERT OR IGNORE INTO responses (key, body) VALUES (?, ?) RETURNING id"
_NOTE: Final = "INSERT INTO uses (id, first, last, size, crc) VALUES (?, ?, ?, ?, ?)"
_DIGEST: Final = re.compile("[0-9a-f]{64}")


def packed(key: str) -> bytes | str:
    """A request key as it is stored: a digest as its 32 bytes, anything else as it is."""
    return bytes.fromhex(key) if _DIGEST.fullmatch(key) else key


def unpacked(stored: bytes | str) -> str:
    """The request key that `packed` stored."""
    return stored.hex() if isinstance(stored, bytes) else stored


class Place:
    """The lock beside a response file: its users share it, whoever replaces or migrates the file holds it alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.with_name(f"{path.name}.lock").open("w")

    def alone(self) -> bool:
        """Whether it could be had alone."""
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def shared(self) -> None:
        """Wait until it can be shared."""
        flock(self._file, LOCK_SH)

    def leave(self) -> None:
        """Let go of it. Twice is harmless."""
        self._file.close()


def connect(path: str) -> sqlite3.Connection:
    """A connection for any thread, one at a time. Raises `sqlite3.Error`."""
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous=FULL")
    return db


def settle_in(path: Path, today: int) -> Place:
    """Make the file at `path`, or bring it up to date, and share its lock. Raises `sqlite3.Error`, `OSError`."""
    place = Place(path)
    try:
        while True:
            if place.alone():
                db = connect(str(path))
                try:
                    prepare(db, today)
                finally:
                    db.close()
            place.shared()  # whoever has it alone may be preparing; look again what came of it
            db = connect(str(path))
            try:
                if version(db) == VERSION:
                    return place
                _refuse_newer(db)
            finally:
                db.close()
    except BaseException:
        place.leave()
        raise


def prepare(db: sqlite3.Connection, today: int) -> None:
    """Make the tables, or bring them to the present version: whole, or not at all."""
    _refuse_newer(db)
    if version(db) < VERSION:
        old = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'responses'").fetchone()
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # so that gc gives space back a little at a time
        db.execute("PRAGMA journal_mode=WAL")
        _migrate(db, today) if old else _create(db)
        if old:
            db.execute("VACUUM")  # auto_vacuum begins with it
    db.execute("PRAGMA journal_mode=WAL")


def insert(db: sqlite3.Connection, key: str, body: str, first: int, last: int) -> bool:
    """Store a row with the days of its uses; False where its key is there already."""
    made = db.execute(_INSERT, (packed(key), body)).fetchone()
    if made is not None:
        data = body.encode()
        db.execute(_NOTE, (made[0], first, last, len(data), crc32(data)))
    return made is not None


def version(db: sqlite3.Connection) -> int:
    """The version of the file's tables."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(db: sqlite3.Connection) -> None:
    if version(db) > VERSION:
        raise sqlite3.NotSupportedError(f"a newer Seedbed wrote it, version {version(db)}; update Seedbed")


def _create(db: sqlite3.Connection) -> None:
    db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")


def _migrate(db: sqlite3.Connection, today: int) -> None:
    """Keep the old answers. Requests had other keys then, so few are asked for again; they age as others do."""
    db.create_function("packed", 1, packed, deterministic=True)
    db.create_function("crc", 1, lambda body: crc32(body.encode()), deterministic=True)
    db.executescript(
        f"""
        BEGIN IMMEDIATE;
        ALTER TABLE responses RENAME TO old;
        {_TABLES}
        INSERT INTO responses (key, body)
            SELECT packed(key), body FROM old ORDER BY key;
        INSERT INTO uses SELECT id, {today}, {today}, length(CAST(body AS BLOB)), crc(body) FROM responses;
        DROP TABLE old;
        PRAGMA user_version={VERSION};
        COMMIT;
        """  # noqa: S608 - numbers of ours
    )
