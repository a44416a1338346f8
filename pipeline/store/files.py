"""A store in a local folder: one file a key, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.store.keys import TEMPORARY, check_key, folder_of, temporary
from pipeline.store.port import Blob
from pipeline.store.trouble import store_error, told


class FileStore:
    """`Store` below `root`, which is made when the first blob is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, key: str, data: bytes) -> None:
        """Write or replace: a temporary file in the same folder, flushed to the disk, then renamed."""
        target = self._path(key)
        with told("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._replace(target, data)
            except FileNotFoundError:  # whoever deleted the folder's last blob took the folder away
                target.parent.mkdir(parents=True, exist_ok=True)
                self._replace(target, data)

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(key) from None
        except OSError as error:
            raise store_error("read", path, error) from error

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        path = self._path(key)
        with told("read", path):
            return path.is_file()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        yield from sorted(name for name in self._names(prefix) if not temporary(name))

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        """The same with size and age; what goes away meanwhile is left out."""
        yield from self._seen(self.keys(prefix))

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none. A folder that becomes empty goes with it."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
            if path.parent != self.root and path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            if path.is_file():
                raise store_error("delete", path, error) from error
        except OSError as error:
            if path.is_file():
                raise store_error("delete", path, error) from error

    def leftovers(self) -> Iterator[Blob]:
        """Temporary files, of killed writes and of those that run."""
        yield from self._seen(sorted(name for name in self._names("") if temporary(name)))

    def sweep(self, leftover: Blob) -> None:
        """Remove a temporary file."""
        path = self.root / leftover.key
        with told("delete", path):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _names(self, prefix: str) -> Iterator[str]:
        top = self.root / folder_of(prefix)
        with told("read", top):
            for folder, _, files in os.walk(top, onerror=_unless_gone):
                place = Path(folder).relative_to(self.root).as_posix().removeprefix(".")
                names = (f"{place}/{name}" if place else name for name in files)
                yield from (name for name in names if name.startswith(prefix))

    def _seen(self, names: Iterator[str] | list[str]) -> Iterator[Blob]:
        for name in names:
            path = self.root / name
            with told("read", path):
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue
            yield Blob(name, found.st_size, found.st_mtime)

    def _replace(self, target: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
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


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error
