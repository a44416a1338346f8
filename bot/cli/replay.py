"""`seedbed replay`: have deliveries sent again that did not arrive, or send a recorded one, signed, to a bot."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from bot.cli.console import write
from bot.settings import Settings, SettingsError, load
from validators.output import visible

WRONG_USE = 2
_SPAN = re.compile(r"([0-9]+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "replay",
        help="have lost webhook deliveries sent again, or post a recorded one",
        description="Ask the forge to deliver again what did not arrive (it remembers three days). The worker does so "
        "every ten minutes; this is for after an outage. Delivered twice is harmless. With --file, post a recorded "
        "payload, signed with the webhook secret, to a running bot: for debugging.",
        epilog="example: seedbed replay --since 6h --dry-run    ·    seedbed replay --file push.json --event push",
    )
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument(
        "--since",
        type=_span,
        default=3 * 86_400.0,
        metavar="SPAN",
        help="how far back, such as 90m, 6h, 3d (default: 3d)",
    )
    p.add_argument("--dry-run", action="store_true", help="say what would be sent again, and change nothing")
    p.add_argument("--file", type=Path, help="a recorded payload (JSON) to post instead")
    p.add_argument("--event", help="with --file: the event, such as pull_request")
    p.add_argument("--guid", help="with --file: the delivery's id (default: a new one); the same id is the same job")
    p.add_argument("--url", help="with --file: where to post (default: this bot's /webhook)")
    p.add_argument("--json", action="store_true", help="print as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when the forge or the bot refuses, 2 for wrong settings or use."""
    if args.file and not args.event:
        print("seedbed replay: --file needs --event, such as --event pull_request", file=sys.stderr)
        return WRONG_USE
    try:
        settings = load(args.settings)
        return _post(settings, args) if args.file else _redeliver(settings, args)
    except SettingsError as error:
        print(f"seedbed replay: {error}", file=sys.stderr)
        return WRONG_USE


def _redeliver(settings: Settings, args: argparse.Namespace) -> int:
    from bot.forge.port import ForgeError
    from bot.jobs.redeliver import ask_again, missing
    from bot.wiring import open_forge

    now = time.time()
    try:
        forge = open_forge(settings)
        lost = missing(forge.deliveries(now - args.since))
        for sent in () if args.dry_run else lost:
            ask_again(forge, sent)
    except ForgeError as error:
        print(f"seedbed replay: {error}", file=sys.stderr)
        return 1
    done = "would be asked for" if args.dry_run else "asked for"
    if args.json:
        found = [{"guid": sent.guid, "event": sent.event, "at": sent.at} for sent in lost]
        write(json.dumps({"version": 1, "dry_run": args.dry_run, "deliveries": found}) + "\n")
    else:
        lines = (f"{done} again: {visible(sent.event)} {visible(sent.guid)}\n" for sent in lost)
        write("".join(lines) or "every delivery arrived\n")
    return 0


def _post(settings: Settings, args: argparse.Namespace) -> int:
    import requests

    try:
        body = args.file.read_bytes()
    except OSError as error:
        print(f"seedbed replay: {args.file} cannot be read: {error.strerror}", file=sys.stderr)
        return WRONG_USE
    url = args.url or f"{settings.url}/webhook"
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": args.event,
        "X-GitHub-Delivery": args.guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(settings.secrets()[0], body, hashlib.sha256).hexdigest(),
    }
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=30, allow_redirects=False)
    except requests.RequestException as error:
        print(f"seedbed replay: {url} does not answer: {error}", file=sys.stderr)
        return 1
    if args.json:
        write(json.dumps({"version": 1, "status": answer.status_code, "answer": answer.text[:1000]}) + "\n")
    else:
        write(f"{answer.status_code} {answer.text[:1000]}\n")
    return int(not answer.ok)


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time span; write such as 90m, 6h or 3d")
    return float(match[1]) * _SECONDS[match[2]]
