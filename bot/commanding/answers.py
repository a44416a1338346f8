"""Commands that only answer: help, explain, status."""

from __future__ import annotations

from difflib import get_close_matches

from bot.commanding.call import Answer, Call, refusal
from bot.commands import BY_NAME
from bot.render import reply
from bot.render.status import status as said_status
from validators.output.explain import Explanation, beside_rules
from validators.output.explain import explain as explain_rule
from validators.registry import RULES
from validators.rules import load_rules

_SHOWN = 20


def help_(call: Call) -> Answer:
    """All commands, or one."""
    name = call.argument("command", "").lower()
    if not name:
        return Answer(reply.help_text())
    if name in BY_NAME:
        return Answer(reply.help_about(BY_NAME[name]))
    return refusal(reply.no_command(call.asked, name, _nearest(name, list(BY_NAME))))


def explain(call: Call) -> Answer:
    """A rule of the linter in words."""
    rules = _rules()
    name = call.argument("rule")
    if name not in rules:
        return refusal(reply.no_rule(call.asked, name, _nearest(name, sorted(rules))))
    return Answer(reply.explained(rules[name]))


def status(call: Call) -> Answer:
    """Where the pull request stands, with its jobs."""
    jobs = call.context.enqueuer.jobs(states=("queued", "running", "failed"), key=str(call.pull.number), limit=_SHOWN)
    others = [job for job in jobs if job.name != "command" or job.state == "failed"]  # one of them is this answer
    return Answer(said_status(call.state(), call.pull, others, call.context.clock()))


def _rules() -> dict[str, Explanation]:
    load_rules()
    return {one.id: one for one in (*map(explain_rule, RULES.values()), *beside_rules())}


def _nearest(name: str, names: list[str]) -> str:
    return next(iter(get_close_matches(name, names, 1, 0.5)), "") or next((n for n in names if name in n), "")
