"""When scheduled jobs are due. Ticks are in UTC and known by their time, so that each is enqueued once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from croniter import CroniterError, croniter

from bot.engine.port import Schedule
from bot.engine.rules import EngineError, rule

DAY_S: Final = 86_400.0
"""A tick that was missed for longer than this is not made up: its successor comes soon enough."""


def check(schedules: Sequence[Schedule]) -> None:
    """Raise `EngineError` for a schedule that could not run: its cron text, its queue, two for one job."""
    names = [schedule.job for schedule in schedules]
    for schedule in schedules:
        rule(schedule.queue)
        if len(schedule.cron.split()) != 5 or not croniter.is_valid(schedule.cron):
            raise EngineError(f"the schedule of {schedule.job!r} is not five cron fields: {schedule.cron!r}")
        if names.count(schedule.job) > 1:
            raise EngineError(f"job {schedule.job!r} has two schedules; ticks are known by the job's name")


def latest_tick(cron: str, after: float, until: float) -> float | None:
    """The last tick later than `after` and not later than `until` (seconds since 1970), at most a day old."""
    try:
        tick = float(croniter(cron, math.floor(until) + 1).get_prev(float))
    except CroniterError as error:
        raise EngineError(f"{cron!r} never comes: {error}") from error
    return tick if max(after, until - DAY_S) < tick <= until else None


def tick_id(job: str, tick: float) -> str:
    """Id of the job that a tick enqueues: `nightly-2026-11-25T02:30Z`."""
    return f"{job}-{datetime.fromtimestamp(tick, UTC):%Y-%m-%dT%H:%MZ}"
