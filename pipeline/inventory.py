"""SHA-256 of a folder's files, remembered: a file is read again only when its size or time of change moved."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from pipeline.files import file_digest, write_durably


class FileRecord(TypedDict):
    """What was true of a file when it was read. `mtime_ns`: nanoseconds since the epoch."""

    sha256: str
    size: int
    mtime_ns: int


Records = dict[str, FileRecord]


def record_files(folder: Path, names: Iterable[str], known: Mapping[str, FileRecord] | None = None) -> Records:
    """Hash the named files of `folder`, trusting `known` where size and time still agree. Raises `OSError`."""
    known = known or {}
    records: Records = {}
    for name in sorted(names):
        stat = (folder / name).stat()
        before = known.get(name)
        if before and (before["size"], before["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            records[name] = before
        else:
            digest = file_digest(folder / name)
            records[name] = FileRecord(sha256=digest, size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    return records


def digest_of(records: Mapping[str, FileRecord]) -> str:
    """One SHA-256 (hex) over names and contents; sizes follow from contents, and times do not count."""
    lines = "".join(f"{record['sha256']}  {name}\n" for name, record in sorted(records.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file; empty where there is none, or where it is torn: such a file is only a shortcut."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: object) -> None:
    """Write a JSON file durably: a reader sees the old or the new, never a part. Raises `OSError`."""
    write_durably(path, json.dumps(value, indent=1, sort_keys=True).encode())


def sync_folder(folder: Path) -> None:
    """Push a folder's files and its own entries to the disk. Raises `OSError`."""
    for path in (*sorted(folder.iterdir()), folder):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
