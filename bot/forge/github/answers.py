"""What the API's answers mean: refusals become the port's errors, times become seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from github.Requester import Requester

from bot.forge.port import Forbidden, ForgeError, NotFound, RateLimited, Unreachable

LIMIT_WAIT_S: Final = 60.0
"""GitHub's advice for a rate limit that does not say how long it lasts."""


class Unsettled(Unreachable):
    """A write failed in a way that leaves open whether it was made."""


def refusal(what: str, status: int, headers: Mapping[str, str], text: str) -> ForgeError:
    """The error for an answer of 400 or more. `headers` have lower-case names; `what` says what was asked of whom."""
    said = message(text)
    full = f"{what} answered {status}: {said}"
    if status == 429 or (status == 403 and _is_rate_limit(said, headers)):
        return RateLimited(full, wait_s(headers))
    if status >= 500:
        return Unreachable(full)
    if status == 404 or "No commit found" in said:
        return NotFound(full)
    return (Forbidden if status == 403 else ForgeError)(full)


def graphql_refusal(what: str, error: Mapping[str, Any]) -> ForgeError:
    """The error for one entry of a GraphQL answer's `errors`, which comes with status 200."""
    full = f"{what} answered: {error.get('message')}"
    match error.get("type"):
        case "NOT_FOUND":
            return NotFound(full)
        case "FORBIDDEN" | "INSUFFICIENT_SCOPES":
            return Forbidden(full)
        case "RATE_LIMITED" | "RATE_LIMIT":
            return RateLimited(full, LIMIT_WAIT_S)
        case _:
            return ForgeError(full)


def wait_s(headers: Mapping[str, str]) -> float:
    """Seconds until a rate limit is over: `retry-after`, else the reset of a limit that is used up, else a minute."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if after.isdigit():
        return float(after)
    if reset.isdigit() and headers.get("x-ratelimit-remaining", "0") == "0":
        return max(float(reset) - time.time(), 0.0) + 1  # it is not said when in that second
    return LIMIT_WAIT_S


def message(text: str) -> str:
    """What the body of a refusal says, with GitHub's list of single errors."""
    try:
        data = json.loads(text)
        said = str(data["message"])
        errors = data.get("errors") or []
    except (ValueError, KeyError, TypeError, AttributeError):  # a proxy's page rather than the API's answer
        return text[:500].strip() or "(nothing)"
    return "; ".join([said, *map(_error, errors)]) if isinstance(errors, list) else f"{said}; {errors}"


def seconds(time: str) -> float:
    """A time of the API as seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def login(account: Mapping[str, Any] | None) -> str:
    """Who; GitHub shows an account that was deleted as "ghost"."""
    return str(account["login"]) if account else "ghost"


def normal(text: str) -> str:
    """Text as it compares: forges give line ends back their own way."""
    return text.replace("\r\n", "\n").rstrip()


def _is_rate_limit(said: str, headers: Mapping[str, str]) -> bool:
    used_up = headers.get("x-ratelimit-remaining") == "0"
    return "retry-after" in headers or used_up or Requester.isRateLimitError(said)


def _error(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error[key]) for key in ("field", "code") if key in error))
