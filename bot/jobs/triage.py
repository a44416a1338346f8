"""Something about a pull request moved that no check looks at: a review, a close, a draft. Settle it anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.forge.port import Pull, Review
from bot.permissions import decide
from bot.pulls import Verdict
from bot.retry import TryAgain


class PermissionUnknown(TryAgain):
    """The forge did not say what a reviewer may do, so it is open whether their review counts."""


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull": number}. Returns the state that the pull request is in now."""
    return steps.run("settle", lambda: _settle(context, int(payload["pull"])))


def _settle(context: Context, number: int) -> dict[str, Any]:
    pull = context.forge.pull(number)
    if pull.state != "open" and not pulls.known(context.store, number):
        return {"pull": number, "skip": "closed before we ever spoke in it"}
    verdicts = _verdicts(context, pull)
    state = context.publish(number, lambda triage: replace(triage, verdicts=verdicts), pull=pull)
    return {"pull": number, "state": state.triage.state if state.triage else ""}


def _verdicts(context: Context, pull: Pull) -> tuple[Verdict, ...]:
    """The last word of every triager but the author. A dismissed review says nothing any more."""
    words = last_words(context.forge.reviews(pull.number))
    words.pop(pull.author.casefold(), None)
    return tuple(verdict for _, verdict in sorted(words.items()) if _counts(context, verdict.by))


def last_words(reviews: Sequence[Review]) -> dict[str, Verdict]:
    """By login in small letters: what each reviewer said last; a mere comment takes nothing back."""
    words: dict[str, Verdict] = {}
    for review in reviews:
        if review.state == "approved" or review.state == "changes_requested":
            words[review.author.casefold()] = Verdict(review.author, review.state, review.sha)  # type: ignore[arg-type]
        elif review.state == "dismissed":
            words.pop(review.author.casefold(), None)
    return words


def _counts(context: Context, login: str) -> bool:
    decision = decide(context.forge, login, "triage")
    if decision.reason == "unknown":
        raise PermissionUnknown(f"the forge did not say what {login} may do here; try again later")
    return decision.allowed
