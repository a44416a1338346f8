"""Short answers to commands."""

from __future__ import annotations

from bot.commands import COMMANDS, Asked
from bot.permissions import Decision
from bot.render import texts
from bot.render.escape import code


def help_text() -> str:
    """All commands, from the table that the parser uses."""
    lines = [texts.HELP_LINE.format(usage=c.usage, summary=c.summary, who=texts.WHO[c.who]) for c in COMMANDS]
    return "\n".join([texts.HELP_HEAD, "", *lines])


def unknown(asked: Asked) -> str:
    """One line with the nearest command."""
    return texts.UNKNOWN.format(said=code(asked.said, limit=40), nearest=f"/{asked.nearest}")


def denied(asked: Asked, decision: Decision) -> str:
    """Why not."""
    text = texts.DENIED_UNKNOWN if decision.reason == "unknown" else texts.DENIED
    return text.format(said=code(asked.said, limit=40))


def closed(asked: Asked) -> str:
    """The pull request takes no commands any more."""
    return texts.CLOSED_PULL.format(said=code(asked.said, limit=40))
