"""A comment that addresses us: acknowledge, obey its commands one by one, answer once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from bot import replies
from bot.commanding import batch
from bot.commanding.call import Answer, Call
from bot.commanding.obey import obey
from bot.commands import Asked
from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.forge.port import ForgeError, Pull, Reaction
from bot.render import reply, texts

_PULL = TypeAdapter(Pull)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {"pull", "comment" (None: asked by a button), "author", "asked": [`Asked.plain()`]}."""
    _react(context, payload, "eyes")
    try:
        return _run(context, steps, payload)
    except Exception as error:
        _give_up(context, steps, payload, error)
        raise


def _run(context: Context, steps: Steps, payload: Mapping[str, Any]) -> dict[str, JSON]:
    # The head of this moment is what was allowed, also for a step that is repeated after a push.
    pull = _PULL.validate_python(
        steps.run("pin", lambda: asdict(replace(context.forge.pull(payload["pull"]), body="")))
    )
    origin = f"c{payload['comment']}" if payload["comment"] is not None else steps.job_id
    answers = []
    for at, plain in enumerate(payload["asked"]):
        call = Call(context, pull, payload["author"], Asked.of(plain), f"{origin}-{at}", payload["comment"])
        answers.append(_one(steps, call, f"command-{at}"))
    if any(answer.text for answer in answers):
        text = reply.joined([a.text for a in answers])
        steps.run("reply", lambda: _reply(context, steps, payload, pull.head_sha, text))
    refused = any(answer.refused for answer in answers)
    _react(context, payload, "confused" if refused else "rocket")
    return {"asked": [a["said"] for a in payload["asked"]], "refused": refused}


def _one(steps: Steps, call: Call, step: str) -> Answer:
    if call.asked.name == "batch":
        return batch.run(steps, call, step)
    return Answer.of(steps.run(step, lambda: obey(call).plain()))


def _reply(context: Context, steps: Steps, payload: Mapping[str, Any], head: str, text: str) -> None:
    """One answer for each comment, found again by its marker when this step runs twice.

    What `/status` said is folded away when the head moves on.
    """
    comment = _answer(context, steps, payload, text)
    if any(asked["name"] == "status" for asked in payload["asked"]):
        replies.remember(context, payload["pull"], comment, head)


def _answer(context: Context, steps: Steps, payload: Mapping[str, Any], text: str) -> int:
    marker = texts.REPLY.format(comment=payload["comment"] or steps.job_id)
    return context.forge.ensure_comment(payload["pull"], marker, f"{marker}\n{text}")


def _give_up(context: Context, steps: Steps, payload: Mapping[str, Any], error: Exception) -> None:
    """Whoever asked hears that it failed; an answer that `/retry` brings takes the place of this one."""
    _react(context, payload, "confused")
    try:
        text = reply.failed([Asked.of(plain) for plain in payload["asked"]], error)
        comment = _answer(context, steps, payload, text)
        replies.remember(context, payload["pull"], comment, context.forge.pull(payload["pull"]).head_sha)
    except Exception as silent:  # must not hide the first one
        error.add_note(f"and the pull request could not be told: {silent}")


def _react(context: Context, payload: Mapping[str, Any], reaction: Reaction) -> None:
    """A reaction is a courtesy: a comment that is not there yet, or no longer, fails no job."""
    if payload["comment"] is not None:
        with suppress(ForgeError):
            context.forge.react(payload["comment"], reaction)
