"""No check stays in progress for ever: where the job that would end it is gone, it is ended here.

A job that fails ends its own check. One that was cancelled for taking too long, or that killed its worker again and
again, cannot.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from bot import pulls
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.events import external_id
from bot.forge.port import Check, ForgeError, NotFound, Pull
from bot.outcomes import ImpactPart
from bot.pulls import PrecheckPart, PreviewPart, PullState
from bot.render import checks, texts
from bot.render import texts_models as words

log = logging.getLogger(__name__)
LOOKED_AT = 500  # of the newest jobs that did not end well
LOOK_BACK_S = 6 * 3600.0  # what ended longer ago was looked at before
COMMITS = 20  # of a pull request, looked at
CHECKED = {"lint": texts.LINT, "preview": texts.PREVIEW, "impact": words.IMPACT}
_AGAIN = {texts.LINT: texts.AGAIN_LINT, texts.PREVIEW: texts.AGAIN_PREVIEW, words.IMPACT: words.IMPACT_AGAIN}


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is not read. Returns the pull requests and checks that were ended."""
    return {"ended": steps.run("end", lambda: end_stale(context))}


def end_stale(context: Context) -> list[str]:
    """Look where a job ended badly, and where a preview seems to run. One pull request that fails stops no other."""
    ended: list[str] = []
    for number in sorted(_suspects(context)):
        if _at_work(context, number):
            continue
        try:
            ended += _end(context, number)
        except ForgeError as error:
            log.warning("the checks of #%d cannot be ended: %s", number, error)
    return ended


def _suspects(context: Context) -> set[int]:
    since = context.clock() - LOOK_BACK_S
    bad = context.enqueuer.jobs(states=("failed", "cancelled"), limit=LOOKED_AT)
    of_checks = [job for job in bad if job.name in CHECKED and job.key.isdecimal()]
    running = {number for number in pulls.numbers(context.store) if _running(pulls.load(context.store, number))}
    return running | {int(job.key) for job in of_checks if job.ended_at is None or job.ended_at >= since}


def _at_work(context: Context, number: int) -> bool:
    return bool(context.enqueuer.jobs(states=("queued", "running"), key=str(number), limit=1))


def _end(context: Context, number: int) -> Iterator[str]:
    state, pull = pulls.load(context.store, number), context.forge.pull(number)
    for sha in _heads(context, pull, state):
        for name in CHECKED.values():
            if _open(context, name, sha, number):
                context.forge.ensure_check(_ended(context, name, sha, pull))
                yield f"{name} of #{number} at {sha}"
    if parts := [replace(part, status="failed", failed=texts.STALE_PART) for part in _running(state)]:
        context.publish(number, *parts, pull=pull)
        yield f"what #{number} waited for"


def _heads(context: Context, pull: Pull, state: PullState) -> list[str]:
    """Commits that may have been the head, as far as we know them, the newest last."""
    known = [part.sha for part in (state.lint, state.preview, state.impact) if part is not None]
    commits = [commit.sha for commit in context.forge.commits(pull.number)[-COMMITS:]]
    return list(dict.fromkeys([*known, *commits, pull.head_sha]))


def _open(context: Context, name: str, sha: str, number: int) -> bool:
    try:
        return context.forge.check(name, sha, external_id(context.forge.repository, number)) == "in_progress"
    except NotFound:
        return False  # a commit that was pushed away


def _ended(context: Context, name: str, sha: str, pull: Pull) -> Check:
    external, url = external_id(context.forge.repository, pull.number), context.page(pull.number)
    if sha != pull.head_sha:
        return checks.superseded(name, sha, external, pull.head_sha, url)
    text = (texts.STALE, f"{texts.STALE_SUMMARY} {_AGAIN[name]}")
    return checks.check(name, sha, external, text, conclusion="timed_out", url=url)


def _running(state: PullState) -> list[PreviewPart | PrecheckPart | ImpactPart]:
    """What the comment says to be under way."""
    parts = (state.preview, state.precheck, state.impact)
    return [part for part in parts if part is not None and part.status == "running"]
