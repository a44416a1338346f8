"""`seedbed serve`: the web process. Takes webhooks, shows pages, runs no jobs."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from bot.cli.logs import set_up
from bot.settings import Settings, SettingsError, load

log = logging.getLogger(__name__)


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "serve",
        help="answer the forge's webhooks and show the status pages",
        description="Take webhooks at /webhook and show the status page at /. Settings come from SEEDBED_* variables "
        "or a TOML file (docs/reference/settings.md). Run `seedbed worker` beside it.",
        epilog="example: SEEDBED_REPOSITORY=our-org/taxonomy seedbed serve --settings seedbed.toml",
    )
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until stopped. Exit 2 when a setting is missing."""
    import uvicorn

    from bot.app import create_app
    from bot.engine.dbos import DbosEnqueuer
    from bot.wiring import open_store

    set_up()
    try:
        settings: Settings = load(args.settings)
        settings.secrets()
    except SettingsError as error:
        print(f"seedbed serve: {error}", file=sys.stderr)
        return 2
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    app = create_app(settings, DbosEnqueuer(settings.jobs_database), open_store(settings))
    log.info("serving %s at %s; webhooks go to %s/webhook", settings.repository, settings.url, settings.url)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False)
    return 0
