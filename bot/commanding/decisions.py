"""Commands that decide: approve, hold, unhold, assign, ok-to-test. What follows from them is triage's to say."""

from __future__ import annotations

from dataclasses import replace

from bot.commanding.call import Answer, Call, refusal
from bot.commanding.working import show_queued
from bot.permissions import same
from bot.pulls import Decision, LintPart, PullState
from bot.render import reply, texts


def approve(call: Call) -> Answer:
    """Ready to merge, at this head. Not before its files passed the check, and not by its author."""
    if same(call.by, call.pull.author):
        return refusal(reply.own(call.asked))
    lint = _lint(call)
    if lint is None or lint.failed:
        return refusal(reply.unchecked(call.asked, failed=lint is not None))
    if lint.errors:
        return refusal(reply.faulty(call.asked, lint.errors))
    decision = _decision(call)
    state = call.context.publish(call.pull.number, lambda triage: replace(triage, approved=decision))
    stands = state.triage.state if state.triage else ""
    return Answer(texts.APPROVED_BUT.get(stands, ""), note=texts.NOTE_APPROVED)


def hold(call: Call) -> Answer:
    """Not to be merged until `unhold`."""
    decision = _decision(call, call.argument("reason", ""))
    call.context.publish(call.pull.number, lambda triage: replace(triage, hold=decision))
    return Answer(note=texts.NOTE_HELD)


def unhold(call: Call) -> Answer:
    """Let it go on."""
    triage = call.state().triage
    if triage is None or triage.hold is None:
        return Answer(texts.NOT_HELD, note=texts.NOT_HELD)
    call.context.publish(call.pull.number, lambda triage: replace(triage, hold=None))
    return Answer(note=texts.NOTE_UNHELD)


def assign(call: Call) -> Answer:
    """Somebody looks after it."""
    login = call.argument("login", call.by)
    if not call.context.forge.ensure_assignee(call.pull.number, login):
        return refusal(reply.not_assignable(call.asked, login))
    call.context.publish(call.pull.number, lambda triage: replace(triage, assignee=login))
    return Answer(note=texts.NOTE_ASSIGNED)


def trust(call: Call) -> Answer:
    """The teacher may read this head. Where it was not checked yet, the check starts the preview when it ends well."""
    decision = _decision(call)
    state = call.context.publish(call.pull.number, lambda triage: replace(triage, trusted=decision))
    lint = _lint(call)
    if lint is not None and lint.errors:
        return Answer(texts.TRUSTED_FAULTY.format(sha=call.pull.head_sha[:7]), note=texts.NOTE_TRUSTED)
    if lint is not None and lint.leaves and not _previewed(state, lint):
        call.enqueue("preview", "preview", sha=call.pull.head_sha)
        show_queued(call)
    return Answer(note=texts.NOTE_TRUSTED)


def _previewed(state: PullState, lint: LintPart) -> bool:
    """Whether a preview of the head that `lint` is about was made, or is under way."""
    preview = state.preview
    return preview.status != "failed" if preview and preview.sha == lint.sha else lint.preview == "queued"


def _lint(call: Call) -> LintPart | None:
    """What the linter said about the pinned head."""
    lint = call.state().lint
    return lint if lint is not None and lint.sha == call.pull.head_sha else None


def _decision(call: Call, why: str = "") -> Decision:
    return Decision(call.by, call.pull.head_sha, why)
