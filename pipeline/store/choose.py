"""Which store a setting means."""

from __future__ import annotations

from pathlib import Path

from pipeline.store.files import FileStore
from pipeline.store.port import Store


def open_store(place: str | Path) -> Store:
    """A folder, by path or `file://` URL, or any other URL that fsspec knows. Raises `StoreError`."""
    text = str(place)
    if text.startswith("file://"):
        return FileStore(Path(text.removeprefix("file://")))
    if "://" not in text:
        return FileStore(Path(place).expanduser())
    from pipeline.store.remote import FsspecStore

    return FsspecStore(text)
