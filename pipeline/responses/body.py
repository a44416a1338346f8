"""A completion as it is stored: JSON without the fields that have their default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final
from zlib import crc32

from pipeline.teacher.port import Completion

_DEFAULTS: Final[Mapping[str, Any]] = {f.name: f.default for f in fields(Completion) if f.default is not MISSING}
_NAMES: Final = tuple(f.name for f in fields(Completion))


def encode(completion: Completion) -> str:
    """The text to store."""
    plain = {name: getattr(completion, name) for name in _NAMES}
    kept = {name: value for name, value in plain.items() if name not in _DEFAULTS or value != _DEFAULTS[name]}
    body = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    try:
        body.encode()
    except UnicodeEncodeError:  # half a surrogate pair, cut by a token limit: SQLite takes it as an escape alone
        return json.dumps(kept, separators=(",", ":"))
    return body


def decode(body: str, crc: int | None = None) -> Completion:
    """The completion of a stored text. Raises `ValueError` or `TypeError` where it is none, or `crc` does not fit."""
    if crc is not None and crc32(body.encode()) != crc:
        raise ValueError("a stored answer is not what was written")
    row = json.loads(body)
    if "alternatives" in row:
        row["alternatives"] = tuple((token, float(logprob)) for token, logprob in row["alternatives"])
    completion = Completion(**row)
    if not isinstance(completion.text, str) or not isinstance(completion.finish_reason, str):
        raise TypeError("the text of a completion is missing")
    return completion
