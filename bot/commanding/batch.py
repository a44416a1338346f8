"""One command for many pull requests: each is treated as if the command stood there."""

from __future__ import annotations

from functools import partial
from typing import Any

from bot import pulls
from bot.commanding.call import Answer, Call, refusal
from bot.commanding.obey import allowed, obey
from bot.commands import Asked
from bot.commands.arguments import MOST_PULLS
from bot.engine.port import Steps
from bot.forge.port import ForgeError, NotFound, Pull
from bot.render import reply, texts
from bot.render.escape import prose
from bot.render.reason import reason
from bot.retry import TryAgain
from bot.triage.states import BY_NAME as STATES
from bot.triage.states import PREFIX


def run(steps: Steps, call: Call, step: str) -> Answer:
    """Choose the pull requests, then one step for each, so that a restarted job goes on where it was."""
    chosen = steps.run(f"{step}-pulls", lambda: _choose(call))
    if chosen["no"] is not None:
        return Answer.of(chosen["no"])
    rows = [
        (number, Answer.of(steps.run(f"{step}-{number}", partial(_one, call, number))))
        for number in chosen["numbers"][:MOST_PULLS]
    ]
    more = len(chosen["numbers"]) - len(rows)
    told = [(number, answer.refused, answer.note or answer.text) for number, answer in rows]
    return Answer(reply.batch(call.asked, told, more), refused=all(refused for _, refused, _ in told))


def _choose(call: Call) -> dict[str, Any]:
    """{"numbers": of the chosen pull requests, "no": the refusal as JSON or None}."""
    _, no = allowed(call)
    numbers: list[int] = [] if no else _numbers(call)
    if not no and not numbers:
        no = refusal(
            reply.no_pulls(
                call.asked, call.argument("pulls"), tuple(name for name, state in STATES.items() if state.label)
            )
        )
    return {"numbers": numbers, "no": no.plain() if no else None}


def _numbers(call: Call) -> list[int]:
    wanted = call.argument("pulls")
    if "pulls" in wanted:
        return list(wanted["pulls"])
    if "label" in wanted:
        label = wanted["label"].casefold()
        return [p.number for p in call.context.forge.open_pulls() if label in map(str.casefold, p.labels)]
    state = wanted["state"].casefold().removeprefix(PREFIX)
    return [p.number for p in call.context.forge.open_pulls() if _state(call, p) == state]


def _state(call: Call, pull: Pull) -> str:
    triage = pulls.load(call.context.store, pull.number).triage
    return triage.state if triage else ""


def _one(call: Call, number: int) -> dict[str, Any]:
    """The answer for one pull request as JSON. What one of them cannot do stops no other."""
    try:
        pull = call.context.forge.pull(number)
        return obey(call.about(pull, Asked.of(call.argument("command")))).plain()
    except TryAgain:
        raise
    except NotFound:
        return refusal(texts.NO_PULL).plain()
    except ForgeError as error:
        return refusal(prose(reason(error, limit=200))).plain()
