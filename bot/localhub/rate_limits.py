"""How many requests a client has left in its hour, counted in memory, and the headers that say so."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

WINDOW_S = 3600
DEFAULT_LIMIT = 100_000  # GitHub gives an installation 5,000 to 12,500; a machine of one's own need not


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands; `reset` in seconds since 1970."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """Requests left until `reset`."""
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        """GitHub's headers."""
        values = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset, "used": self.used}
        return {f"x-ratelimit-{name}": str(value) for name, value in values.items()} | {"x-ratelimit-resource": "core"}

    def body(self) -> dict[str, int]:
        """GitHub's rate-limit."""
        return {"limit": self.limit, "remaining": self.remaining, "reset": self.reset, "used": self.used}


def client_of(scope: Scope) -> str:
    """Whom a request counts for: the bearer of its token, or the machine that it comes from."""
    said = Headers(scope=scope).get("authorization")
    if said is not None:
        return hashlib.sha256(said.encode()).hexdigest()
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


class RateLimits:
    """The primary limit of each client, told apart by its token or its address."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._windows: dict[str, tuple[float, int]] = {}  # client → start of its hour, requests since
        self._lock = threading.Lock()

    def standing(self, client: str, now: float, *, count: int = 0) -> Standing:
        """Where the client stands after `count` more requests."""
        with self._lock:
            started, used = self._windows.get(client, (now, 0))
            if now >= started + WINDOW_S:
                started, used = now, 0
            used += count
            if used:
                self._windows[client] = (started, used)
            return Standing(self.limit, used, int(started) + WINDOW_S)
