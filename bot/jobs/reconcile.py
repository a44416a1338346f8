"""Webhooks get lost; git does not. Compare what is with what was done, and enqueue the difference.

Run at the start of a worker and every ten minutes: a lost delivery costs minutes and nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot import datasets
from bot.context import Context
from bot.engine.port import JSON, Enqueuer, Queue
from bot.forge.port import ForgeError
from bot.jobs.lint import is_linted
from pipeline.git import GitError

log = logging.getLogger(__name__)
EVERY_S = 600
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Gaps:
    """Ids of the jobs that were added."""

    lint: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()


def reconcile(context: Context) -> Gaps:
    """Enqueue a lint for every open head without a verdict, and a merge where `main` has leaves without datasets.

    A forge that does not answer is logged and asked again the next time: this never takes the worker down.
    """
    return Gaps(_unlinted(context), _ungrown(context))


def _unlinted(context: Context) -> tuple[str, ...]:
    added = []
    try:
        for pull in context.forge.open_pulls():
            if not is_linted(context, pull):
                added.append(
                    _again(
                        context.enqueuer, "lint", {"pull": pull.number}, f"lint-{pull.number}-{pull.head_sha}", "lint"
                    )
                )
    except ForgeError as error:
        log.warning("open pull requests cannot be compared: %s", error)
    return tuple(id for id in added if id)


def _ungrown(context: Context) -> tuple[str, ...]:
    try:
        main = datasets.look(context)
    except (ForgeError, GitError) as error:
        log.warning("the main branch cannot be compared: %s", error)
        return ()
    if main.record is not None:
        return ()
    added = _again(context.enqueuer, "merge", {"sha": main.commit}, f"merge-{main.digest[:16]}", "generate")
    return (added,) if added else ()


def _again(enqueuer: Enqueuer, name: str, payload: JSON, id: str, queue: Queue) -> str:
    """Enqueue under `id`, or under its next number where an earlier attempt is over without success. "" if one is under
    way, or if all attempts failed: then a person must look, and `/lint` or the next merge starts anew."""
    for attempt in range(1, ATTEMPTS + 1):
        tried = id if attempt == 1 else f"{id}-{attempt}"
        status = enqueuer.status(tried)
        if status is not None and status.state in ("queued", "running"):
            return ""
        if status is None:
            return tried if enqueuer.enqueue(name, payload, id=tried, queue=queue) else ""
    log.error("%s failed %d times; see its error on the status page", id, ATTEMPTS)
    return ""
