"""The `Store` seam: named, immutable-once-written blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class StoreError(Exception):
    """The store cannot be read or written (full disk, permission). The message says where and what to do."""


class Store(Protocol):
    """Blobs by POSIX-like key, such as `leaves/<leaf key>/samples.jsonl`.

    Contract (tests/contract/test_store.py): `write` is atomic and durable (a reader or a kill sees the old bytes or
    the new, never a part); keys never escape the store; `keys` is sorted.
    """

    def write(self, key: str, data: bytes) -> None:
        """Write or replace. Raises `StoreError`, `ValueError` on a bad key."""
        ...

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none."""
        ...
