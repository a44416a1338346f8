"""`seedbed serve`: the web process. Takes webhooks, shows pages, runs no jobs."""

from __future__ import annotations

import argparse
import gc
import logging
import secrets
import sys
from pathlib import Path
from typing import Any

from bot.cli.logs import set_up
from bot.settings import APP_FILE, Settings, SettingsError, load

log = logging.getLogger(__name__)
WRONG_USE = 2


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
    p.add_argument(
        "--setup",
        action="store_true",
        help="show a page that registers Seedbed as an App at the forge, and nothing else",
    )
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until stopped. Exit 2 when a setting is missing, 1 when the forge does not know the App."""
    set_up()
    try:
        settings = load(args.settings)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        return _set_up_app(settings) if args.setup else _serve(settings)
    except SettingsError as error:
        print(f"seedbed serve: {error}", file=sys.stderr)
        return WRONG_USE


def _serve(settings: Settings) -> int:
    from bot.app import create_app
    from bot.engine.dbos import DbosEnqueuer
    from bot.forge.port import ForgeError
    from bot.setup.missing import credentials
    from bot.wiring import open_store, resolved

    _say_missing(settings)
    settings.secrets()
    log.info("%s", credentials(settings))
    try:
        settings = resolved(settings)
    except ForgeError as error:
        print(
            f"seedbed serve: the App cannot be found at the forge: {error}\n"
            f"Is it installed on {settings.repository}? `seedbed doctor` looks at each part.",
            file=sys.stderr,
        )
        return 1
    app = create_app(settings, DbosEnqueuer(settings.jobs_database), open_store(settings))
    log.info("serving %s at %s; webhooks go to %s/webhook", settings.repository, settings.url, settings.url)
    _listen(settings, app)
    return 0


def _set_up_app(settings: Settings) -> int:
    from bot.setup.app import create_setup_app

    there = settings.state_dir / APP_FILE
    if there.exists():
        raise SettingsError(
            f"{there} holds the credentials of an App already. To register another, move it away first."
        )
    token = secrets.token_urlsafe(32)
    print(f"Open this address in a browser, once:\n\n    {settings.url}/setup?token={token}\n", flush=True)
    _listen(settings, create_setup_app(settings, token))
    return 0


def _listen(settings: Settings, app: Any) -> None:
    """Blocks. A burst waits in the backlog instead of being turned away."""
    import uvicorn

    gc.collect()
    gc.freeze()  # what the libraries made is there to stay; looking through it again costs a tenth of each answer
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False, backlog=4096)


def _say_missing(settings: Settings) -> None:
    """All at once, so that nobody mends one to hear of the next."""
    from bot.setup.missing import missing

    for lack in missing(settings):
        print(f"seedbed serve: {lack.variable} is not set: {lack.where}", file=sys.stderr)
