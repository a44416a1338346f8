"""What a job works with, and the shapes that jobs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot import pulls
from bot.engine.database import exclusive
from bot.engine.port import Enqueuer
from bot.forge.port import Forge
from bot.pulls import BuildPart, LintPart, MergePart, Part, PreviewPart, PullState
from bot.render import comment, texts
from bot.settings import Settings
from bot.teachers import TeacherDesk
from pipeline.documents import FetchDocument
from pipeline.evaluate.port import Evaluator
from pipeline.responses import Responses
from pipeline.store.port import Store
from pipeline.taxonomy import Repository
from pipeline.train.port import Trainer


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside a job. `fetch` brings refs of the forge's repository into the mirror and returns it.

    `documents` reads the document that a knowledge leaf names.
    """

    settings: Settings
    forge: Forge
    enqueuer: Enqueuer
    teachers: TeacherDesk
    store: Store
    responses: Responses
    fetch: Callable[[str], Repository]
    documents: FetchDocument
    trainer: Trainer
    evaluator: Evaluator

    def page(self, number: int) -> str:
        """Address of the page with all samples of a pull request."""
        return f"{self.settings.url}/pulls/{number}/samples"

    def publish(self, number: int, part: Part) -> PullState:
        """Put one part in its place, make the sticky comment say so, then store it.

        Stored last: a kill in between leaves the part unstored, so whoever compares with the store publishes again. One
        writer at a time, also across processes, or two jobs would undo each other's part.
        """
        folder = self.settings.state_dir
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / "comments.lock"):
            state = _with(pulls.load(self.store, number), part)
            self.forge.ensure_comment(number, texts.MARKER, comment.render(state, self.page(number)))
            pulls.save(self.store, state)
        return state


def _with(state: PullState, part: Part) -> PullState:
    match part:
        case LintPart():
            return replace(state, lint=part)
        case PreviewPart():
            return replace(state, preview=part)
        case MergePart():
            return replace(state, merge=part)
        case BuildPart():
            return replace(state, build=part)
