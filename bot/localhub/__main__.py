"""`python -m bot.localhub --state DIR [--port N] [--users FILE]`: a localhub on its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.server import serve

EPILOG = """\
FILE is JSON such as
  {"users": {"alice": {}, "seedbed[bot]": {"bot": true}},
   "repositories": {"club/taxonomy": {"template": "taxonomy-template", "permissions": {"alice": "write"}}}}
What exists already is left alone. A token is made for every user and printed as JSON on standard output.
SOURCE_DATE_EPOCH, when set, dates the commits that localhub writes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, for this module and for `seedbed localhub`."""
    parser.add_argument("--state", type=Path, required=True, help="folder for repositories and database")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8787, help="port to listen on, 0: a free one (default: %(default)s)"
    )
    parser.add_argument("--users", type=Path, metavar="FILE", help="JSON file with users and repositories to make")


def main(arguments: list[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        "python -m bot.localhub", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Exit 2 when it cannot start."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        hub = Hub(options.state, commit_date=float(epoch) if epoch else None)
        tokens = prepare(hub, json.loads(options.users.read_text())) if options.users else {}
        server = serve(hub, options.host, options.port)
    except (HubError, OSError, OverflowError, ValueError) as error:
        print(f"localhub cannot start: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"url": server.url, "api_url": server.api_url, "tokens": tokens}), flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    server.stop()
    hub.close()
    return 0


def prepare(hub: Hub, wanted: dict[str, Any]) -> dict[str, str]:
    """Make the users and repositories of a file; returns a token for every user in it."""
    users = wanted.get("users", {})
    tokens = {login: hub.add_user(login, bot=bool(user.get("bot"))) for login, user in users.items()}
    for full_name, repository in wanted.get("repositories", {}).items():
        owner, _, name = full_name.partition("/")
        if hub.find_repository(owner, name) is None:
            template = repository.get("template")
            hub.create_repository(owner, name, template=Path(template) if template else None)
        for login, level in repository.get("permissions", {}).items():
            hub.set_permission(full_name, login, level)
        known = {hook.url for hook in hub.hooks(hub.repository(full_name))}
        for hook in repository.get("hooks", []):
            if hook["url"] not in known:
                hub.add_hook(full_name, hook["url"], hook["secret"], hook.get("events", ["*"]))
    return tokens


if __name__ == "__main__":
    sys.exit(main())
