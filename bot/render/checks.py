"""Check runs: annotations on exact lines, and a summary that fits."""

from __future__ import annotations

from collections.abc import Sequence

from bot.forge.port import Action, Annotation, Check, Conclusion
from bot.pulls import LeafPreview, LintPart
from bot.render import texts
from bot.render.escape import clean, code, one_line, prose, sentence
from validators.model import Finding

ANNOTATIONS = 200  # GitHub takes any number in batches of 50; nobody reads more than this
SUMMARY_BYTES = 65_535  # GitHub's limit on a check's summary
_LEVEL = {"error": "failure", "warning": "warning", "hint": "notice"}
_WEIGHT = {"error": 0, "warning": 1, "hint": 2}


def by_weight(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then as the report has them."""
    return sorted(findings, key=lambda f: _WEIGHT[f.level])


def annotate(findings: Sequence[Finding]) -> list[Annotation]:
    """At most `ANNOTATIONS`, errors first. Annotations are plain text: nothing in them is rendered."""
    return [_annotation(f) for f in by_weight(findings)[:ANNOTATIONS]]


def _annotation(finding: Finding) -> Annotation:
    message = clean(finding.message, limit=2000)
    if finding.help:
        message += f"\n\nTo mend it: {clean(finding.help, limit=2000)}"
    if finding.fix:
        message += "\n\n" + texts.FIXABLE_PLAIN.format(title=one_line(finding.fix.title, limit=200))
    start, end = max(finding.line, 1), max(finding.end_line, finding.line, 1)
    columns = start == end and finding.end_column > finding.column >= 1
    return Annotation(
        path=finding.path,
        start_line=start,
        end_line=end,
        level=_LEVEL[finding.level],
        title=one_line(finding.rule, limit=120),
        message=message,
        start_column=finding.column if columns else None,
        end_column=finding.end_column - 1 if columns else None,  # GitHub's end column is inclusive
    )


def lint_check(head_sha: str, external_id: str, part: LintPart, findings: Sequence[Finding], url: str) -> Check:
    """The completed check for a verdict. `findings`: all of them, or the `ANNOTATIONS` weightiest."""
    title = counted(part.errors, "thing to mend", "things to mend") if part.errors else "All checks pass"
    lines = [f"{counted(part.files, 'file', 'files')} read: {tally(part)}."]
    if part.fixable:
        lines.append("\n" + texts.FIXABLE_COUNT.format(n=part.fixable) + "\n")
    lines += [f"- {code(f.path)}, line {f.line}: {prose(f.message, limit=300)}" for f in by_weight(findings)[:50]]
    total = part.errors + part.warnings + part.hints
    if total > ANNOTATIONS:
        lines.append(texts.MORE_ANNOTATIONS.format(n=total - ANNOTATIONS))
    return Check(
        name=texts.LINT,
        head_sha=head_sha,
        external_id=external_id,
        title=title,
        summary=fit("\n".join(lines)),
        conclusion="failure" if part.errors else "success",
        annotations=annotate(findings),
        details_url=url,
        actions=_lint_actions(part),
    )


def _lint_actions(part: LintPart) -> tuple[Action, ...]:
    """Buttons: let the teacher look at what is green, mend what a machine can mend."""
    preview = (Action(*texts.BUTTON_PREVIEW, "preview"),) if part.leaves and not part.errors else ()
    return (*preview, Action(*texts.BUTTON_FIX, "fix")) if part.fixable else preview


def check(
    name: str, head_sha: str, external_id: str, text: tuple[str, str], *, conclusion: Conclusion | None = None, url: str
) -> Check:
    """A check without annotations. `text` is title and summary, in Markdown of ours. A preview that ended can be
    asked for again by a button."""
    again = (Action(*texts.BUTTON_PREVIEW_AGAIN, "preview"),) if name == texts.PREVIEW and conclusion else ()
    title, summary = one_line(text[0], limit=120), fit(text[1])
    return Check(name, head_sha, external_id, title, summary, conclusion, details_url=url, actions=again)


def superseded(name: str, old: str, external_id: str, new: str, url: str) -> Check:
    """The check of a commit that is no longer the head."""
    text = (texts.SUPERSEDED.format(sha=new[:7]), texts.SUPERSEDED_SUMMARY.format(sha=new[:7]))
    return check(name, old, external_id, text, conclusion="cancelled", url=url)


def cancelled(name: str, sha: str, external_id: str, why: str, url: str) -> Check:
    """The check of work that somebody stopped; `why` is the end of a sentence, foreign text allowed."""
    return check(name, sha, external_id, (texts.STOPPED, sentence(why)), conclusion="cancelled", url=url)


def tally(part: LintPart) -> str:
    """Such as "2 errors, 1 suggestion"."""
    hints = part.warnings + part.hints
    parts = [counted(part.errors, "error", "errors")]
    return ", ".join([*parts, counted(hints, "suggestion", "suggestions")] if hints else parts)


def kept(leaves: Sequence[LeafPreview]) -> str:
    """Such as "2 kept, 1 rejected", of all leaves together."""
    return texts.KEPT.format(
        kept=sum(leaf.kept for leaf in leaves),
        rejected=sum(leaf.rejected for leaf in leaves),
    )


def counted(n: int, one: str, many: str) -> str:
    """Such as "1 file", "no files", "3 files"."""
    return f"{n or 'no'} {one if n == 1 else many}"


def fit(text: str) -> str:
    """Cut to what GitHub takes, counted in bytes."""
    data = text.encode()
    if len(data) <= SUMMARY_BYTES:
        return text
    return data[: SUMMARY_BYTES - 4].decode(errors="ignore") + "\n…"
