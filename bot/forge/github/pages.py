"""Pages that were read before, so that asking again costs nothing where nothing has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

BYTES: Final = 16 * 2**20
LARGEST: Final = 2**19


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: where it came from, its ETag, its JSON text, the address of the next page or ""."""

    address: str
    etag: str
    text: str
    next: str


class Pages:
    """The answers used last, by address, within `BYTES`; those larger than `LARGEST` are not kept. Thread-safe."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, url: str) -> Page | None:
        """The last answer from there, if it is kept."""
        with self._lock:
            if url in self._pages:
                self._pages.move_to_end(url)
            return self._pages.get(url)

    def put(self, page: Page) -> None:
        """Keep an answer that has an ETag."""
        with self._lock:
            self._forget(page.address)
            if page.etag and len(page.text) <= LARGEST:
                self._pages[page.address] = page
                self._bytes += len(page.text)
            while self._bytes > BYTES:
                self._forget(next(iter(self._pages)))

    def drop(self, url: str) -> None:
        """Keep no answer from there."""
        with self._lock:
            self._forget(url)

    def _forget(self, url: str) -> None:
        old = self._pages.pop(url, None)
        self._bytes -= len(old.text) if old else 0
