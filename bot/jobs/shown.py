"""A job that people see as a check run and as a part of the sticky comment, from its start to whatever end it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.context import Context
from bot.engine.port import Steps
from bot.events import external_id
from bot.forge.port import Conclusion
from bot.jobs.endings import conclude_cancelled, superseded
from bot.jobs.watch import Unwanted
from bot.outcomes import ImpactPart
from bot.pulls import PreviewPart
from bot.render import checks, texts
from bot.render.escape import prose
from bot.render.reason import reason


@dataclass(frozen=True, slots=True)
class ShownJob:
    """`check`: the check run's name; `running`, `failed`: what it says meanwhile and after a failure; `again`: how to
    try again; `part`: what the sticky comment is told. `pin` everywhere: "pull" and "sha"."""

    check: str
    running: tuple[str, str]
    failed: str
    again: str
    part: Callable[..., PreviewPart | ImpactPart]

    def start(self, context: Context, steps: Steps, pin: Mapping[str, Any]) -> None:
        """Open the check and tell the comment. Raises `Unwanted` where the job was cancelled before."""
        if steps.cancelled():  # whoever cancelled has told already
            raise Unwanted(f"job {steps.job_id} was cancelled")
        context.forge.ensure_check(
            checks.check(self.check, pin["sha"], _external(context, pin), self.running, url=_url(context, pin))
        )
        context.publish(pin["pull"], self.part(sha=pin["sha"], status="running", job=steps.job_id))

    def conclude(self, context: Context, pin: Mapping[str, Any], conclusion: Conclusion, text: tuple[str, str]) -> None:
        """Close the check with `text`, its title and its summary."""
        external, url = _external(context, pin), _url(context, pin)
        context.forge.ensure_check(checks.check(self.check, pin["sha"], external, text, conclusion=conclusion, url=url))

    def end(self, context: Context, steps: Steps, pin: Mapping[str, Any], error: BaseException) -> None:
        """Whatever went wrong, no check stays open. A worker that stops is no reason: the job goes on in the next."""
        try:
            if isinstance(error, Unwanted) or steps.cancelled():
                if not superseded(context, self.check, pin, context.forge.pull(pin["pull"])):
                    conclude_cancelled(context, pin, texts.CANCELLED, self.check)
            elif isinstance(error, Exception):
                self._give_up(context, pin, error)
        except Exception as silent:  # must not hide the first one
            error.add_note(f"and the pull request could not be told: {silent}")  # `stale` finds the open check

    def _give_up(self, context: Context, pin: Mapping[str, Any], error: Exception) -> None:
        why = reason(error)
        if context.forge.check(self.check, pin["sha"], _external(context, pin)) not in (None, "in_progress"):
            return
        self.conclude(context, pin, "failure", (self.failed, f"{prose(why)}\n\n{self.again}"))
        context.publish(pin["pull"], self.part(sha=pin["sha"], status="failed", failed=why))


def _external(context: Context, pin: Mapping[str, Any]) -> str:
    return external_id(context.forge.repository, pin["pull"])


def _url(context: Context, pin: Mapping[str, Any]) -> str:
    return context.page(pin["pull"])
