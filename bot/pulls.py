"""What is known of a pull request: the stored state that its sticky comment is rendered from.

Each job writes its own part and leaves the others alone; the comment is always rendered from the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from bot.outcomes import BuildPart as BuildPart
from bot.outcomes import ImpactPart as ImpactPart
from bot.outcomes import LeafScore as LeafScore
from pipeline.store.port import Store
from validators.model import Finding

FAULTS_KEPT = 50
SHOWN_KEPT = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding with the line that it is about; `whole`: it is about the file or its neighbours, and no line."""

    finding: Finding
    excerpt: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of the teacher's context one leaf takes, in tokens: its largest seed example, of `limit`."""

    path: str
    largest: int
    limit: int


@dataclass(frozen=True, slots=True)
class LintPart:
    """What the linter said about `sha`. `fixable`: findings that `/fix` mends.

    `preview` says how a preview comes about: none is wanted, it is queued, or why it waits: a maintainer must ask for
    it ("ask"), the author's previews of today are used up ("budget"), the forge did not say who may ("unknown"), it is
    a draft. `failed`: why no verdict could be given; then the rest is empty.
    """

    sha: str
    files: int = 0
    errors: int = 0
    warnings: int = 0
    hints: int = 0
    faults: tuple[Fault, ...] = ()
    leaves: tuple[str, ...] = ()
    preview: Literal["none", "queued", "ask", "budget", "unknown", "draft"] = "none"
    failed: str = ""
    fixable: int = 0
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample as shown in the comment: what was asked, what was answered, and the reason if it was rejected."""

    question: str
    answer: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeafPreview:
    """What the teacher made of one leaf. `reasons` counts the rejected by reason; `key` finds them all in the store."""

    path: str
    key: str = ""
    kept: int = 0
    rejected: int = 0
    shown: tuple[Shown, ...] = ()
    dropped: tuple[Shown, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """What the teacher made of `sha`. `failed`: why it made nothing. `job`: who makes it, so that it can be stopped."""

    sha: str
    status: Literal["running", "done", "failed"]
    teacher: str = ""
    leaves: tuple[LeafPreview, ...] = ()
    failed: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One seed question put to the community's present model. `score`: 0 to 1 against the seed's own answer."""

    question: str
    expected: str
    answer: str
    score: float
    known: bool


@dataclass(frozen=True, slots=True)
class LeafPrecheck:
    """What the present model already knows of one leaf. `note`: why not all of its questions were asked."""

    path: str
    asked: tuple[Asked, ...] = ()
    note: str = ""

    @property
    def known(self) -> int:
        """How many seed questions it answers already."""
        return sum(one.known for one in self.asked)


@dataclass(frozen=True, slots=True)
class PrecheckPart:
    """What the community's present model (`model`) answers to the seed questions of `sha`."""

    sha: str
    status: Literal["running", "done", "failed"]
    model: str = ""
    leaves: tuple[LeafPrecheck, ...] = ()
    failed: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a maintainer decided: who, about which head (a push makes it void), and why."""

    by: str
    sha: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last word of one triager's reviews, about the head `sha`."""

    by: str
    says: Literal["approved", "changes_requested"]
    sha: str


