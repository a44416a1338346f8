"""`seedbed quarantine`: the leaves that builds leave out, and letting one back in."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from bot.cli.console import write
from bot.cli.on_state import add_action
from bot.cli.who import now, who
from bot.settings import Making
from pipeline.quarantine import Quarantine, Quarantined
from validators.output import visible


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "quarantine",
        help="the leaves that builds leave out because they harmed others",
        description="List the leaves in quarantine, or release one before its time.",
        epilog="example: seedbed quarantine list    ·    seedbed quarantine release "
        'knowledge/geography/tarn --reason "its victim was wrong"',
    )
    actions = p.add_subparsers(title="actions", metavar="list|release|restore", required=True)
    state = "folder of the builds"
    add_action(
        actions,
        "list",
        "say which leaves are left out, why, and until when",
        example="seedbed quarantine list",
        state=state,
        run=_list,
    )
    release = add_action(
        actions,
        "release",
        "let a leaf take part in the next build",
        example='seedbed quarantine release knowledge/geography/tarn --reason "its victim was wrong"',
        state=state,
        run=_release,
    )
    release.add_argument("leaf", metavar="LEAF", help="the leaf's path, as `list` shows it")
    release.add_argument("--reason", required=True, metavar="TEXT", help="why it may come back, for the log")
    release.add_argument("--by", metavar="NAME", help="who, for the log (default: your account here)")
    add_action(
        actions,
        "restore",
        "write a damaged file anew from the ledger; the damaged one is moved aside",
        example="seedbed quarantine restore",
        state=state,
        run=_restore,
    )


def _of(settings: Making) -> Quarantine:
    return Quarantine(settings.state_dir / "registry", settings.state_dir / "mirror.git")


def _list(settings: Making, args: argparse.Namespace) -> int:
    _show(_of(settings).entries(), args.json)
    return 0


def _release(settings: Making, args: argparse.Namespace) -> int:
    entry = _of(settings).release(args.leaf.strip("/"), who=who(args), why=args.reason.strip(), at=now())
    if args.json:
        write(json.dumps({"version": 1, "released": _plain(entry)}) + "\n")
    else:
        write(f"{visible(entry.leaf)} takes part in the next build again\n")
    return 0


def _restore(settings: Making, args: argparse.Namespace) -> int:
    _show(_of(settings).restore(), args.json)
    return 0


def _show(entries: tuple[Quarantined, ...], as_json: bool) -> None:
    if as_json:
        write(json.dumps({"version": 1, "quarantined": [_plain(entry) for entry in entries]}, indent=2) + "\n")
        return
    for entry in entries:
        write(f"{visible(entry.leaf)}\n    until {entry.expires}, or until it changes; blocked build {entry.build}\n")
        write(f"    harmed {visible(', '.join(entry.victims)) or 'something that was not named'}{_effect(entry)}\n")
    if not entries:
        write("no leaf is in quarantine\n")


def _effect(entry: Quarantined) -> str:
    if entry.effect is None:
        return ""
    between = f" ({entry.low:+.3f} to {entry.high:+.3f})" if entry.low is not None and entry.high is not None else ""
    return f" by {entry.effect:+.3f} nats per token{between}"


def _plain(entry: Quarantined) -> dict[str, Any]:
    return asdict(entry) | {"expires": entry.expires.isoformat()}
