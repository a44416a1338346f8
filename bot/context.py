"""What a job works with, and the shapes that jobs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bot import pulls
from bot.engine.database import exclusive
from bot.engine.port import Enqueuer
from bot.forge.port import Forge, Pull
from bot.pulls import (
    BuildPart,
    DocumentsPart,
    ImpactPart,
    LintPart,
    MergePart,
    Part,
    PrecheckPart,
    PreviewPart,
    PullState,
    TriagePart,
)
from bot.render import comment, texts
from bot.settings import Settings
from bot.teachers import TeacherDesk
from bot.triage import overlap
from bot.triage.assignment import candidates
from bot.triage.settling import Change, settle, spare_labels, wanted_labels
from bot.triage.states import BY_NAME
from pipeline.documents import FetchDocument
from pipeline.evaluate.port import Evaluator
from pipeline.quality.embedding import Embedder
from pipeline.store.port import Store
from pipeline.taxonomy import Repository
from pipeline.train.port import Trainer


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside a job. `fetch` brings refs of the forge's repository into the mirror and returns it.

    `documents` reads the document that a knowledge leaf names; `embedder` finds what says the same in other words, None
    where no embedding model is installed.
    """

    settings: Settings
    forge: Forge
    enqueuer: Enqueuer
    teachers: TeacherDesk
    store: Store
    fetch: Callable[[str], Repository]
    documents: FetchDocument
    embedder: Embedder | None
    trainer: Trainer
    evaluator: Evaluator
    clock: Callable[[], float] = time.time

    def page(self, number: int) -> str:
        """Address of the page with all samples of a pull request."""
        return f"{self.settings.url}/pulls/{number}/samples"

    def publish(self, number: int, *parts: Part | Change, pull: Pull | None = None) -> PullState:
        """Put parts in their places, settle the triage, make the sticky comment and the labels say so, then store.

        A function changes the triage part as it is by then, such as `lambda triage: replace(triage, hold=decision)`.
        `pull`: as the forge showed it just now; asked for where it is None, and where another job has settled another
        head meanwhile: what was decided about that must not fall. Stored last: a kill in between leaves the parts
        unstored, so whoever compares with the store publishes again.
        """
        with self.pull_locked(number):
            state = before = pulls.load(self.store, number)
            if pull is None or _settled_elsewhere(before, pull):
                pull = self.forge.pull(number)
            for part in parts:
                state = _with(state, part)
            state = settle(state, pull, self.clock())
            if _moved(before, state):
                state = self._assigned(state, pull)
            self.forge.ensure_comment(number, texts.MARKER, comment.render(state, self.page(number)))
            state = self._labelled(state, pull)
            overlap.note(self.store, before, state)
            pulls.save(self.store, state)
        return state

    def refresh(self, pull: Pull) -> None:
        """Publish what the forge shows of `pull` now, if the comment says otherwise: it was reopened, or is a draft."""
        state = pulls.load(self.store, pull.number)
        if settle(state, pull, self.clock()) != state:
            self.publish(pull.number, pull=pull)

    def _assigned(self, state: PullState, pull: Pull) -> PullState:
        """With somebody who looks at it, as soon as it waits for a triager and nobody does yet."""
        triage = state.triage or TriagePart()
        if triage.assignee or not self.settings.triagers or BY_NAME[triage.state].waits != "triager":
            return state
        asked = candidates(pull, self.forge.open_pulls(), self.settings.triagers)
        taken = next((login for login in asked if self.forge.ensure_assignee(pull.number, login)), "")
        return replace(state, triage=replace(triage, assignee=taken))

    def _labelled(self, state: PullState, pull: Pull) -> PullState:
        """With the labels of its state and kinds. The forge is asked only where `pull` shows other labels."""
        wanted = wanted_labels(state)
        carried = {name.casefold() for name in pull.labels}
        missing = [label for label in wanted if label.name.casefold() not in carried]
        spare = spare_labels(state, pull.labels)
        if missing or spare:
            self.forge.ensure_labels(pull.number, add=missing, remove=spare)
        triage = state.triage or TriagePart()
        return replace(state, triage=replace(triage, labels=tuple(label.name for label in wanted)))

    @contextmanager
    def pull_locked(self, number: int) -> Iterator[None]:
        """One writer of a pull request at a time, also across processes, or two jobs would undo each other's part."""
        folder = self.settings.state_dir / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / f"pull-{number % 256}.lock"):
            yield


def _settled_elsewhere(before: PullState, pull: Pull) -> bool:
    """Whether it was settled last for another head than `pull` shows: one of the two is old."""
    return before.triage is not None and before.triage.sha not in ("", pull.head_sha)


def _moved(before: PullState, now: PullState) -> bool:
    """Whether it came into another state."""
    return before.triage is None or now.triage is None or before.triage.state != now.triage.state


def _with(state: PullState, part: Part | Change) -> PullState:
    match part:
        case LintPart():
            return replace(state, lint=part)
        case PreviewPart():
            return replace(state, preview=part)
        case DocumentsPart():
            return replace(state, documents=part)
        case PrecheckPart():
            return replace(state, precheck=part)
        case ImpactPart():
            return replace(state, impact=part)
        case TriagePart():
            return replace(state, triage=part)
        case MergePart():
            return replace(state, merge=part)
        case BuildPart():
            return replace(state, build=part)
        case change:
            return replace(state, triage=change(state.triage or TriagePart()))
