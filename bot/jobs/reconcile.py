"""Webhooks get lost; git does not. Compare what is with what was done, and enqueue the difference.

Run at the start of a worker and every ten minutes: a lost delivery costs minutes and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bot import datasets, pulls
from bot.context import Context
from bot.engine.port import JSON, Enqueuer, Queue, Steps
from bot.forge.port import ForgeError, Pull
from bot.jobs.lint import is_linted
from bot.pulls import PullState
from bot.triage.settling import settle, spare_labels, wanted_labels
from pipeline.git import GitError

log = logging.getLogger(__name__)
ATTEMPTS = 5
ENDED = ("merged", "closed")


@dataclass(frozen=True, slots=True)
class Gaps:
    """Ids of the jobs that were added."""

    lint: tuple[str, ...] = ()
    triage: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """Payload: {}, or {"again": sha} to check anew whatever has this commit as its head. Returns what was added."""
    if "again" in payload:
        return {"lint": steps.run("again", lambda: _lint_again(context, steps.job_id, payload["again"]))}
    return steps.run("compare", lambda: asdict(reconcile(context)))


def reconcile(context: Context) -> Gaps:
    """Enqueue what is missing: a verdict for every open head, the labels that its state wants, datasets of `main`.

    A forge that does not answer is logged and asked again the next time.
    """
    lint: list[str] = []
    triage: list[str] = []
    merge: list[str] = []
    try:
        open_pulls = context.forge.open_pulls()
        for pull in open_pulls:
            lint += _unlinted(context, pull)
            triage += _unsettled(context, pull)
        triage += _unseen_ends(context, {pull.number for pull in open_pulls})
    except ForgeError as error:
        log.warning("open pull requests cannot be compared: %s", error)
    try:
        merge += _ungrown(context)
    except (ForgeError, GitError) as error:
        log.warning("the main branch cannot be compared: %s", error)
    for job in (*lint, *triage, *merge):
        log.info("found undone work: %s", job)
    return Gaps(tuple(lint), tuple(triage), tuple(merge))


def _lint_again(context: Context, job: str, sha: str) -> list[str]:
    """All pull requests with this head. Runs twice without harm: the ids come from the job's."""
    heads = [pull.number for pull in context.forge.open_pulls() if pull.head_sha == sha]
    for number in heads:
        payload = {"pull": number, "again": True}
        context.enqueuer.enqueue("lint", payload, id=f"{job}-{number}", queue="lint", key=str(number))
    return [f"{job}-{number}" for number in heads]


def _unlinted(context: Context, pull: Pull) -> Iterator[str]:
    if not is_linted(context, pull):
        payload = {"pull": pull.number, "sha": pull.head_sha}
        yield from _again(context.enqueuer, "lint", payload, f"lint-{pull.number}-{pull.head_sha}", "lint")


def _unsettled(context: Context, pull: Pull) -> Iterator[str]:
    """State and labels that are not as they should be, or something happened since: reviews show by that alone."""
    state = pulls.load(context.store, pull.number)
    if state.lint is None or state.lint.sha != pull.head_sha:
        return  # lint settles it
    payload, id = {"pull": pull.number}, f"triage-{pull.number}-{pull.updated_at:.0f}"
    if _differs(state, pull, context.clock()):
        yield from _again(context.enqueuer, "triage", payload, id, "lint")
    elif pull.updated_at and context.enqueuer.enqueue("triage", payload, id=id, queue="lint", key=str(pull.number)):
        yield id


def _differs(state: PullState, pull: Pull, now: float) -> bool:
    settled = settle(state, pull, now)
    missing = {label.name for label in wanted_labels(settled)} - set(pull.labels)
    return settled.triage != state.triage or bool(missing) or bool(spare_labels(settled, pull.labels))


def _unseen_ends(context: Context, open_now: set[int]) -> Iterator[str]:
    """Pull requests that we spoke to, that are closed, and whose comment does not know it."""
    for number in pulls.numbers(context.store):
        if number not in open_now and not _ended(pulls.load(context.store, number)):
            yield from _again(context.enqueuer, "triage", {"pull": number}, f"triage-{number}-closed", "lint")


def _ended(state: PullState) -> bool:
    return state.triage is not None and state.triage.state in ENDED


def _ungrown(context: Context) -> Sequence[str]:
    """Leaves of `main` without datasets, or with datasets of which their pull requests never heard."""
    main = datasets.look(context)
    heard = main.record is not None and all(_heard(context, number) for number in main.record.pulls)
    if heard:
        return ()
    return [*_again(context.enqueuer, "merge", {"sha": main.commit}, f"merge-{main.digest[:16]}", "generate")]


def _heard(context: Context, number: int) -> bool:
    return not pulls.known(context.store, number) or pulls.load(context.store, number).merge is not None


def _again(enqueuer: Enqueuer, name: str, payload: JSON, id: str, queue: Queue) -> Iterator[str]:
    """Enqueue under `id`, or under its next number where an earlier attempt is over and did not help. Nothing if one is
    under way, or if all attempts failed: then a person must look, and `/retry`, `/lint` or the next merge starts anew.
    """
    for attempt in range(1, ATTEMPTS + 1):
        tried = id if attempt == 1 else f"{id}-{attempt}"
        status = enqueuer.status(tried)
        if status is not None and status.state in ("queued", "running"):
            return
        if status is None:
            if enqueuer.enqueue(name, payload, id=tried, queue=queue, key=str(payload.get("pull", ""))):
                yield tried
            return
    log.error("%s did not help %d times; see the failed jobs on the status page", id, ATTEMPTS)
