"""Our answers to commands that a push makes obsolete: remembered, and folded away when the head moves on."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from bot import pulls
from bot.context import Context
from bot.forge.port import Forbidden, NotFound
from bot.pulls import Reply

log = logging.getLogger(__name__)


def remember(context: Context, number: int, comment: int, sha: str) -> None:
    """Fold this comment of ours away as soon as `sha` is no longer the head."""
    reply = Reply(comment, sha)
    with context.pull_locked(number):
        state = pulls.load(context.store, number)
        if reply not in state.replies:
            pulls.save(context.store, replace(state, replies=(*state.replies, reply)))


def fold(context: Context, number: int, head: str) -> None:
    """Fold away what speaks of an earlier head, and forget it. Repeating is harmless."""
    old = [reply for reply in pulls.load(context.store, number).replies if reply.sha != head]
    for reply in old:
        with suppress(NotFound):  # somebody deleted it
            try:
                context.forge.minimize(reply.comment)
            except Forbidden as error:  # a comment too many is better than no verdict
                log.warning("comment %d of #%d stays: %s", reply.comment, number, error)
    if old:
        with context.pull_locked(number):
            state = pulls.load(context.store, number)
            pulls.save(context.store, replace(state, replies=tuple(r for r in state.replies if r not in old)))
