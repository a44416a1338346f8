"""Who may do what: asked of the forge's permission endpoint, and denied when it does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.forge.port import Forge, ForgeError

Who = Literal["anyone", "author", "triage"]
_TRIAGE_OR_HIGHER = frozenset({"triage", "write", "admin"})


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether, and if not, why: `reason` is "not allowed" or "unknown" (the forge did not say)."""

    allowed: bool
    reason: Literal["", "not allowed", "unknown"] = ""


def decide(forge: Forge, login: str, who: Who, *, author: str = "") -> Decision:
    """May `login` do what needs `who`, on a pull request by `author`? An error is a denial.

    `author_association` of the payload is never used: it is wrong for private members (triagebot#2094).
    """
    if who == "anyone" or (who == "author" and same(login, author)):
        return Decision(True)
    try:
        permission = forge.permission(login)
    except ForgeError:
        return Decision(False, "unknown")
    return Decision(True) if permission in _TRIAGE_OR_HIGHER else Decision(False, "not allowed")


def same(login: str, other: str) -> bool:
    """Whether two logins name one account: the forge keeps the case as typed, and does not tell by it."""
    return bool(login) and login.casefold() == other.casefold()
