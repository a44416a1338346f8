"""What went wrong with the response store, in words, with the next step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline.store.port import StoreError

_DAMAGE: Final = ("malformed", "not a database", "no such table", "no such column", "Could not decode", "short read")
_FULL: Final = ("disk is full", "disk I/O", "No space")


@contextmanager
def told(path: str) -> Iterator[None]:
    """Raise what SQLite and the file system complain about as `StoreError`."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: {_advice(error)}") from error


def is_damage(error: Exception) -> bool:
    """Whether it says that what is stored is broken, and not that it cannot be reached."""
    if isinstance(error, sqlite3.Error):
        return any(words in str(error) for words in _DAMAGE)
    return isinstance(error, (ValueError, TypeError, AttributeError))


def _advice(error: Exception) -> str:
    text = str(error)
    if is_damage(error):
        return (
            f"the response store is damaged ({text}); `seedbed store repair` saves what can be read, and the teacher "
            "is asked again for the rest"
        )
    if any(words in text for words in _FULL):
        return (
            f"the response store cannot be written ({text}); free some space there, then run the same again: "
            "`seedbed store gc --dry-run` says what could go"
        )
    if "locked" in text:
        return f"the response store is in use ({text}); wait for the other process, then run the same again"
    return f"the response store cannot be used ({text}); check that the folder is there and writable"
