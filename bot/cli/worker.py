"""`seedbed worker`: runs the jobs, and looks every ten minutes for what a lost webhook would have missed."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from bot.cli.logs import set_up
from bot.settings import SettingsError, load

log = logging.getLogger(__name__)


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "worker",
        help="run the jobs: lint, preview, generate, build",
        description="Run what `seedbed serve` accepted, and whatever an earlier worker left unfinished. Killing it is "
        "harmless: the next start goes on where it was.",
        epilog="example: seedbed worker --settings seedbed.toml",
    )
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Work until SIGTERM or SIGINT. Exit 2 when a setting is missing or another worker runs."""
    from bot.engine.dbos import DbosEngine
    from bot.engine.rules import EngineError
    from bot.jobs.reconcile import EVERY_S, reconcile
    from bot.wiring import jobs, open_context

    set_up()
    stopped = threading.Event()
    try:
        settings = load(args.settings)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: stopped.set())
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        engine = DbosEngine(settings.jobs_database)
        context = open_context(settings, engine)
        engine.start(jobs(context))
    except (SettingsError, EngineError) as error:
        print(f"seedbed worker: {error}", file=sys.stderr)
        return 2
    log.info("working for %s with the state in %s", settings.repository, settings.state_dir)
    while not stopped.is_set():
        gaps = reconcile(context)
        for job in (*gaps.lint, *gaps.merge):
            log.info("found undone work: %s", job)
        stopped.wait(EVERY_S)
    log.info("stopping; what runs is taken up by the next start")
    engine.stop()
    context.teachers.close()
    return 0
