"""Every answer that a teacher ever gave, by request key, in one SQLite file: nothing that costs is done twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.store.port import StoreError
from pipeline.teacher.port import ChatRequest, Completion, Teacher

_LOOKUP = 500  # SQLite binds at most 999 values in old builds
_BUSY_SECONDS = 30.0


class Responses:
    """The response store at `path`; ":memory:" keeps it in this process. Several processes may share a file."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        with self._clear_errors():
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"
            )

    def get_many(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The stored completions among `keys`. Raises `StoreError` when the file is damaged."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Completion] = {}
        with self._clear_errors():
            for start in range(0, len(wanted), _LOOKUP):
                part = wanted[start : start + _LOOKUP]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, body FROM responses WHERE key IN ({marks})", part)  # noqa: S608
                found.update((key, Completion(**json.loads(body))) for key, body in rows)
        return found

    def put_many(self, rows: Mapping[str, Completion]) -> None:
        """Store all of `rows` or, after a kill, none; what is already there stays. Raises `StoreError`."""
        bodies = [(key, json.dumps(asdict(row), ensure_ascii=False, sort_keys=True)) for key, row in rows.items()]
        with self._clear_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO responses VALUES (?, ?)", bodies)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def count(self) -> int:
        """How many responses are stored. Raises `StoreError`."""
        with self._clear_errors():
            return int(self._db.execute("SELECT count(*) FROM responses").fetchone()[0])

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._db.close()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            raise StoreError(f"{self.path}: {_advice(error)}") from error


@dataclass(frozen=True, slots=True)
class Answers:
    """`completions` in the order of the requests; `made`: indexes that the teacher had to answer now."""

    completions: tuple[Completion, ...]
    made: frozenset[int]


def answer_all(
    teacher: Teacher,
    responses: Responses,
    requests: Sequence[ChatRequest],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """Answer `requests` from the store where it can, from `teacher` where it must; `progress(done, total)`.

    Engines are not batch-invariant: the same request in another batch may get another text. So the requests are cut
    into chunks of the teacher's batch size by their place in the list, and a chunk's completions are stored in one
    transaction: after a kill the remaining chunks are the same chunks. "error" completions are not stored, so they are
    asked again.
    Raises `TeacherError` (what is done is stored) and `StoreError`.
    """
    keys = [request.key(teacher.fingerprint) for request in requests]
    known = responses.get_many(keys)
    made: set[int] = set()
    first = {key: index for index, key in reversed([*enumerate(keys)])}
    unique = sorted(first.values())
    size = max(1, teacher.batch_size)
    failed: dict[str, Completion] = {}
    for start in range(0, len(unique), size):
        part = [index for index in unique[start : start + size] if keys[index] not in known]
        fresh = dict(teacher.complete([requests[index] for index in part])) if part else {}
        rows = {keys[part[at]]: completion for at, completion in sorted(fresh.items())}
        failed |= {key: row for key, row in rows.items() if row.finish_reason == "error"}
        good = {key: row for key, row in rows.items() if row.finish_reason != "error"}
        if good:
            responses.put_many(good)
        known |= good
        made.update(part)
        progress(min(start + size, len(unique)), len(unique))
    return Answers(tuple(known.get(key) or failed[key] for key in keys), frozenset(made))


def _advice(error: Exception) -> str:
    text = str(error)
    if "malformed" in text or "not a database" in text or isinstance(error, (ValueError, TypeError)):
        return f"the response store is damaged ({text}); move the file away, and the teacher will be asked again"
    if "disk is full" in text or "disk I/O" in text:
        return f"the response store cannot be written ({text}); free some space there, then run the same again"
    return f"the response store cannot be used ({text}); check that the folder is there and writable"
