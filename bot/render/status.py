"""The answer to `/status`: where a pull request stands, what its jobs do, who acts next."""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.port import JobStatus
from bot.forge.port import Pull
from bot.pulls import PullState
from bot.render import texts
from bot.render.checks import counted
from bot.render.escape import code, prose
from bot.render.reason import reason
from bot.render.triage import next_step
from bot.triage.states import BY_NAME

_SPANS = ((86_400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds"))


def status(state: PullState, pull: Pull, jobs: Sequence[JobStatus], now: float) -> str:
    """Markdown. `jobs`: those queued, running and failed; `now`: seconds since 1970."""
    parts = [_head(state, pull), _triage(state, now)]
    parts.append("\n".join(_job(job, now) for job in jobs) or texts.STATUS_NO_JOBS)
    if any(job.state == "failed" for job in jobs):
        parts.append(texts.STATUS_RETRY)
    return "\n\n".join(filter(None, [*parts, _next(state, pull)]))


def span(seconds: float) -> str:
    """Such as "3 minutes", in the largest unit that fits."""
    for size, one, many in _SPANS:
        if seconds >= size:
            return counted(int(seconds // size), one, many)
    return texts.A_MOMENT


def _head(state: PullState, pull: Pull) -> str:
    lint = state.lint if state.lint and state.lint.sha == pull.head_sha else None
    kind = "none" if lint is None else "failed" if lint.failed else "errors" if lint.errors else "clean"
    said = texts.STATUS_LINT[kind].format(n=counted(lint.errors if lint else 0, "thing", "things"))
    return texts.STATUS_HEAD.format(sha=pull.head_sha[:7], lint=said)


def _next(state: PullState, pull: Pull) -> str:
    """Who acts. Whoever asks need not be the author, whom the sticky comment calls "you"."""
    name = state.triage.state if state.triage else ""
    if name in BY_NAME and BY_NAME[name].waits == "author":
        return texts.STATUS_AUTHOR.format(who=code(pull.author))
    return next_step(state)


def _triage(state: PullState, now: float) -> str:
    triage = state.triage
    if triage is None or not triage.state:
        return ""
    return texts.STATUS_STATE.format(state=triage.state, since=span(now - triage.since))


def _job(job: JobStatus, now: float) -> str:
    at = job.ended_at if job.state == "failed" and job.ended_at is not None else job.created_at
    error = prose(reason(job.error or "", limit=200))
    return texts.STATUS_JOB[job.state].format(name=code(job.name), since=span(now - at), error=error)
