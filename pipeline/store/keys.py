"""What a store key may be, the same for every adapter."""

from __future__ import annotations

import re
from typing import Final

_PART = re.compile(r"[A-Za-z0-9_@+=-][A-Za-z0-9._@+=-]*")
MAX_LENGTH = 512
TEMPORARY: Final = ".writing-"
"""How the name of a half-written blob starts. No part of a key starts with a dot, so it is never taken for a blob."""


def check_key(key: str) -> str:
    """`key` itself. Raises `ValueError` unless it is a relative POSIX path of plain names, none starting with a dot."""
    if len(key) > MAX_LENGTH or not all(_PART.fullmatch(part) and len(part) <= 200 for part in key.split("/")):
        raise ValueError(f"not a store key: {key[:80]!r}")
    return key


def folder_of(prefix: str) -> str:
    """The folder, "" for the whole store, outside which no key starts with `prefix`. Raises `ValueError`."""
    if ".." in prefix.split("/") or prefix.startswith("/"):
        raise ValueError(f"not a store key: {prefix!r}")
    return prefix.rpartition("/")[0]


def temporary(path: str) -> bool:
    """Whether the last part of `path` names a half-written blob."""
    return path.rpartition("/")[2].startswith(TEMPORARY)