@dataclass(frozen=True, slots=True)
class TriagePart:
    """Where a pull request stands with people. `state` names a state of `bot.triage.states`.

    `sha`: the head that it was settled for. `since`: when it came into that state, or when its head changed, seconds
    since 1970. `reminded`: reminders sent since then. `hold`: who holds it until `unhold`; its `sha` is not looked at.
    `void`: which decisions a push made void, in words. `checklist`: lines of the review checklist (mark, text).
    `verdicts`: of reviews. `labels`: those that we put on.
    """

    state: str = ""
    sha: str = ""
    since: float = 0.0
    reminded: int = 0
    assignee: str = ""
    approved: Decision | None = None
    trusted: Decision | None = None
    hold: Decision | None = None
    void: str = ""
    checklist: tuple[tuple[Literal["ok", "look", "bad"], str], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeedPlace:
    """Where the context of an example stands in its document; `file` is "" where nothing there is like it.

    `example` and `line` count from 1. `similarity`: 0 to 1; where it was not `found`, of the nearest place.
    """

    example: int
    file: str = ""
    line: int = 0
    similarity: float = 0.0
    found: bool = False


@dataclass(frozen=True, slots=True)
class LeafDocument:
    """What was found out about the document of one leaf. `reason`: why it could not be read, "" where it was.

    `read`: the first files that were read, of `files` in all. `unread`: (file, why it was not read, or not all of it).
    """

    path: str
    repo: str
    commit: str
    reason: str = ""
    read: tuple[str, ...] = ()
    files: int = 0
    unread: tuple[tuple[str, str], ...] = ()
    seeds: tuple[SeedPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentsPart:
    """What was found out about the documents of knowledge leaves at the head `sha`."""

    sha: str
    leaves: tuple[LeafDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class LeafMade:
    """The dataset of one merged leaf."""

    path: str
    key: str = ""
    kept: int = 0
    rejected: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergePart:
    """What was generated after the merge."""

    teacher: str = ""
    leaves: tuple[LeafMade, ...] = ()
    failed: str = ""


Part = LintPart | PreviewPart | DocumentsPart | PrecheckPart | ImpactPart | TriagePart | MergePart | BuildPart


@dataclass(frozen=True, slots=True)
class Reply:
    """A comment of ours that a push makes obsolete; `sha` is the head that it speaks of."""

    comment: int
    sha: str


@dataclass(frozen=True, slots=True)
class PullState:
    """Everything that the comment on a pull request is made of.

    `replies`: comments of ours to fold away at the next push. `suggested`: the head that got our suggestions unasked,
    which happens once.
    """

    number: int
    lint: LintPart | None = None
    preview: PreviewPart | None = None
    merge: MergePart | None = None
    build: BuildPart | None = field(default=None)
    precheck: PrecheckPart | None = None
    triage: TriagePart | None = None
    replies: tuple[Reply, ...] = ()
    suggested: str = ""
    documents: DocumentsPart | None = None
    impact: ImpactPart | None = None


_JSON = TypeAdapter(PullState)
_LINT = TypeAdapter(LintPart)
_PREVIEW = TypeAdapter(PreviewPart)
_PRECHECK = TypeAdapter(PrecheckPart)
_IMPACT = TypeAdapter(ImpactPart)
_BUILD = TypeAdapter(BuildPart)


def lint_part(plain: object) -> LintPart:
    """A part that went through JSON as the result of a step."""
    return _LINT.validate_python(plain)


def preview_part(plain: object) -> PreviewPart:
    """A part that went through JSON as the result of a step."""
    return _PREVIEW.validate_python(plain)


def precheck_part(plain: object) -> PrecheckPart:
    """A part that went through JSON as the result of a step."""
    return _PRECHECK.validate_python(plain)


def impact_part(plain: object) -> ImpactPart:
    """A part that went through JSON as the result of a step."""
    return _IMPACT.validate_python(plain)


def build_part(plain: object) -> BuildPart:
    """A part that went through JSON as the result of a step."""
    return _BUILD.validate_python(plain)


def load(store: Store, number: int) -> PullState:
    """The stored state; an empty one where there is none, or where an older version wrote what we cannot read."""
    try:
        return _JSON.validate_json(store.read(_key(number)))
    except (KeyError, ValidationError):
        return PullState(number)  # every job writes its part anew, so nothing is lost but an old picture


def known(store: Store, number: int) -> bool:
    """Whether we ever wrote to this pull request."""
    return store.exists(_key(number))


def numbers(store: Store) -> list[int]:
    """All pull requests that we ever wrote to."""
    return sorted(int(key.split("/")[1]) for key in store.keys("pulls/") if key.endswith("/state.json"))


def save(store: Store, state: PullState) -> None:
    """Replace the stored state."""
    store.write(_key(state.number), _JSON.dump_json(state))


def _key(number: int) -> str:
    return f"pulls/{number}/state.json"
