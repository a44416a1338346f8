"""A store in a local folder: one file a key, written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.store.keys import check_key
from pipeline.store.port import StoreError

_TEMPORARY = ".writing-"  # no key part starts with a dot, so this is never taken for a blob


class FileStore:
    """`Store` below `root`, which is made when the first blob is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, key: str, data: bytes) -> None:
        """Write or replace: a temporary file in the same folder, flushed to the disk, then renamed."""
        target = self._path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._replace(target, data)
        except OSError as error:
            raise _store_error("write", target, error) from error

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(key) from None
        except OSError as error:
            raise _store_error("read", path, error) from error

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        return self._path(key).is_file()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        folder = self.root / prefix.rpartition("/")[0]  # files outside the prefix's folder cannot match
        if ".." in prefix.split("/") or prefix.startswith("/"):
            raise ValueError(f"not a store key: {prefix!r}")
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(_TEMPORARY))
        yield from sorted(
            key for key in (path.relative_to(self.root).as_posix() for path in paths) if key.startswith(prefix)
        )

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            if path.is_file():
                raise _store_error("delete", path, error) from error
        except OSError as error:
            raise _store_error("delete", path, error) from error

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _replace(self, target: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself must survive a power cut
        finally:
            os.close(folder)


def _store_error(verb: str, path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"cannot {verb} {path}: the disk is full; free some space there, then run the same again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(f"cannot {verb} {path}: {error.strerror}; make the folder writable for this user")
    return StoreError(f"cannot {verb} {path}: {error.strerror or error}")
