"""What the sticky comment says of triage: who acts next, what a push made void, and the reviewer's checklist."""

from __future__ import annotations

from collections.abc import Iterator

from bot.pulls import PullState, TriagePart
from bot.render import texts
from bot.render.escape import code, prose, sentence
from bot.triage.states import BY_NAME


def lines(state: PullState) -> Iterator[str]:
    """Blocks of Markdown: what fell, who acts next, the checklist. None for what was merged or not settled yet.

    The first sentence about who acts takes the place of any other "Next:" of the comment.
    """
    triage = state.triage
    if triage is None or triage.state not in BY_NAME or triage.state == "merged":
        return
    if triage.void:
        yield f"> {sentence(triage.void)}"
    yield " ".join([next_step(state), *_people(triage)])
    if triage.checklist and triage.state != "closed":
        yield from _checklist(triage)


def next_step(state: PullState) -> str:
    """Who acts next, in a sentence of ours; "" where nothing is known, and after the merge."""
    name = state.triage.state if state.triage else ""
    if name == "needs-review" and state.lint and not state.lint.leaves:
        return texts.NEXT_REVIEW_ONLY
    return BY_NAME[name].next if name in BY_NAME else ""


def reminder(state: PullState, author: str, *, days: int, nth: int) -> tuple[str, str]:
    """Marker and body of the `nth` reminder of this wait. The same wait and number give the same marker."""
    triage = state.triage or TriagePart()
    marker = texts.REMIND.format(state=triage.state, since=int(triage.since), nth=nth)
    if BY_NAME[triage.state].waits == "author":
        text = texts.REMIND_AUTHOR.format(who=code(author), days=days)
    else:
        who = texts.ASSIGNED.format(who=code(triage.assignee)) if triage.assignee else ""
        text = texts.REMIND_TRIAGER.format(days=days, who=who).strip()
    return marker, f"{marker}\n{text}\n\n{next_step(state)}\n\n<sub>{texts.REMIND_NO_HURRY}</sub>"


def _people(triage: TriagePart) -> Iterator[str]:
    if triage.hold and triage.state == "on-hold":
        why = f": {prose(triage.hold.why, limit=300)}" if triage.hold.why else ""
        yield texts.HELD_BY.format(by=code(triage.hold.by), why=why)
    elif triage.assignee and BY_NAME[triage.state].waits == "triager":
        yield texts.ASSIGNED.format(who=code(triage.assignee))


def _checklist(triage: TriagePart) -> Iterator[str]:
    fine = sum(mark == "ok" for mark, _ in triage.checklist)
    title = texts.CHECKLIST.format(ok=fine, all=len(triage.checklist))
    yield f"<details><summary>{title}</summary>"
    yield texts.CHECKLIST_EXPLAINED
    yield "\n".join(f"- {texts.MARKS[mark]} {sentence(text, limit=300)}" for mark, text in triage.checklist)
    yield "</details>"
