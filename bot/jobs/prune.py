"""Forget what nobody asks for any more: jobs that ended long ago, and what the limits of the store have no room for."""

from __future__ import annotations

import logging
from dataclasses import asdict

from bot.context import Context
from bot.engine.port import JSON, Steps
from bot.stores import limits_of
from pipeline.housekeeping import Limits, Places, collect

DAY_S = 86_400.0

log = logging.getLogger(__name__)


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is not read. Returns how many jobs were forgotten and, where there is a limit, what of the store."""
    jobs = steps.run("jobs", lambda: context.enqueuer.prune(context.settings.keep_jobs_days * DAY_S))
    limits = limits_of(context.settings)
    if limits.bytes is None and limits.age_s is None:
        return {"jobs": jobs}
    return {"jobs": jobs, "store": steps.run("store", lambda: _collect(context, limits))}


def _collect(context: Context, limits: Limits) -> JSON:
    done = collect(Places.below(context.settings.state_dir, context.store), limits, context.clock())
    for note in done.notes:
        log.warning("the store is not pruned in full: %s", note)
    return {kind: asdict(removed) for kind, removed in sorted(done.freed.items())} | {"left_bytes": done.left}
