"""Settle a pull request: put it into its state, and drop the decisions that a push made void."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.forge.port import Label, Pull
from bot.pulls import Decision, PullState, TriagePart
from bot.render import texts
from bot.triage.states import BY_NAME, KNOWLEDGE, SKILL, STATES, derive

Change = Callable[[TriagePart], TriagePart]
"""What a command or a job decides: the part as it is, to the part as it shall be."""


def settle(state: PullState, pull: Pull, now: float) -> PullState:
    """The state with its triage part as it is at `now` (seconds since 1970). Settling twice changes nothing."""
    before = state.triage or TriagePart()
    kept = replace(_without_void(before, pull), assignee=_assignee(before, pull))
    name = derive(replace(state, triage=kept), pull).name
    if (name, pull.head_sha) != (before.state, before.sha):
        kept = replace(kept, state=name, sha=pull.head_sha, since=now, reminded=0)
    return replace(state, triage=kept)


def _assignee(triage: TriagePart, pull: Pull) -> str:
    """Who looks at it as the forge has it: people assign by hand, too."""
    same = (login for login in pull.assignees if login.casefold() == triage.assignee.casefold())
    return next(same, pull.assignees[0] if pull.assignees else "")


def _without_void(triage: TriagePart, pull: Pull) -> TriagePart:
    """A decision holds for its own head. What fell is said until somebody decides anew."""
    head, said = pull.head_sha, []
    if (approval := _approval(triage, head)) is not None:
        said.append(texts.VOID_APPROVAL.format(by=approval.by, sha=approval.sha[:7]))
    if triage.trusted and triage.trusted.sha != head:
        said.append(texts.VOID_TRUST.format(by=triage.trusted.by, sha=triage.trusted.sha[:7]))
    approved = triage.approved if triage.approved and triage.approved.sha == head else None
    trusted = triage.trusted if triage.trusted and triage.trusted.sha == head else None
    old = "" if approved or trusted or pull.state != "open" else triage.void
    return replace(triage, approved=approved, trusted=trusted, void=" ".join(said) or old)


def _approval(triage: TriagePart, head: str) -> Decision | None:
    """The approval that no longer holds, by command or by a review of the head that was settled last."""
    if triage.approved is not None:
        return triage.approved if triage.approved.sha != head else None
    stale = (v for v in triage.verdicts if v.says == "approved" and v.sha == triage.sha != head)
    return next((Decision(v.by, v.sha) for v in stale), None)


def wanted_labels(state: PullState) -> tuple[Label, ...]:
    """The labels that the pull request should carry: its state's, and one for each kind of leaf that it changes."""
    own = BY_NAME[state.triage.state].label if state.triage and state.triage.state else None
    roots = {leaf.partition("/")[0] for leaf in (state.lint.leaves if state.lint else ())}
    kinds = [KNOWLEDGE] * ("knowledge" in roots) + [SKILL] * bool(roots - {"knowledge"})
    return tuple(([own] if own else []) + kinds)


def spare_labels(state: PullState, carried: tuple[str, ...]) -> tuple[str, ...]:
    """Of the labels that it carries, those that must go: of another state, or put on by us for leaves now gone."""
    ours = [s.label.name for s in STATES if s.label] + [*(state.triage.labels if state.triage else ())]
    spare = {name.casefold() for name in ours} - {label.name.casefold() for label in wanted_labels(state)}
    return tuple(sorted(name for name in {*carried} if name.casefold() in spare))
