"""What decides where a pull request stands, read from what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.forge.port import Pull
from bot.pulls import PullState, TriagePart


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it about the head as it is now.

    `lint`: "none" until it was checked, "failed" where no verdict could be given. `samples`: what became of the
    preview; "made" where there was no leaf to make samples from, too. `requested`: a triager asks for changes.
    """

    life: Literal["open", "closed", "merged"] = "open"
    draft: bool = False
    held: bool = False
    lint: Literal["none", "failed", "errors", "clean"] = "none"
    samples: Literal["none", "coming", "failed", "made"] = "none"
    requested: bool = False
    approved: bool = False


def gather(state: PullState, pull: Pull) -> Facts:
    """The facts of a pull request."""
    triage = state.triage or TriagePart()
    return Facts(
        life="merged" if pull.merged else "closed" if pull.state == "closed" else "open",
        draft=pull.draft,
        held=triage.hold is not None,
        lint=_lint(state, pull.head_sha),
        samples=_samples(state, pull.head_sha),
        requested=_requested(triage, pull.head_sha),
        approved=_approved(triage, pull.head_sha),
    )


def _lint(state: PullState, head: str) -> Literal["none", "failed", "errors", "clean"]:
    lint = state.lint
    if lint is None or lint.sha != head:
        return "none"
    return "failed" if lint.failed else "errors" if lint.errors else "clean"


def _samples(state: PullState, head: str) -> Literal["none", "coming", "failed", "made"]:
    lint, preview = state.lint, state.preview
    if preview is not None and preview.sha == head:
        return {"running": "coming", "done": "made", "failed": "failed"}[preview.status]  # type: ignore[return-value]
    if lint is None or lint.sha != head:
        return "none"
    if not lint.leaves:
        return "made"
    return "coming" if lint.preview == "queued" else "none"


def _requested(triage: TriagePart, head: str) -> bool:
    """Whoever approves by command takes back what their own review asked for."""
    approver = triage.approved.by.casefold() if triage.approved and triage.approved.sha == head else ""
    asking = (v for v in triage.verdicts if v.says == "changes_requested" and v.sha == head)
    return any(v.by.casefold() != approver for v in asking)


def _approved(triage: TriagePart, head: str) -> bool:
    by_command = triage.approved is not None and triage.approved.sha == head
    return by_command or any(v.says == "approved" and v.sha == head for v in triage.verdicts)
