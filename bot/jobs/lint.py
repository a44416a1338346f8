"""A push to a pull request: pin the head, judge its files, say so in a check run and in the sticky comment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bot import pulls, sandbox
from bot.configuration import changes_configuration, configuration
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.events import external_id
from bot.forge.port import Pull
from bot.permissions import decide
from bot.pulls import Fault, LintPart
from bot.reading import PullFiles, read_pull
from bot.render import checks, texts
from bot.render.escape import one_line, prose
from bot.tokens import tokenizer_file
from validators.content.secretscan import masked
from validators.model import Finding, Report

LAG_TRIES, LAG_S = 5, 1.0
# Findings whose first line stands for the whole file, or for none: paths, commits, what could not be read.
_ABOUT_FILES = (
    *("attribution-missing", "attribution-empty", "attribution-name", "file-", "too-many-files", "cannot-judge"),
    *("path-", "leaf-", "missing-leaf", "foundational-closed", "stray-file", "symlink", "submodule", "executable-bit"),
    "dco-signoff",
)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull": number, "again": bool}. Returns what was found, or why nothing was done."""
    pin = steps.run("pin", lambda: _pin(context, payload))
    if pin["skip"]:
        return pin
    try:
        return _judge_and_tell(context, steps, pin)
    except Exception as error:
        _give_up(context, pin, error)
        raise


