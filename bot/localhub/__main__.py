"""`python -m bot.localhub --state DIR [--port N] [--users FILE] [--faults FILE]`: a localhub on its own."""

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
from bot.localhub.installations import app_of_slug
from bot.localhub.server import serve

EPILOG = """\
FILE is JSON such as
  {"users": {"alice": {}, "seedbed[bot]": {"bot": true}},
   "repositories": {"club/taxonomy": {"template": "taxonomy-template", "permissions": {"alice": "write"}}}}
and "apps" such as
  {"seedbed": {"owner": "alice", "permissions": {"checks": "write"}, "events": ["pull_request"],
               "hook_url": "http://127.0.0.1:8000/webhook", "hook_secret": "...", "install": ["club/taxonomy"]}}
What exists already is left alone. A token is made for every user and printed as JSON on standard output, with the id
and, the first time, the private key of every App.
--faults and the key "faults" take {"seed": 1, "deliveries": {"drop": 0.01, "duplicate": 0.05}, "requests":
  [{"kind": "secondary_limit", "methods": ["POST"], "path": "/comments$", "skip": 3, "times": 2, "status": 429}]};
bot/localhub/faults.py says what there is.
SOURCE_DATE_EPOCH, when set, dates the commits that localhub writes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, for this module and for `seedbed localhub`."""
    parser.add_argument("--state", type=Path, required=True, help="folder for repositories and database")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8787, help="port to listen on, 0: a free one (default: %(default)s)"
    )
    parser.add_argument("--users", type=Path, metavar="FILE", help="JSON file with users and repositories to make")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="JSON file with faults that clients shall meet")


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
        wanted = json.loads(options.users.read_text()) if options.users else {}
        for plan in (wanted.get("faults"), json.loads(options.faults.read_text()) if options.faults else None):
            if plan is not None:
                hub.faults.load(plan)
        tokens = prepare(hub, wanted)
        apps = prepare_apps(hub, wanted)
        server = serve(hub, options.host, options.port)
    except (HubError, OSError, OverflowError, ValueError) as error:
        print(f"localhub cannot start: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"url": server.url, "api_url": server.api_url, "tokens": tokens, "apps": apps}), flush=True)
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


def prepare_apps(hub: Hub, wanted: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Register and install the Apps of a file; their ids and installations, and the secrets of those that are new."""
    made: dict[str, dict[str, Any]] = {}
    for slug, fields in wanted.get("apps", {}).items():
        fields = dict(fields)
        targets, owner = fields.pop("install", []), fields.pop("owner")
        app, secrets = app_of_slug(hub.db, slug), {}
        if app is None:
            new = hub.add_app(slug, owner, **fields)
            app, secrets = new.app, {"pem": new.pem, "webhook_secret": new.webhook_secret}
        installed = {target: hub.install_app(app, target).id for target in targets}
        made[slug] = {"id": app.id, "client_id": app.client_id, "installations": installed, **secrets}
    return made


if __name__ == "__main__":
    sys.exit(main())
