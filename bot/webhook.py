"""The doorbell, without I/O: is this delivery from our forge, and what does it say?"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

LIMIT = 10 * 1024 * 1024  # bytes of body; GitHub sends up to 25 MB, but nothing that we handle comes near ten
_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")
_GUID = re.compile(r"[A-Za-z0-9-]{1,64}")
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")


class BadDelivery(Exception):
    """Not what a forge sends. The message says which part."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event. `action` and `repository` are empty and `installation` is 0 where the payload has none."""

    event: str
    guid: str
    action: str
    repository: str
    installation: int
    payload: Mapping[str, Any]


def well_formed(header: str | None) -> bool:
    """Whether the signature header could be right at all; a refusal then needs no body."""
    return header is not None and _digest(header) is not None


def verify(secrets: Sequence[bytes], body: bytes, header: str | None) -> bool:
    """Whether `header` is the HMAC-SHA256 of the raw body under one of the secrets.

    Constant time; every secret is tried, so that the answer does not tell which one holds. An empty secret never holds.
    """
    digest = _digest(header) if header is not None else None
    if digest is None:
        return False
    good = False
    for secret in secrets:
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode("ascii")
        good |= hmac.compare_digest(expected, digest) and bool(secret)
    return good


def parse(event: str | None, guid: str | None, body: bytes) -> Delivery:
    """Read a verified delivery. Raises `BadDelivery`."""
    if event is None or not _EVENT.fullmatch(event):
        raise BadDelivery("The header X-GitHub-Event is missing or malformed.")
    if guid is None or not _GUID.fullmatch(guid):
        raise BadDelivery("The header X-GitHub-Delivery is missing or malformed.")
    try:
        payload = _json(body)
    except (ValueError, RecursionError) as error:
        raise BadDelivery("The body is not JSON.") from error
    if not isinstance(payload, dict):
        raise BadDelivery("The body is not a JSON object.")
    repository, installation = _get(payload, "repository", "full_name"), _get(payload, "installation", "id")
    return Delivery(
        event,
        guid,
        action=_text(payload.get("action")),
        repository=_text(repository),
        installation=installation if type(installation) is int else 0,
        payload=payload,
    )


def _json(body: bytes) -> Any:
    """Read by pydantic's parser, as it takes little more than half the time and a burst waits for it."""
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:
        return json.loads(body)  # takes a little more, such as half of a surrogate pair


def _get(payload: Any, *path: str) -> Any:
    for key in path:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _digest(header: str) -> bytes | None:
    match = _SIGNATURE.fullmatch(header.encode("utf-8", "surrogateescape"))
    return match[1] if match else None
