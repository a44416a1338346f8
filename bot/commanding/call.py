"""One command on its way, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from bot import pulls
from bot.commands import Asked
from bot.context import Context
from bot.engine.port import JSON, Queue
from bot.forge.port import Pull


@dataclass(frozen=True, slots=True)
class Call:
    """One command by one person about one pull request, whose head is pinned: that is what they meant.

    `id` is the same whenever the step runs again, and no other command has it. `comment`: None for a button.
    """

    context: Context
    pull: Pull
    by: str
    asked: Asked
    id: str
    comment: int | None = None

    def state(self) -> pulls.PullState:
        """What is known of the pull request now."""
        return pulls.load(self.context.store, self.pull.number)

    def argument(self, name: str, default: Any = None) -> Any:
        """A value that was given, as the table types it."""
        return self.asked.arguments.get(name, default)

    def enqueue(self, job: str, queue: Queue, **payload: JSON) -> None:
        """Accept a job about this pull request; this command has one of a name, however often the step runs."""
        number = self.pull.number
        self.context.enqueuer.enqueue(
            job, {"pull": number, **payload}, id=f"{job}-{number}-{self.id}", queue=queue, key=str(number)
        )

    def about(self, pull: Pull, asked: Asked) -> Call:
        """The same person's command about another pull request."""
        return replace(self, pull=pull, asked=asked)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command. `text`: what to reply, "" where the result shows by itself. `note`: it in a few words."""

    text: str = ""
    refused: bool = False
    note: str = ""

    def plain(self) -> dict[str, JSON]:
        """As JSON, for the record of a step."""
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Answer:
        """Back from JSON."""
        return cls(**plain)


def refusal(text: str) -> Answer:
    """Not done; `text` says why, and what to do."""
    return Answer(text, refused=True)
