"""The worker's life: run jobs and schedules until told to stop."""

from __future__ import annotations

import logging
import threading

from bot.context import Context
from bot.engine.port import Engine
from bot.wiring import jobs, schedules

log = logging.getLogger(__name__)


def work(context: Context, engine: Engine, stopped: threading.Event) -> None:
    """Run what is queued, what an earlier worker left, and what the clock asks for, until `stopped` is set.

    Begins with a comparison of what is with what was done. Raises `EngineError` where another worker runs.
    """
    engine.start(jobs(context), schedules(context.settings))
    engine.enqueue("reconcile", {}, id=f"reconcile-start-{context.clock():.3f}", queue="lint")
    log.info("working for %s with the state in %s", context.settings.repository, context.settings.state_dir)
    stopped.wait()
    log.info("stopping; what runs is taken up by the next start")
    engine.stop()
    context.teachers.close()
