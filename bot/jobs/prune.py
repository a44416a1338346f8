"""Forget what nobody asks for any more: jobs that ended long ago."""

from __future__ import annotations

from bot.context import Context
from bot.engine.port import JSON, Steps

DAY_S = 86_400.0


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is not read. Returns how many jobs were forgotten."""
    return {"jobs": steps.run("jobs", lambda: context.enqueuer.prune(context.settings.keep_jobs_days * DAY_S))}
