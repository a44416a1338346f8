"""Text that every reader takes: half of a surrogate pair, which a broken reply may hold, has no UTF-8."""

from __future__ import annotations

import json
from typing import Any


def encodable(value: Any) -> Any:
    """The same value; in its texts, what cannot be encoded becomes an escape that can be read: `\\ud800`."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [encodable(one) for one in value]
    return {name: encodable(one) for name, one in value.items()} if isinstance(value, dict) else value


def json_line(value: dict[str, Any]) -> bytes:
    """One canonical line of JSON: sorted keys, UTF-8."""
    return (canonical(value) + "\n").encode()


def canonical(value: dict[str, Any]) -> str:
    """The same value, the same text."""
    return json.dumps(encodable(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
