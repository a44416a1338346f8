"""Writes that wait together are committed together, and whoever fails does so alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.engine.database import connect
from bot.engine.rules import EngineError
from bot.engine.writer import Writer

DEADLINE_S = 20.0


def test_one_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/notes.db")
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (text TEXT UNIQUE)")
    writer = Writer(database)
    inside, release = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> bool:
        inside.set()
        return release.wait(DEADLINE_S)

    def note(text: str) -> bool:
        def write(connection: sa.Connection) -> bool:
            connection.exec_driver_sql("INSERT INTO notes VALUES (?)", (text,))
            return True

        return writer.write(write)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(writer.write, hold)
        assert inside.wait(DEADLINE_S)  # what comes now waits, and is one batch
        a, again, b = (pool.submit(note, text) for text in ("a", "a", "b"))
        release.set()
        assert first.result() is True
        accepted = [job.exception() is None for job in (a, again)]
        assert sorted(accepted) == [False, True]
        assert b.result() is True
    with database.connect() as connection:
        assert sorted(connection.exec_driver_sql("SELECT text FROM notes").scalars()) == ["a", "b"]
    writer.close()
    with pytest.raises(EngineError, match="after the engine was closed"):
        note("c")
    database.dispose()
