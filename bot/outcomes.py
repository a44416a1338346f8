"""What models made of a pull request's leaves: after a nightly build, and in an impact run before the merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Change:
    """After minus before in nats per token of the right answer: below 0 is better. `low`, `high`: the 90 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """One question that no model had seen: what the earlier model answers, and what the new one answers."""

    question: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LeafScore:
    """Held-out score of a leaf, of the model before and of the one after.

    `before`, `after`: mean probability of a token of the right answer, 0 to 1. The rest is not known of states that an
    older version stored: `nats`: the same in nats per token; `change`: None too where one seed example cannot give an
    interval; `questions`: on how many; `informing`: too few to weigh alone, which takes `needed`; `choices`: (how many
    multiple-choice questions, right before, right after); `example`: one that changed as much as most did.
    """

    path: str
    before: float
    after: float
    nats: tuple[float, float] | None = None
    change: Change | None = None
    questions: int = 0
    informing: bool = False
    needed: int = 0
    choices: tuple[int, int, int] = (0, 0, 0)
    example: Contrast | None = None


@dataclass(frozen=True, slots=True)
class LeafApart:
    """A leaf that builds leave out, as it harmed others. `victims`: what; `change`: what it added on them, None where
    that was not measured; `build`: the one it blocked; `until`: the last day, such as 2026-04-30."""

    path: str
    victims: tuple[str, ...]
    build: str
    until: str
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class BuildPart:
    """What the nightly build said.

    `decision`: the gate's word, "" in states of older versions. `against`: "base" or the build that it was compared
    with. `url`: of its commit in the ledger, "" for none. `apart`: leaves of this pull request that are left out.
    """

    build: str
    promoted: bool
    reason: str
    leaves: tuple[LeafScore, ...] = ()
    decision: Literal["", "PROMOTE", "HOLD", "INCONCLUSIVE"] = ""
    against: str = ""
    url: str = ""
    apart: tuple[LeafApart, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupScore:
    """General questions of one kind, or leaves of others: how many, and what changed on them."""

    name: str
    questions: int
    change: Change


@dataclass(frozen=True, slots=True)
class LostLead:
    """Right replies to general questions of one kind that stand out less from wrong ones: by which share."""

    name: str
    questions: int
    share: float


@dataclass(frozen=True, slots=True)
class ImpactPart:
    """What learning the leaves of `sha` does to the present model (`against`, a person's name for it).

    `leaves`: on their own held-out questions. `general`, `others`: on the general suite, and on leaves that others
    wrote; None where there are none. `worse`: kinds of general questions and leaves that got clearly worse. `leads`:
    kinds of general questions whose right replies lost much of their lead. `unread`: (leaf, why it took no part).
    `rows`: trained on. `failed`: why there is no measurement; then the rest is empty.
    """

    sha: str
    status: Literal["running", "done", "failed"]
    against: str = ""
    leaves: tuple[LeafScore, ...] = ()
    general: GroupScore | None = None
    others: GroupScore | None = None
    worse: tuple[GroupScore, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    rows: int = 0
    failed: str = ""
    job: str = ""
    leads: tuple[LostLead, ...] = ()
