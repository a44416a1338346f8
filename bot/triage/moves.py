"""Which event leads from which state to which: the legal moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """What one kind of event can do: from any of `before` to any of `after`. Where it changes nothing, no move is made.

    What comes at once, such as a push and its check, is one move after the other.
    """

    event: str
    before: tuple[str, ...]
    after: tuple[str, ...]


_ASIDE = ("on-hold", "draft")
_FAULTY = ("check-failed", "needs-fixes")
_SAMPLED = ("previewing", "preview-failed", "needs-preview", "needs-review")
_SAID = ("changes-requested", "ready-to-merge")
ACTIVE = ("checking", *_FAULTY, *_SAID, *_SAMPLED)
OPEN = (*_ASIDE, *ACTIVE)

MOVES: tuple[Move, ...] = (
    Move("a push", (*_FAULTY, *_SAID, *_SAMPLED), ("checking",)),
    Move("the check of the head", ACTIVE, (*_FAULTY, *_SAID, *_SAMPLED)),
    Move("a preview starts", ("needs-preview", "preview-failed", "needs-review"), ("previewing",)),
    Move("a preview ends", ("previewing",), ("needs-review", "preview-failed")),
    Move("a review, or `/approve`", (*_SAID, *_SAMPLED), (*_SAID, *_SAMPLED)),
    Move("`/hold`", ("draft", *ACTIVE), ("on-hold",)),
    Move("`/unhold`", ("on-hold",), ("draft", *ACTIVE)),
    Move("it becomes a draft", ACTIVE, ("draft",)),
    Move("it is ready for review", ("draft",), ACTIVE),
    Move("a merge", OPEN, ("merged",)),
    Move("it is closed", OPEN, ("closed",)),
    Move("it is reopened", ("closed",), OPEN),
)


def legal(event: str, before: str, after: str) -> bool:
    """Whether the table lets `event` lead from one state to the other, or leave it as it is."""
    return before == after or any(m.event == event and before in m.before and after in m.after for m in MOVES)
