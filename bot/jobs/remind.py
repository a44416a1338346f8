"""Once a day: remind whoever a pull request has waited for, kindly and rarely. Nothing is ever closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.pulls import TriagePart
from bot.render import triage as render
from bot.triage.states import BY_NAME

DAY_S = 86_400.0


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is not read. Returns the numbers of the pull requests that were reminded."""
    due = steps.run("look", lambda: _due(context))
    sent = [steps.run(f"remind-{number}", partial(_remind, context, number)) for number in due]
    return {"reminded": [number for number, done in zip(due, sent, strict=True) if done]}


def _due(context: Context) -> list[int]:
    """Open pull requests that seem to be due by what is stored of them; each is looked at again before it is told."""
    stored = ((pull.number, pulls.load(context.store, pull.number).triage) for pull in context.forge.open_pulls())
    return [number for number, triage in stored if triage is not None and _owed(context, triage)]


def _remind(context: Context, number: int) -> bool:
    """Settle it as it is now, and say so once if it still is due: a push or a review may have gone unnoticed."""
    pull = context.forge.pull(number)
    state = context.publish(number, pull=pull)
    triage = state.triage or TriagePart()
    nth = _owed(context, triage)
    if pull.state != "open" or not nth:
        return False
    days = int((context.clock() - triage.since) // DAY_S)
    marker, body = render.reminder(state, pull.author, days=days, nth=nth)
    context.forge.ensure_comment(number, marker, body)
    context.publish(number, lambda now: replace(now, reminded=max(now.reminded, nth)), pull=pull)
    return True


def _owed(context: Context, triage: TriagePart) -> int:
    """Which reminder is due now, counted from 1; 0: none. After a long sleep the earlier ones are left out."""
    if triage.state not in BY_NAME or BY_NAME[triage.state].waits not in ("author", "triager"):
        return 0
    nth = reminders_by(context.clock() - triage.since, context.settings.remind_days)
    return nth if nth > triage.reminded else 0


def reminders_by(waited_s: float, days: Sequence[int]) -> int:
    """How many reminders a wait of so many seconds has earned."""
    return sum(waited_s >= day * DAY_S for day in days)