def _pin(context: Context, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The head as it is now: a webhook is a hint, and may be old. Done before, and not asked again: skip."""
    number = int(payload["pull"])
    pull = _current(context, number, payload.get("sha"))
    pin = {"pull": number, "sha": pull.head_sha, "base": pull.base_sha, "author": pull.author, "skip": ""}
    if pull.state != "open":
        return pin | {"skip": "the pull request is closed"}
    if not payload.get("again") and is_linted(context, pull):
        return pin | {"skip": "this commit was checked before"}
    return pin


def _current(context: Context, number: int, announced: str | None) -> Pull:
    """The pull request as it is now. A forge may announce a push a little before its API shows it: then wait."""
    for _ in range(LAG_TRIES):
        pull = context.forge.pull(number)
        if announced in (None, pull.head_sha) or pull.state != "open" or not is_linted(context, pull):
            break
        time.sleep(LAG_S)
    return pull


def is_linted(context: Context, pull: Pull) -> bool:
    """Whether check and comment both speak of the head. The state is stored after the comment is written."""
    state = pulls.load(context.store, pull.number)
    done = context.forge.check(texts.LINT, pull.head_sha, _external(context, pull.number))
    told = state.lint is not None and state.lint.sha == pull.head_sha and not state.lint.failed
    return told and done not in (None, "in_progress")


def _judge_and_tell(context: Context, steps: Steps, pin: Mapping[str, Any]) -> JSON:
    steps.run("start", lambda: _start(context, pin))
    judged = steps.run("judge", lambda: _judge(context, pin))
    told = steps.run("tell", lambda: _tell(context, pin, judged))
    if told["preview"]:
        steps.run("preview", lambda: _ask_preview(context, pin))
    return told


def _start(context: Context, pin: Mapping[str, Any]) -> None:
    check = checks.check(
        texts.LINT, pin["sha"], _external(context, pin["pull"]), texts.LINT_RUNNING, url=_url(context, pin)
    )
    context.forge.ensure_check(check)
    _stop_old_preview(context, pin)


def _judge(context: Context, pin: Mapping[str, Any]) -> dict[str, Any]:
    read = read_pull(context.forge, pin["pull"], pin["sha"], context.fetch)
    report = judge(context, read, pin)
    part = LintPart(
        sha=pin["sha"],
        files=report.files,
        errors=report.errors,
        warnings=report.warnings,
        hints=sum(f.level == "hint" for f in report.findings),
        faults=tuple(_fault(f, read) for f in checks.by_weight(report.findings)[: pulls.FAULTS_KEPT]),
        leaves=read.leaves,
    )
    return {"report": asdict(report), "part": asdict(part)}


def judge(context: Context, read: PullFiles, pin: Mapping[str, Any]) -> Report:
    """The linter's report by the configuration at the base, with what could not be read. `pin`: base and author."""
    by = configuration(context.forge, context.settings, pin["base"], pin["author"])
    tokenizer = tokenizer_file(context.settings.teacher_model)
    report = sandbox.lint(read.files, read.changed, config=by.config, change=read.change, tokenizer=tokenizer)
    unread = len({p.path for p in read.problems if p.path not in read.files})
    more = (*read.problems, *by.notes, *changes_configuration(read.changed))
    findings = sorted([*report.findings, *more], key=lambda f: (f.path, f.line, f.column, f.rule))
    return Report(tuple(findings), report.files + unread)


def _fault(finding: Finding, read: PullFiles) -> Fault:
    """With the first line that it is about, where it is about a place and not about a whole file."""
    whole = finding.rule.startswith(_ABOUT_FILES)
    lines = [] if whole else read.files.get(finding.path, b"").decode("utf-8", "replace").split("\n")
    excerpt = lines[finding.line - 1] if 0 < finding.line <= len(lines) else ""
    return Fault(finding, one_line(masked(excerpt), limit=100), whole)


def _tell(context: Context, pin: Mapping[str, Any], judged: Mapping[str, Any]) -> dict[str, Any]:
    number, sha = pin["pull"], pin["sha"]
    report = Report(tuple(Finding.from_dict(f) for f in judged["report"]["findings"]), judged["report"]["files"])
    pull = context.forge.pull(number)
    if superseded(context, texts.LINT, pin, pull):
        return {"superseded": pull.head_sha, "preview": False}
    part = pulls.lint_part(judged["part"])
    wanted = bool(report.ok and part.leaves)
    trusted = wanted and not pull.draft and decide(context.forge, pull.author, "triage").allowed
    part = replace(part, preview="none" if not wanted else "queued" if trusted else "ask")
    context.publish(number, part)  # before the check ends: whoever waits for the check finds the comment
    context.forge.ensure_check(checks.lint_check(sha, _external(context, number), report, _url(context, pin)))
    return {"pull": number, "sha": sha, "errors": report.errors, "warnings": report.warnings, "preview": trusted}


def superseded(context: Context, name: str, pin: Mapping[str, Any], pull: Pull) -> bool:
    """Whether there is nothing to say any more about the pinned commit; then its check is concluded so."""
    if pull.head_sha == pin["sha"] and pull.state == "open":
        return False
    if pull.head_sha != pin["sha"]:
        check = checks.superseded(name, pin["sha"], _external(context, pin["pull"]), pull.head_sha, _url(context, pin))
    else:
        text = (texts.CLOSED, texts.CLOSED_SUMMARY)
        external = _external(context, pin["pull"])
        check = checks.check(name, pin["sha"], external, text, conclusion="neutral", url=_url(context, pin))
    context.forge.ensure_check(check)
    return True


def _stop_old_preview(context: Context, pin: Mapping[str, Any]) -> None:
    """A preview of an earlier commit would only keep the teacher busy."""
    preview = pulls.load(context.store, pin["pull"]).preview
    if preview is None or preview.status != "running" or preview.sha == pin["sha"]:
        return
    external = _external(context, pin["pull"])
    context.forge.ensure_check(checks.superseded(texts.PREVIEW, preview.sha, external, pin["sha"], _url(context, pin)))
    context.enqueuer.cancel(preview.job)


def _ask_preview(context: Context, pin: Mapping[str, Any]) -> None:
    payload = {"pull": pin["pull"], "sha": pin["sha"]}
    context.enqueuer.enqueue("preview", payload, id=f"preview-{pin['pull']}-{pin['sha']}", queue="preview")


def _give_up(context: Context, pin: Mapping[str, Any], error: Exception) -> None:
    """No check stays in progress for ever, whatever went wrong; a verdict that was reached is left alone."""
    reason = one_line(str(error) or type(error).__name__, limit=500)
    external = _external(context, pin["pull"])
    try:
        if context.forge.check(texts.LINT, pin["sha"], external) not in (None, "in_progress"):
            return
        text = (texts.LINT_FAILED, f"{prose(reason)}\n\n{texts.AGAIN_LINT}")
        check = checks.check(texts.LINT, pin["sha"], external, text, conclusion="failure", url=_url(context, pin))
        context.forge.ensure_check(check)
        context.publish(pin["pull"], LintPart(sha=pin["sha"], failed=reason))
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")  # the reconciler finds the gap


def _external(context: Context, number: int) -> str:
    return external_id(context.forge.repository, number)


def _url(context: Context, pin: Mapping[str, Any]) -> str:
    return context.page(pin["pull"])
