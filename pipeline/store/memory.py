"""A store that lives and dies with the process."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.store.keys import check_key


class MemoryStore:
    """`Store` in a dictionary, for tests and trials."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def write(self, key: str, data: bytes) -> None:
        """Write or replace."""
        self._blobs[check_key(key)] = bytes(data)

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        return self._blobs[check_key(key)]

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        return check_key(key) in self._blobs

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        yield from sorted(key for key in self._blobs if key.startswith(prefix))

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none."""
        self._blobs.pop(check_key(key), None)
