"""A comment that addresses us: acknowledge, check who asks, do it or say why not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from bot.commands import BY_NAME, Asked
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.forge.port import ForgeError, Pull, Reaction
from bot.permissions import decide
from bot.render import reply, texts


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "comment" (None: asked by a button), "author", "asked": [{"said", "name", "nearest"}]}."""
    _react(context, payload, "eyes")
    answers: list[str] = []
    for number, plain in enumerate(payload["asked"]):
        asked = Asked(**plain)
        answer = steps.run(f"command-{number}", partial(_obey, context, payload, asked))
        if answer:
            answers.append(answer)
    if answers:
        steps.run("reply", lambda: _reply(context, steps, payload, "\n\n".join(answers)))
    refused = any(not a["name"] for a in payload["asked"]) or (answers and answers != [reply.help_text()])
    _react(context, payload, "confused" if refused else "rocket")
    return {"asked": [a["said"] for a in payload["asked"]], "refused": bool(refused)}


def _obey(context: Context, payload: Mapping[str, Any], asked: Asked) -> str:
    """Do one command; what to answer, or "" where the result shows by itself."""
    if not asked.name:
        return reply.unknown(asked)
    decision = decide(context.forge, payload["author"], BY_NAME[asked.name].who)
    if not decision.allowed:
        return reply.denied(asked, decision)
    if asked.name == "help":
        return reply.help_text()
    pull = context.forge.pull(payload["pull"])
    if pull.state != "open":
        return reply.closed(asked)
    _enqueue(context, payload, asked, pull)
    return ""


def _enqueue(context: Context, payload: Mapping[str, Any], asked: Asked, pull: Pull) -> None:
    """The head of this moment is what was allowed. A comment has one job of a kind, however often this step runs."""
    ask = f"{asked.name}-{pull.number}-{pull.head_sha}-{payload['comment'] or 'button'}"
    if asked.name == "lint":
        context.enqueuer.enqueue("lint", {"pull": pull.number, "again": True}, id=ask, queue="lint")
    else:
        work = {"pull": pull.number, "sha": pull.head_sha}
        context.enqueuer.enqueue("preview", work, id=ask, queue="preview")


def _reply(context: Context, steps: Steps, payload: Mapping[str, Any], text: str) -> None:
    """One answer for each comment, found again by its marker when this step runs twice."""
    marker = texts.REPLY.format(comment=payload["comment"] or steps.job_id)
    context.forge.ensure_comment(payload["pull"], marker, f"{marker}\n{text}")


def _react(context: Context, payload: Mapping[str, Any], reaction: Reaction) -> None:
    """A reaction is a courtesy: a comment that is not there yet, or no longer, fails no job."""
    if payload["comment"] is not None:
        with suppress(ForgeError):
            context.forge.react(payload["comment"], reaction)
