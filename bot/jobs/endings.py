"""How a check ends that nobody waits for any more: superseded, closed, or stopped by somebody."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bot import pulls
from bot.context import Context
from bot.events import external_id
from bot.forge.port import NotFound, Pull
from bot.render import checks, texts


def end_unless_concluded(context: Context, name: str, sha: str, pull: Pull) -> None:
    """Conclude the check of a commit that was never judged and will not be: it is no longer the head, or was closed."""
    with suppress(NotFound):  # a commit that was pushed away
        if context.forge.check(name, sha, external_id(context.forge.repository, pull.number)) in (None, "in_progress"):
            _end(context, name, sha, pull)


def superseded(context: Context, name: str, pin: Mapping[str, Any], pull: Pull) -> bool:
    """Whether there is nothing to say any more about the pinned commit; then its check is concluded so."""
    if pull.head_sha == pin["sha"] and pull.state == "open":
        return False
    with suppress(NotFound):
        _end(context, name, pin["sha"], pull)
    return True


def conclude_cancelled(context: Context, pin: Mapping[str, Any], why: str, check: str = texts.PREVIEW) -> None:
    """Say that a preview (or an impact run, by its check) was stopped, in its check and in the comment, unless it has
    ended otherwise.

    `pin`: "pull" and "sha". For `/cancel`, for jobs that never started, and for the job itself.
    """
    number, sha = int(pin["pull"]), str(pin["sha"])
    external = external_id(context.forge.repository, number)
    with suppress(NotFound):
        if context.forge.check(check, sha, external) == "in_progress":
            context.forge.ensure_check(checks.cancelled(check, sha, external, why, context.page(number)))
    state = pulls.load(context.store, number)
    part = state.preview if check == texts.PREVIEW else state.impact
    if part is not None and part.sha == sha and part.status == "running":
        context.publish(number, replace(part, status="failed", failed=why))


def _end(context: Context, name: str, sha: str, pull: Pull) -> None:
    external, url = external_id(context.forge.repository, pull.number), context.page(pull.number)
    if pull.head_sha != sha:
        check = checks.superseded(name, sha, external, pull.head_sha, url)
    else:
        check = checks.check(name, sha, external, (texts.CLOSED, texts.CLOSED_SUMMARY), conclusion="neutral", url=url)
    context.forge.ensure_check(check)
