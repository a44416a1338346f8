"""Obey one command: whether it makes sense here, whether that person may, and then what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.commanding import answers, decisions, running, working
from bot.commanding.call import Answer, Call, refusal
from bot.commanding.leaves import chosen
from bot.commands import BY_NAME, Command
from bot.permissions import decide, same
from bot.render import reply
from bot.trust import teacher_time

HANDLERS: Mapping[str, Callable[[Call], Answer]] = {
    "help": answers.help_,
    "explain": answers.explain,
    "status": answers.status,
    "lint": working.lint,
    "fix": working.fix,
    "migrate": working.migrate,
    "preview": working.preview,
    "precheck": working.precheck,
    "impact": working.impact,
    "cancel": running.cancel,
    "retry": running.retry,
    "approve": decisions.approve,
    "hold": decisions.hold,
    "unhold": decisions.unhold,
    "assign": decisions.assign,
    "ok-to-test": decisions.trust,
}


def obey(call: Call) -> Answer:
    """Do it, or say why not and what to do. Everything but `batch`, which obeys once for each pull request."""
    call, no = allowed(call)
    return no or HANDLERS[call.asked.name](call)


def allowed(call: Call) -> tuple[Call, Answer | None]:
    """The call with its leaves found, and the refusal if there is one.

    The person is asked about last: only what would be done is booked on a budget.
    """
    asked = call.asked
    command = BY_NAME.get(asked.name)
    if command is None:
        return call, refusal(reply.unknown(asked))
    if asked.wrong is not None:
        return call, refusal(reply.wrong(asked, asked.wrong))
    if call.pull.state != "open" and not command.closed:
        return call, refusal(reply.closed(asked))
    if "leaf" in asked.arguments:
        found, there = chosen(call)
        if not found:
            return call, refusal(reply.no_leaf(asked, there))
        call = replace(call, asked=replace(asked, arguments={**asked.arguments, "leaves": found}))
    denied = _denied(call, command)
    return call, refusal(denied) if denied else None


def _denied(call: Call, command: Command) -> str:
    """Why that person may not, or ""."""
    if not command.teacher:
        decision = decide(call.context.forge, call.by, command.who, author=call.pull.author)
        return "" if decision.allowed else reply.denied(call.asked, command.who, decision.reason)
    grant = teacher_time(
        call.context, call.pull, call.by, call.state(), spend=f"{command.name}-{call.pull.number}-{call.id}"
    )
    if grant.allowed:
        return ""
    if not same(call.by, call.pull.author) and grant.reason == "stranger":
        return reply.denied(call.asked, command.who, "not allowed")
    return reply.no_teacher(call.asked, grant.reason, call.context.settings.daily_previews)
