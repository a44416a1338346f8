"""A push to a pull request: pin the head, judge its files, say so in a check run and in the sticky comment.

No check is opened before the verdict is there: a lint takes less than the request that would announce it, and what was
never opened cannot be left open. Two steps, as each costs a write to the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Literal

from bot import pulls, replies, sandbox
from bot.configuration import changes_configuration, configuration
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.events import external_id
from bot.forge.port import ForgeError, Pull, Suggestion
from bot.jobs.endings import end_unless_concluded, superseded
from bot.pulls import Fault, LintPart, PullState
from bot.reading import PullFiles, read_pull
from bot.render import checks, texts
from bot.render.escape import one_line, prose
from bot.render.reason import reason
from bot.render.suggestions import review, suggestions
from bot.render.texts_models import IMPACT
from bot.retry import TryAgain
from bot.sandbox import Judged, Stopped
from bot.tokens import tokenizer_file
from bot.triage import checklist, overlap
from bot.trust import teacher_time
from validators.model import Finding, Report

log = logging.getLogger(__name__)
LAG_TRIES, LAG_S = 3, 0.5
# Findings whose first line stands for the whole file, or for none: paths, commits, what could not be read.
_ABOUT_FILES = (
    *("attribution-missing", "attribution-empty", "attribution-name", "file-", "too-many-files", "cannot-judge"),
    *("path-", "leaf-", "missing-leaf", "foundational-closed", "stray-file", "symlink", "submodule", "executable-bit"),
    "dco-signoff",
)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull": number, "sha"?: delivered head, "again"?: bool}. What was found, or why nothing was done."""
    try:
        judged = steps.run("judge", lambda: _judge(context, payload))
        return judged if judged["skip"] else steps.run("tell", lambda: _tell(context, judged))
    except Exception as error:
        _give_up(context, payload, error)
        raise


