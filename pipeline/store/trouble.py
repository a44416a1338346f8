"""What stores complain about, in words, with the next step."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline.store.port import StoreError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
OF_A_DISK: Final = _FULL | _FORBIDDEN | {errno.EIO}
"""Errors that have the same next step wherever the disk is."""


@contextmanager
def told(verb: str, where: object) -> Iterator[None]:
    """Raise a complaint of the file system as `StoreError`: cannot `verb` `where`."""
    try:
        yield
    except OSError as error:
        raise store_error(verb, where, error) from error


def store_error(verb: str, where: object, error: OSError) -> StoreError:
    """The same as a value."""
    if error.errno in _FULL:
        why = "the disk is full; free some space there (`seedbed store gc --dry-run` says what could go), "
        return StoreError(f"cannot {verb} {where}: {why}then run the same again")
    if error.errno in _FORBIDDEN:
        return StoreError(f"cannot {verb} {where}: {error.strerror}; make the folder writable for this user")
    if error.errno == errno.EIO:
        return StoreError(f"cannot {verb} {where}: {error.strerror}; the disk may be failing, so save what is on it")
    return StoreError(f"cannot {verb} {where}: {error.strerror or error}; check that the folder is there and usable")
