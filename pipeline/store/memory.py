"""A store that lives and dies with the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from pipeline.store.keys import check_key, folder_of
from pipeline.store.port import Blob


class MemoryStore:
    """`Store` in a dictionary, for tests and trials."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._blobs: dict[str, bytes] = {}
        self._written: dict[str, float] = {}
        self._clock = clock

    def write(self, key: str, data: bytes) -> None:
        """Write or replace."""
        self._blobs[check_key(key)] = bytes(data)
        self._written[key] = self._clock()

    def read(self, key: str) -> bytes:
        """Raises `KeyError` where there is none."""
        return self._blobs[check_key(key)]

    def exists(self, key: str) -> bool:
        """Whether `read` would succeed."""
        return check_key(key) in self._blobs

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, sorted."""
        folder_of(prefix)
        yield from sorted(key for key in self._blobs if key.startswith(prefix))

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        """The same with size and age."""
        yield from [Blob(key, len(self._blobs[key]), self._written[key]) for key in self.keys(prefix)]

    def delete(self, key: str) -> None:
        """Remove; harmless where there is none."""
        self._blobs.pop(check_key(key), None)
        self._written.pop(key, None)

    def leftovers(self) -> Iterator[Blob]:
        """None: nothing outlives the process."""
        yield from ()

    def sweep(self, leftover: Blob) -> None:
        """Nothing to do."""
