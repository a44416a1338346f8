"""What a store key may be, the same for every adapter."""

from __future__ import annotations

import re

_PART = re.compile(r"[A-Za-z0-9_@+=-][A-Za-z0-9._@+=-]*")
MAX_LENGTH = 512


def check_key(key: str) -> str:
    """`key` itself. Raises `ValueError` unless it is a relative POSIX path of plain names, none starting with a dot."""
    if len(key) > MAX_LENGTH or not all(_PART.fullmatch(part) and len(part) <= 200 for part in key.split("/")):
        raise ValueError(f"not a store key: {key[:80]!r}")
    return key
