"""The states of a pull request, in one table: label, whom it waits for, what comes next, when it holds.

`docs/explanation/triage.md` shows the table to people; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.forge.port import Label, Pull
from bot.pulls import PullState
from bot.render import texts
from bot.triage.facts import Facts, gather

PREFIX = "seedbed:"
Waits = Literal["author", "triager", "seedbed", "nobody"]


@dataclass(frozen=True, slots=True)
class State:
    """One state. `when`: what must be so, where no state above it in the table holds.

    A closed pull request has no state label, so its `color` is "". `next` is a whole sentence that says who acts.
    """

    name: str
    color: str
    description: str
    waits: Waits
    next: str
    when: Callable[[Facts], bool]

    @property
    def label(self) -> Label | None:
        """The label that shows this state."""
        return Label(PREFIX + self.name, self.color, self.description) if self.color else None


_YELLOW, _RED, _GREEN, _BLUE, _GREY = "fbca04", "d93f0b", "0e8a16", "1d76db", "c5def5"

STATES: tuple[State, ...] = (
    State("merged", "", "", "nobody", "", lambda f: f.life == "merged"),
    State("closed", "", "", "nobody", texts.NEXT_CLOSED, lambda f: f.life == "closed"),
    State(
        "on-hold",
        _GREY,
        "A maintainer wants this to wait; nobody is reminded",
        "nobody",
        texts.NEXT_HELD,
        lambda f: f.held,
    ),
    State(
        "draft",
        _GREY,
        "The author still works on this",
        "author",
        texts.NEXT_DRAFT,
        lambda f: f.draft,
    ),
    State(
        "checking",
        _BLUE,
        "A new commit is being checked",
        "seedbed",
        texts.NEXT_CHECK,
        lambda f: f.lint == "none",
    ),
    State(
        "check-failed",
        _YELLOW,
        "The check could not be done; Seedbed tries again",
        "seedbed",
        texts.NEXT_CHECK_FAILED,
        lambda f: f.lint == "failed",
    ),
    State(
        "needs-fixes",
        _RED,
        "The check found faults that the author mends",
        "author",
        texts.NEXT_MEND,
        lambda f: f.lint == "errors",
    ),
    State(
        "changes-requested",
        _RED,
        "A reviewer asked the author for changes",
        "author",
        texts.NEXT_CHANGES,
        lambda f: f.requested,
    ),
    State(
        "ready-to-merge",
        _GREEN,
        "Approved at this commit; a maintainer can merge",
        "triager",
        texts.NEXT_MERGE,
        lambda f: f.approved,
    ),
    State(
        "previewing",
        _BLUE,
        "The teacher is making samples",
        "seedbed",
        texts.NEXT_WAIT,
        lambda f: f.samples == "coming",
    ),
    State(
        "preview-failed",
        _YELLOW,
        "The teacher could not make samples",
        "triager",
        texts.NEXT_PREVIEW_AGAIN,
        lambda f: f.samples == "failed",
    ),
    State(
        "needs-preview",
        _YELLOW,
        "A maintainer decides whether the teacher makes samples",
        "triager",
        texts.NEXT_ASK,
        lambda f: f.samples == "none",
    ),
    State(
        "needs-review",
        _YELLOW,
        "Checks pass; waits for a reviewer",
        "triager",
        texts.NEXT_REVIEW,
        lambda f: True,
    ),
)
BY_NAME = {state.name: state for state in STATES}

KNOWLEDGE = Label("knowledge", "0075ca", "Adds facts that a document states")
SKILL = Label("skill", "a2eeef", "Shows how to do something")


def state_of(facts: Facts) -> State:
    """The one state that the facts put a pull request in."""
    return next(state for state in STATES if state.when(facts))


def derive(state: PullState, pull: Pull) -> State:
    """The state of a pull request, from what is stored of it and from what it is now."""
    return state_of(gather(state, pull))
