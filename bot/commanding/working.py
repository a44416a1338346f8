"""Commands that start work: lint, fix, migrate, preview, precheck, impact."""

from __future__ import annotations

from dataclasses import replace

from bot.commanding.call import Answer, Call
from bot.engine.port import JSON
from bot.render import texts


def lint(call: Call) -> Answer:
    """Check again, whatever was checked before."""
    call.enqueue("lint", "lint", again=True)
    return Answer(note=texts.NOTE_QUEUED)


def fix(call: Call) -> Answer:
    """Mend what the linter can mend."""
    return _mend(call, migrate=False)


def migrate(call: Call) -> Answer:
    """Bring leaves to the newest version."""
    return _mend(call, migrate=True)


def preview(call: Call) -> Answer:
    """Samples of the pinned head."""
    given: dict[str, JSON] = {"sha": call.pull.head_sha}
    if leaves := call.argument("leaves"):
        given["leaves"] = leaves
    if n := call.argument("n"):
        given["n"] = n
    call.enqueue("preview", "preview", **given)
    show_queued(call)
    return Answer(note=texts.NOTE_QUEUED)


def precheck(call: Call) -> Answer:
    """What the present model knows of the pinned head's leaves."""
    return _with_model(call, "precheck")


def impact(call: Call) -> Answer:
    """What the present model would learn of the pinned head's leaves."""
    return _with_model(call, "impact")


def show_queued(call: Call) -> None:
    """The comment asks no maintainer any more for the preview that was just asked for."""
    lint = call.state().lint
    if lint is not None and lint.sha == call.pull.head_sha and lint.preview not in ("none", "queued"):
        call.context.publish(call.pull.number, replace(lint, preview="queued"))


def _with_model(call: Call, job: str) -> Answer:
    """Jobs for which the student is loaded take turns with generation and builds."""
    given: dict[str, JSON] = {"sha": call.pull.head_sha}
    if leaves := call.argument("leaves"):
        given["leaves"] = leaves
    call.enqueue(job, "generate", **given)
    return Answer(note=texts.NOTE_QUEUED)


def _mend(call: Call, *, migrate: bool) -> Answer:
    call.enqueue("fix", "lint", sha=call.pull.head_sha, author=call.by, comment=call.comment, migrate=migrate)
    return Answer(note=texts.NOTE_QUEUED)
