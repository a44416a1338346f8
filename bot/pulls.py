"""What is known of a pull request: the stored state that its sticky comment is rendered from.

Each job writes its own part and leaves the others alone; the comment is always rendered from the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter, ValidationError

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
class LintPart:
    """What the linter said about `sha`. `preview` says how a preview comes about.

    `failed`: why no verdict could be given; then the rest is empty.
    """

    sha: str
    files: int = 0
    errors: int = 0
    warnings: int = 0
    hints: int = 0
    faults: tuple[Fault, ...] = ()
    leaves: tuple[str, ...] = ()
    preview: Literal["none", "queued", "ask"] = "none"
    failed: str = ""


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


@dataclass(frozen=True, slots=True)
class LeafScore:
    """Held-out score of a leaf, 0 to 1, of the model before and of the candidate."""

    path: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class BuildPart:
    """What the nightly build said."""

    build: str
    promoted: bool
    reason: str
    leaves: tuple[LeafScore, ...] = ()


Part = LintPart | PreviewPart | MergePart | BuildPart


@dataclass(frozen=True, slots=True)
class PullState:
    """Everything that the comment on a pull request is made of."""

    number: int
    lint: LintPart | None = None
    preview: PreviewPart | None = None
    merge: MergePart | None = None
    build: BuildPart | None = field(default=None)


_JSON = TypeAdapter(PullState)
_LINT = TypeAdapter(LintPart)
_PREVIEW = TypeAdapter(PreviewPart)


def lint_part(plain: object) -> LintPart:
    """A part that went through JSON as the result of a step."""
    return _LINT.validate_python(plain)


def preview_part(plain: object) -> PreviewPart:
    """A part that went through JSON as the result of a step."""
    return _PREVIEW.validate_python(plain)


def load(store: Store, number: int) -> PullState:
    """The stored state; an empty one where there is none, or where an older version wrote what we cannot read."""
    try:
        return _JSON.validate_json(store.read(_key(number)))
    except (KeyError, ValidationError):
        return PullState(number)  # every job writes its part anew, so nothing is lost but an old picture


def known(store: Store, number: int) -> bool:
    """Whether we ever wrote to this pull request."""
    return store.exists(_key(number))


def save(store: Store, state: PullState) -> None:
    """Replace the stored state."""
    store.write(_key(state.number), _JSON.dump_json(state))


def _key(number: int) -> str:
    return f"pulls/{number}/state.json"
