"""Files that are whole or not there, and their digests."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import BinaryIO


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` at once: a reader, or a kill, sees the old bytes or the new. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")  # writers may race
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def append_durably(path: Path, line: bytes) -> None:
    """Add one line to a log and wait until the disk has it. Raises `OSError`.

    A line that a kill or a full disk cut off stays alone on its line, and spoils none that follows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        torn = file.tell() > 0 and _last_byte(file) != b"\n"
        file.write((b"\n" if torn else b"") + line.rstrip(b"\n") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
