"""Sending one webhook request after another over connections that stay open."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

TIMEOUT_S = 10.0
_KEPT_RESPONSE = 64 * 1024  # bytes of an answer that the log keeps


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: GitHub's word for it and the answer; `code` 0: none came. `duration` in seconds."""

    status: str
    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    duration: float = 0.0


class Sender:
    """One thread's connections. A connection that the receiver has closed meanwhile is opened anew before the request;
    a request that failed is not repeated."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(num_pools=4, timeout=TIMEOUT_S, retries=False)

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        """One POST without following redirects."""
        started = time.monotonic()
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, redirect=False, preload_content=False
            )
            text = response.read(_KEPT_RESPONSE).decode(errors="replace")
            response.drain_conn()
            response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            late = isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError)
            status = "timed out" if late else "failed to connect to host"
            return Outcome(status, text=str(error), duration=_since(started))
        status = "OK" if 200 <= response.status < 300 else f"Invalid HTTP Response: {response.status}"
        return Outcome(status, response.status, dict(response.headers.items()), text, _since(started))

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
