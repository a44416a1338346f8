"""A store wherever fsspec reaches: object stores (s3, gs, abfs, hf), sftp, smb, WebDAV and the like."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pipeline.store.keys import TEMPORARY, check_key, folder_of, temporary
from pipeline.store.port import Blob, StoreError
from pipeline.store.trouble import OF_A_DISK, store_error

WHOLE: Final = frozenset({"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "hf"})
"""Protocols of object stores: an object is there when its upload has ended, the old one until then."""
_AGES: Final = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""Where the filesystems of fsspec keep the time of the last write: a number of seconds, a date, or ISO 8601."""
_ABSENT: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class FsspecStore:
    """`Store` below `url`, such as `s3://bucket/seedbed`. Credentials come from where its protocol has them by habit.

    Object stores replace an object at once. Elsewhere a temporary file is written beside the target and then moved
    over it, which is as atomic as the server's own move.
    """

    def __init__(self, url: str, **options: Any) -> None:
        """`options` go to the filesystem. Raises `StoreError` where there is no driver for the protocol."""
        from fsspec.core import url_to_fs

        self.place = without_secrets(url)
        try:
            # Another process may write, so no listing of ours is remembered.
            self._fs, root = url_to_fs(url, use_listings_cache=False, **options)
        except (ImportError, ValueError) as error:
            raise StoreError(f"{self.place} cannot be reached: {error}; or give another store_url") from error
        except Exception as error:
            raise StoreError(f"{self.place} cannot be reached: {error}; look at the URL and the credentials") from error
        self._root = root.rstrip("/")
        protocol = self._fs.protocol
        self._whole = not WHOLE.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def write(self, key: str, data: bytes) -> None:
        """Write or replace."""
        path = self._path(key)
        with self._told("write", key):
            if self._whole:
                self._fs.pipe_file(path, bytes(data))
                return
            folder, _, name = path.rpartition("/")
            beside = f"{folder}/{TEMPORARY}{secrets.token_hex(8)}-{name}"
            self._fs.makedirs(folder, exist_ok=True)
            try:
                self._fs.pipe_file(beside, bytes(data))
                self._fs.mv(beside, path)
            except BaseException:
                self._forget(beside)
                raise

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        path = self._path(key)
        with self._told("read", key):
            try:
                return bytes(self._fs.cat_file(path))
            except _ABSENT:
                pass
        raise KeyError(key)

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        path = self._path(key)
        with self._told("read", key):
            try:
                return bool(self._fs.info(path)["type"] == "file")
            except _ABSENT:
                return False

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        yield from (blob.key for blob in self.blobs(prefix))

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        """The same with size and age. A place that tells no age says now, so nothing there is ever too old."""
        yield from (blob for blob in self._found(prefix) if not temporary(blob.key))

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none."""
        path = self._path(key)
        with self._told("delete", key):
            try:
                if self._fs.info(path)["type"] == "file":
                    self._fs.rm_file(path)
            except _ABSENT:
                return

    def leftovers(self) -> Iterator[Blob]:
        """Temporary files, of killed writes and of those that run."""
        yield from (blob for blob in self._found("") if temporary(blob.key))

    def sweep(self, leftover: Blob) -> None:
        """Remove a temporary file."""
        with self._told("delete", leftover.key):
            try:
                self._fs.rm_file(f"{self._root}/{leftover.key}")
            except _ABSENT:
                return

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    def _found(self, prefix: str) -> list[Blob]:
        folder = folder_of(prefix)
        top = f"{self._root}/{folder}" if folder else self._root
        with self._told("list", prefix):
            try:
                how = {} if self._whole else {"on_error": _unless_gone}  # else a folder that fails is left out
                details: Mapping[str, Mapping[str, Any]] = self._fs.find(top, detail=True, **how)
            except _ABSENT:
                return []
        now = time.time()
        names = ((path.removeprefix(f"{self._root}/"), info) for path, info in details.items())
        found = (Blob(name, int(info["size"] or 0), _seconds(info, now)) for name, info in names)
        return sorted((blob for blob in found if blob.key.startswith(prefix)), key=lambda blob: blob.key)

    def _forget(self, path: str) -> None:
        try:
            self._fs.rm_file(path)
        except Exception:
            return  # it may never have come into being; `leftovers` shows it if it has

    @contextmanager
    def _told(self, verb: str, key: str) -> Iterator[None]:
        """Every driver has errors of its own, so all of them are told alike."""
        where = f"{self.place.rstrip('/')}/{key}"
        try:
            yield
        except OSError as error:
            if error.errno in OF_A_DISK:
                raise store_error(verb, where, error) from error
            raise StoreError(f"cannot {verb} {where}: {_words(error)}; {_NEXT}") from error
        except Exception as error:
            raise StoreError(f"cannot {verb} {where}: {_words(error)}; {_NEXT}") from error


_NEXT: Final = "check network, credentials and the setting store_url, then run the same again"


def without_secrets(url: str) -> str:
    """`url` without the password that it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def _unless_gone(error: Exception) -> None:
    if not isinstance(error, _ABSENT):
        raise error


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _seconds(info: Mapping[str, Any], now: float) -> float:
    """When it was written."""
    stated = next((info[name] for name in _AGES if info.get(name) is not None), now)
    if isinstance(stated, str):
        try:
            stated = datetime.fromisoformat(stated)
        except ValueError:
            return now
    return stated.timestamp() if isinstance(stated, datetime) else float(stated)
