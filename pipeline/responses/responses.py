"""The response store as the rest of the pipeline sees it: look up, put down, be sure that it is on the disk."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline.responses.body import decode
from pipeline.responses.schema import Place, connect, packed, prepare, settle_in, unpacked
from pipeline.responses.trouble import told
from pipeline.responses.writer import Writer
from pipeline.teacher.port import Completion

DAY_S: Final = 86_400
_LOOKUP: Final = 100  # at a time, so that a long list lets other threads in between
_FIND: Final = "SELECT r.key, r.body, r.id, u.last, u.crc FROM responses r LEFT JOIN uses u ON u.id = r.id WHERE r.key"


def utc_day() -> int:
    """Days since 1970, UTC."""
    return int(time.time()) // DAY_S


class Responses:
    """The response store at `path`; ":memory:" keeps it in this process.

    All methods may be called from any thread, and several processes may share a file. What is stored first stays.
    `today` gives whole days since 1970: of each response the day of its first and last use is kept, for `seedbed store
    gc` alone. What was put and not closed is written when the process ends, unless it is killed.
    """

    def __init__(self, path: Path | str, *, today: Callable[[], int] = utc_day) -> None:
        """Open or make the file; one of an older version is brought up to date. Raises `StoreError`."""
        self.path = str(path)
        self._today = today
        self._place: Place | None = None
        with told(self.path):
            if self.path == ":memory:":
                self._db = connect(self.path)
                prepare(self._db, today())
                self._reading = threading.RLock()
                self._writer = Writer(self._db, self._reading, today)  # it is one connection, so it has one lock
            else:
                self._place = settle_in(Path(self.path), today())
                self._db = connect(self.path)
                self._reading = threading.RLock()
                self._writer = Writer(connect(self.path), threading.RLock(), today)
        self._ended = weakref.finalize(self, _end, self._writer, self._db, self._place)

    def get(self, key: str) -> Completion | None:
        """The stored completion, also one that was put just now. Raises `StoreError` when the file is damaged."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The stored completions among `keys`. Raises `StoreError` when the file is damaged."""
        wanted = list(dict.fromkeys(keys))
        # The queue first: what the writer takes from it is in the file by then.
        found = self._writer.queued(wanted)
        missing = [key for key in wanted if key not in found]
        with told(self.path):
            for start in range(0, len(missing), _LOOKUP):
                found.update(self._find(missing[start : start + _LOOKUP]))
        return found

    def _find(self, keys: list[str]) -> dict[str, Completion]:
        which = "= ?" if len(keys) == 1 else f"IN ({','.join('?' * len(keys))})"
        with self._reading:
            rows = self._db.execute(f"{_FIND} {which}", [packed(key) for key in keys]).fetchall()
        today = self._today()
        old = [number for _, _, number, last, _ in rows if last is not None and last < today]
        if old:
            self._writer.note_used(old)
        return {unpacked(key): decode(body, crc) for key, body, _, _, crc in rows}

    def put(self, key: str, completion: Completion) -> None:
        """Store soon, and return at once; `flush` says whether it worked.

        Raises `ValueError` for a completion without a text: what failed is asked again.
        """
        self._writer.put({key: _sound(key, completion)})

    def put_many(self, rows: Mapping[str, Completion]) -> None:
        """Store all of `rows` now, or none. Raises `StoreError`, and `ValueError` for a completion without a text."""
        self._writer.put({key: _sound(key, completion) for key, completion in rows.items()})
        self.flush()

    def flush(self) -> None:
        """Return when all that was put is on the disk. Raises `StoreError`; what could not be written stays queued."""
        with told(self.path):
            self._writer.commit()

    def count(self) -> int:
        """How many responses are stored. Raises `StoreError`."""
        self.flush()
        with told(self.path), self._reading:
            return int(self._db.execute("SELECT count(*) FROM uses").fetchone()[0])

    def close(self) -> None:
        """Write what is queued, and close the file. Closing twice is harmless. Raises `StoreError`."""
        with told(self.path):
            self._ended()


def _sound(key: str, completion: Completion) -> Completion:
    if completion.failed:
        raise ValueError(f"{key[:12]}: a completion without a text is not stored: {completion.error}")
    return completion


def _end(writer: Writer, db: sqlite3.Connection, place: Place | None) -> None:
    """The last try to write, and the end of all that is open. Keeps no reference to the store itself."""
    try:
        writer.close()
    finally:
        db.close()
        if place is not None:
            place.leave()
