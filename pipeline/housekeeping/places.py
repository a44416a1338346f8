"""Where the things lie that are looked after, and what of them is old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.store.port import Store
from pipeline.store.trouble import told

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
ASIDE: Final = "damaged/"
"""Where in the store damaged datasets are kept."""


@dataclass(frozen=True, slots=True)
class Places:
    """`responses`: the response file. `documents`: the folder of fetched documents. `builds`, `registry`: of builds."""

    store: Store
    responses: Path
    documents: Path
    builds: Path
    registry: Path

    @classmethod
    def below(cls, state: Path, store: Store) -> Places:
        """As the state folder has them."""
        names = ("responses.sqlite", "documents", "builds", "registry")
        return cls(store, *(state / name for name in names))


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder: bytes with all that it holds, and when it was last used, in seconds since 1970."""

    path: Path
    bytes: int
    used: float


def mirrors(places: Places) -> list[Item]:
    """Fetched documents, the least recently used first."""
    return _items(places.documents, "*.git")


def texts(places: Places) -> list[Item]:
    """Texts that took long to make of documents; they can be made again."""
    return _items(places.documents, "texts/*.json")


def half_fetched(places: Places) -> list[Item]:
    """What fetches left that were killed, and what is being fetched now."""
    return _items(places.documents, "*.partial-*")


def half_written(places: Places) -> list[Item]:
    """Temporary files of builds, of killed ones and of those that run."""
    return [*_items(places.builds, "**/.*.part"), *_items(places.registry, ".*.part")]


def set_aside(places: Places) -> list[Item]:
    """Damaged files that `repair` moved aside; those of the store are not among them."""
    responses = _items(places.responses.parent, f"{places.responses.name}.damaged-*")
    return [*responses, *_items(places.documents, "*.damaged-*")]


def discard(item: Item) -> None:
    """Remove a file or folder; harmless where it is gone. Raises `StoreError`."""
    with told("remove", item.path):
        try:
            shutil.rmtree(item.path) if item.path.is_dir() else item.path.unlink(missing_ok=True)
        except FileNotFoundError:
            return


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below `folder`; 0 where it is missing."""
    return sum(_sizes(folder))


def _items(folder: Path, pattern: str) -> list[Item]:
    found = []
    with told("read", folder):
        for path in folder.glob(pattern):
            try:
                used = path.stat().st_mtime
            except FileNotFoundError:
                continue
            found.append(Item(path, sum(_sizes(path)) if path.is_dir() else path.stat().st_size, used))
    return sorted(found, key=lambda item: (item.used, item.path.name))


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield (Path(place) / name).lstat().st_size
            except FileNotFoundError:
                continue
