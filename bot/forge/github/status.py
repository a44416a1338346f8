"""Commit statuses in GitHub's JSON: the little of a `Check` that one can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from bot.forge.port import Check, Conclusion

DESCRIPTION_CHARACTERS: Final = 140

_STATES: Final[dict[Conclusion | None, str]] = {
    None: "pending",
    "success": "success",
    "neutral": "success",  # there is no neutral status, and one that fails or is pending may block a merge
    "failure": "failure",
    "cancelled": "error",
    "timed_out": "error",
}
_CONCLUSIONS: Final[dict[str, Conclusion | Literal["in_progress"]]] = {
    "pending": "in_progress",
    "success": "success",
    "failure": "failure",
    "error": "cancelled",
}


def request(check: Check) -> dict[str, str]:
    """The body of one request. The conversation and the details page say the rest."""
    return {
        "context": check.name,
        "state": _STATES[check.conclusion],
        "description": check.title[:DESCRIPTION_CHARACTERS],
        "target_url": check.details_url or "",
    }


def conclusion(found: Mapping[str, Any]) -> Conclusion | Literal["in_progress"]:
    """What a status that came back says."""
    return _CONCLUSIONS[found["state"]]
