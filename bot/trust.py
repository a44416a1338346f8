"""Who gets the teacher's time: maintainers, authors who have merged here before, heads that a maintainer trusts."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from bot.context import Context
from bot.engine.database import exclusive
from bot.forge.port import ForgeError, Pull
from bot.permissions import decide, same
from bot.pulls import PullState

log = logging.getLogger(__name__)
_DAYS_KEPT = 2  # a step that began before midnight may be repeated after it
_BOOK = TypeAdapter(dict[str, list[str]])


@dataclass(frozen=True, slots=True)
class Grant:
    """Whether the teacher may be used, and if not, why.

    `reason`: "stranger" (nobody who merged here before, on a head that no maintainer trusts), "budget" (today's
    previews are used up), "unknown" (it could not be found out).
    """

    allowed: bool
    reason: Literal["", "stranger", "budget", "unknown"] = ""


_YES = Grant(True)
_STRANGER, _BUDGET, _UNKNOWN = Grant(False, "stranger"), Grant(False, "budget"), Grant(False, "unknown")


def teacher_time(context: Context, pull: Pull, asker: str, state: PullState, *, spend: str = "") -> Grant:
    """May `asker` have samples made from the head of `pull`?

    People with at least triage permission always may, on any pull request. Its author may on a head that a maintainer
    trusts (`/ok-to-test`), and, having merged a pull request here, `daily_previews` times a day (UTC). `spend` books
    one of these, once for each id, however often it is asked; without it nothing is booked. No answer is a no.
    """
    decision = decide(context.forge, asker, "triage")
    if decision.allowed:
        return _YES
    if decision.reason == "unknown":
        return _UNKNOWN
    if not same(asker, pull.author):
        return _STRANGER
    trusted = state.triage.trusted if state.triage else None
    if trusted is not None and trusted.sha == pull.head_sha:
        return _YES
    return _known_author(context, asker, spend)


def _known_author(context: Context, author: str, spend: str) -> Grant:
    if not context.settings.daily_previews:
        return _STRANGER
    try:
        if not context.forge.has_merged(author):
            return _STRANGER
    except ForgeError:
        return _UNKNOWN
    try:
        return _YES if _book(context, author, spend) else _BUDGET
    except ValidationError as error:
        log.error("the record of %s's previews cannot be read, so there are none: %s", author, error)
        return _UNKNOWN


def _book(context: Context, author: str, spend: str) -> bool:
    """Whether today's budget has room, or `spend` was booked already. One writer at a time, across processes."""
    digest = hashlib.sha256(author.casefold().encode()).hexdigest()
    key = f"budgets/{digest[:32]}.json"
    today = time.strftime("%Y-%m-%d", time.gmtime(context.clock()))
    folder = context.settings.state_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / f"budget-{digest[:2]}.lock"):
        book = _read(context, key)
        if spend and any(spend in spent for spent in book.values()):
            return True
        spent = book.get(today, [])
        if len(spent) >= context.settings.daily_previews:
            return False
        if spend:
            days = sorted({*book, today})[-_DAYS_KEPT:]
            book = {day: book.get(day, []) + ([spend] if day == today else []) for day in days}
            context.store.write(key, json.dumps(book).encode())
    return True


def _read(context: Context, key: str) -> dict[str, list[str]]:
    """Spent ids by day. Raises `ValidationError` for a record that was damaged."""
    try:
        return _BOOK.validate_json(context.store.read(key))
    except KeyError:
        return {}
