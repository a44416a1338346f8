"""The `Store` seam: named, immutable-once-written blobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class StoreError(Exception):
    """The store cannot be read or written (full disk, permission, network). The message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a blob without reading it: size in bytes, and when it was written, in seconds since 1970."""

    key: str
    size: int
    written: float


class Store(Protocol):
    """Blobs by POSIX-like key, such as `leaves/<leaf key>/samples.jsonl`.

    Contract (tests/contract/test_store.py): `write` is atomic and as durable as the place allows (a reader or a kill
    sees the old bytes or the new, never a part); keys never escape the store; `keys` is sorted.
    """

    def write(self, key: str, data: bytes) -> None:
        """Write or replace. Raises `StoreError`, `ValueError` on a bad key."""
        ...

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none, and `StoreError`."""
        ...

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed. Raises `StoreError`."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted. Raises `StoreError`."""
        ...

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        """The same with size and age, for housekeeping. Raises `StoreError`."""
        ...

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none. Raises `StoreError`."""
        ...

    def leftovers(self) -> Iterator[Blob]:
        """What killed writes left, by names that are no keys; one that is being written now is among them."""
        ...

    def sweep(self, leftover: Blob) -> None:
        """Remove a leftover; harmless where it is gone. Raises `StoreError`."""
        ...
