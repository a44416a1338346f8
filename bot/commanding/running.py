"""Commands about jobs that were accepted: cancel, retry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.commanding.call import Answer, Call
from bot.engine.port import JobStatus
from bot.jobs.endings import conclude_cancelled
from bot.pulls import PreviewPart
from bot.render import reply, texts
from bot.render.texts_models import IMPACT

STOPPED = ("preview", "precheck", "impact", "fix")
LIMIT = 20  # jobs named in an answer, and retried by one command


def cancel(call: Call) -> Answer:
    """Stop the work that people can start. Checks first, so that a job which notices leaves them alone."""
    enqueuer = call.context.enqueuer
    mine = enqueuer.jobs(states=("queued", "running"), key=str(call.pull.number))
    jobs = [job for job in mine if job.name in STOPPED]
    if not jobs:
        return Answer(texts.NOTHING_TO_CANCEL)
    _say_cancelled(call, {job.id for job in jobs}, any(job.name == "preview" for job in jobs))
    for job in jobs:
        enqueuer.cancel(job.id)
    return _named(texts.CANCELLED_JOBS, jobs)


def retry(call: Call) -> Answer:
    """Put the dead letters of this pull request back into their queues."""
    failed = call.context.enqueuer.jobs(states=("failed",), key=str(call.pull.number), limit=LIMIT)
    again = [job for job in failed if call.context.enqueuer.retry(job.id)]
    return _named(texts.RETRIED_JOBS, again) if again else Answer(texts.NOTHING_TO_RETRY)


def _named(text: str, jobs: Sequence[JobStatus]) -> Answer:
    said = text.format(jobs=reply.names([job.name for job in jobs]))
    return Answer(said, note=said)


def _say_cancelled(call: Call, ids: set[str], preview: bool) -> None:
    """Conclude what the cancelled jobs began, in the check and in the comment."""
    state, number, head = call.state(), call.pull.number, call.pull.head_sha
    why = texts.CANCELLED_BY.format(by=call.by)
    made, asked, tried = state.preview, state.precheck, state.impact
    if made is not None and made.status == "running" and made.job in ids:
        conclude_cancelled(call.context, {"pull": number, "sha": made.sha}, why)
    elif preview and (made is None or made.sha != head):
        call.context.publish(number, PreviewPart(head, "failed", failed=why))
    if asked is not None and asked.status == "running" and asked.job in ids:
        call.context.publish(number, replace(asked, status="failed", failed=why))
    if tried is not None and tried.status == "running" and tried.job in ids:
        conclude_cancelled(call.context, {"pull": number, "sha": tried.sha}, why, IMPACT)
