"""The worker as `seedbed worker` starts it, but with a scripted teacher: chaos is about jobs, not about models."""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace

from bot.cli.logs import set_up
from bot.engine.dbos import DbosEngine
from bot.settings import load
from bot.teachers import TeacherDesk
from bot.wiring import open_context
from bot.worker import work
from pipeline.documents import offline
from pipeline.responses import Responses
from pipeline.teacher.scripted import ScriptedTeacher
from tests.integration.bot_bench import script


def main() -> int:
    """Work until SIGTERM; settings come from the environment."""
    set_up()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    settings = load()
    engine = DbosEngine(settings.jobs_database)
    responses = Responses(settings.state_dir / "responses.sqlite")
    desk = TeacherDesk(lambda: ScriptedTeacher(script, name="Script"), responses)
    context = replace(open_context(settings, engine), teachers=desk, documents=offline, embedder=None)
    work(context, engine, stopped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