def _judge(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The head as it is now, judged: a webhook is a hint, and may be old."""
    announced: str | None = payload.get("sha")
    pull = _current(context, int(payload["pull"]), announced)
    if announced is not None and announced != pull.head_sha:
        end_unless_concluded(context, texts.LINT, announced, pull)
    pin = {"pull": pull.number, "sha": pull.head_sha, "base": pull.base_sha, "author": pull.author, "skip": ""}
    if pull.state != "open":
        end_unless_concluded(context, texts.LINT, pull.head_sha, pull)
        if pull.merged and announced is not None and not pulls.known(context.store, pull.number):
            context.publish(pull.number, pull=pull)  # merged before its webhook came: still hears what becomes of it
        return pin | {"skip": "the pull request is closed"}
    if not payload.get("again") and is_linted(context, pull) and not _undrafted(context, pull):
        context.refresh(pull)
        return pin | {"skip": "this commit was checked before"}
    state = pulls.load(context.store, pull.number)
    _stop_old_work(context, state, pull)
    return pin | _verdict(context, state, pin)


def _current(context: Context, number: int, announced: str | None) -> Pull:
    """The pull request as it is now. A forge may announce a push a little before its API shows it: then wait.

    A commit that the pull request has, but not as its head, is an older one; there is nothing to wait for.
    """
    pull = context.forge.pull(number)
    if announced in (None, pull.head_sha) or pull.state != "open":
        return pull
    if any(commit.sha == announced for commit in context.forge.commits(number)):
        return pull
    for _ in range(LAG_TRIES):
        time.sleep(LAG_S)
        pull = context.forge.pull(number)
        if announced == pull.head_sha:
            break
    return pull


def is_linted(context: Context, pull: Pull) -> bool:
    """Whether check and comment both speak of the head. The state is stored after the comment is written."""
    lint = pulls.load(context.store, pull.number).lint
    if lint is None or lint.sha != pull.head_sha or lint.failed:
        return False
    return context.forge.check(texts.LINT, pull.head_sha, _external(context, pull.number)) not in (None, "in_progress")


def _undrafted(context: Context, pull: Pull) -> bool:
    """Whether a draft that was judged before became ready: then its preview is due."""
    lint = pulls.load(context.store, pull.number).lint
    return lint is not None and lint.preview == "draft" and not pull.draft


def _stop_old_work(context: Context, state: PullState, pull: Pull) -> None:
    """A preview, precheck or impact run of an earlier commit would only keep the models busy."""
    for part, check in ((state.preview, texts.PREVIEW), (state.precheck, ""), (state.impact, IMPACT)):
        if part is not None and part.status == "running" and part.sha != pull.head_sha:
            context.enqueuer.cancel(part.job)
            if check:
                superseded(context, check, {"sha": part.sha}, pull)


def _verdict(context: Context, state: PullState, pin: Mapping[str, Any]) -> dict[str, Any]:
    """{"part", "findings": the weightiest, "suggestions", "checklist"}."""
    read = read_pull(context.forge, pin["pull"], pin["sha"])
    judged = examine(context, read, pin)
    report = judged.report
    weightiest = checks.by_weight(report.findings)
    part = LintPart(
        sha=pin["sha"],
        files=report.files,
        errors=report.errors,
        warnings=report.warnings,
        hints=sum(f.level == "hint" for f in report.findings),
        faults=tuple(_fault(f, read) for f in weightiest[: pulls.FAULTS_KEPT]),
        leaves=read.leaves,
        fixable=sum(f.fix is not None for f in report.findings),
        budgets=judged.budgets,
    )
    made = _suggestions(context, read, pin) if part.fixable and not state.suggested else ()
    return {
        "part": asdict(part),
        "findings": [asdict(f) for f in weightiest[: checks.ANNOTATIONS]],
        "suggestions": [asdict(one) for one in made],
        "checklist": checklist.fill(report, read, overlap.others(context.store, pin["pull"], read.leaves)),
    }


def examine(context: Context, read: PullFiles, pin: Mapping[str, Any]) -> Judged:
    """What the linter says by the configuration at the base, with what could not be read. `pin`: base and author."""
    by = configuration(context.forge, context.settings, pin["base"], pin["author"])
    tokenizer = tokenizer_file(context.settings.teacher_model)
    judged = sandbox.judge(read.files, read.changed, config=by.config, change=read.change, tokenizer=tokenizer)
    unread = len({p.path for p in read.problems if p.path not in read.files})
    more = (*read.problems, *by.notes, *changes_configuration(read.changed))
    findings = sorted([*judged.report.findings, *more], key=lambda f: (f.path, f.line, f.column, f.rule))
    return replace(judged, report=Report(tuple(findings), judged.report.files + unread))


def judge(context: Context, read: PullFiles, pin: Mapping[str, Any]) -> Report:
    """The report of `examine` alone."""
    return examine(context, read, pin).report


def _suggestions(context: Context, read: PullFiles, pin: Mapping[str, Any]) -> tuple[Suggestion, ...]:
    """What a machine can mend, for the lines of the diff: unasked only once for a pull request."""
    by = configuration(context.forge, context.settings, pin["base"], pin["author"])
    try:
        mended = sandbox.mend(read.files, read.changed, config=by.config, change=read.change)
    except Stopped:  # a verdict is wanted even where mending takes too long
        return ()
    return suggestions(mended, read.lines)


def _fault(finding: Finding, read: PullFiles) -> Fault:
    """With the first line that it is about, where it is about a place and not about a whole file."""
    whole = finding.rule.startswith(_ABOUT_FILES)
    lines = [] if whole else read.files.get(finding.path, b"").decode("utf-8", "replace").split("\n")
    excerpt = lines[finding.line - 1] if 0 < finding.line <= len(lines) else ""
    return Fault(finding, one_line(excerpt, limit=100), whole)


def _tell(context: Context, judged: Mapping[str, Any]) -> dict[str, Any]:
    number, sha = judged["pull"], judged["sha"]
    pull = context.forge.pull(number)
    if superseded(context, texts.LINT, judged, pull):
        return {"superseded": pull.head_sha, "preview": False}
    part = pulls.lint_part(judged["part"])
    state = pulls.load(context.store, number)
    granted = _preview(context, pull, part, state)
    asked = state.lint is not None and (state.lint.sha, state.lint.preview) == (sha, "queued")  # such as by `/preview`
    part = replace(part, preview="queued" if asked and granted not in ("none", "draft") else granted)
    findings = [Finding.from_dict(f) for f in judged["findings"]]
    lines = tuple((mark, text) for mark, text in judged["checklist"])
    # Before the check ends: whoever waits for the check finds the comment.
    context.publish(number, part, lambda triage: replace(triage, checklist=lines), pull=pull)
    external = _external(context, number)
    context.forge.ensure_check(checks.lint_check(sha, external, part, findings, context.page(number)))
    if granted == "queued":
        _ask_preview(context, judged)
    _suggest(context, judged)
    replies.fold(context, number, sha)
    return {"pull": number, "sha": sha, "errors": part.errors, "warnings": part.warnings, "preview": part.preview}


def _preview(
    context: Context, pull: Pull, part: LintPart, state: PullState
) -> Literal["none", "queued", "ask", "budget", "unknown", "draft"]:
    """How a preview of the head comes about."""
    if part.errors or not part.leaves:
        return "none"
    if pull.draft:
        return "draft"
    grant = teacher_time(context, pull, pull.author, state, spend=f"preview-{pull.number}-{pull.head_sha}")
    if grant.allowed:
        return "queued"
    return grant.reason if grant.reason in ("budget", "unknown") else "ask"


def _ask_preview(context: Context, pin: Mapping[str, Any]) -> None:
    number, sha = pin["pull"], pin["sha"]
    payload = {"pull": number, "sha": sha}
    context.enqueuer.enqueue("preview", payload, id=f"preview-{number}-{sha}", queue="preview", key=str(number))


def _suggest(context: Context, judged: Mapping[str, Any]) -> None:
    """One review with the suggestions, if any were made; that it was written is remembered."""
    number, sha = judged["pull"], judged["sha"]
    made = [Suggestion(**one) for one in judged["suggestions"]]
    if not made:
        return
    marker, body = review(sha, made)
    try:
        context.forge.ensure_review(number, sha, marker, body, made)
    except TryAgain:
        raise
    except ForgeError as error:  # a courtesy: the verdict was told, and `/fix` does the same
        log.warning("no suggestions on #%d: %s", number, error)
        return
    with context.pull_locked(number):
        pulls.save(context.store, replace(pulls.load(context.store, number), suggested=sha))


def _give_up(context: Context, payload: Mapping[str, Any], error: Exception) -> None:
    """Whatever went wrong, the head gets a completed check; a verdict that was reached is left alone."""
    why = reason(error, limit=500)
    try:
        pull = context.forge.pull(int(payload["pull"]))
        sha, external = pull.head_sha, _external(context, pull.number)
        if context.forge.check(texts.LINT, sha, external) not in (None, "in_progress"):
            return
        text = (texts.LINT_FAILED, f"{prose(why)}\n\n{texts.AGAIN_LINT}")
        url = context.page(pull.number)
        context.forge.ensure_check(checks.check(texts.LINT, sha, external, text, conclusion="failure", url=url))
        context.publish(pull.number, LintPart(sha=sha, failed=why), pull=pull)
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")  # the reconciler finds the gap


def _external(context: Context, number: int) -> str:
    return external_id(context.forge.repository, number)
