"""`seedbed worker`: runs the jobs, and by the clock looks for what a lost webhook would have missed."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from bot.cli.logs import set_up
from bot.settings import SettingsError, load


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
    """Work until SIGTERM or SIGINT. Exit 2 when a setting is missing or wrong, or another worker runs."""
    from bot.engine.dbos import DbosEngine
    from bot.engine.rules import EngineError
    from bot.forge.port import ForgeError
    from bot.wiring import open_context
    from bot.worker import work

    set_up()
    stopped = threading.Event()
    try:
        settings = load(args.settings)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: stopped.set())
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        engine = DbosEngine(settings.jobs_database)
        work(open_context(settings, engine), engine, stopped)
    except (SettingsError, EngineError, ForgeError) as error:
        print(f"seedbed worker: {error}", file=sys.stderr)
        return 2
    return 0
