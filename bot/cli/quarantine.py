"""`seedbed quarantine`: the leaves that builds leave out, and letting one back in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.cli.console import write
from bot.cli.who import now, who
from bot.settings import SettingsError, load_making
from pipeline.quarantine import Quarantine, Quarantined, QuarantineError
from validators.output import visible

Run = Callable[[Quarantine, argparse.Namespace], int]


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
    _action(actions, "list", "say which leaves are left out, why, and until when", "seedbed quarantine list", _list)
    release = _action(
        actions,
        "release",
        "let a leaf take part in the next build",
        'seedbed quarantine release knowledge/geography/tarn --reason "its victim was wrong"',
        _release,
    )
    release.add_argument("leaf", metavar="LEAF", help="the leaf's path, as `list` shows it")
    release.add_argument("--reason", required=True, metavar="TEXT", help="why it may come back, for the log")
    release.add_argument("--by", metavar="NAME", help="who, for the log (default: your account here)")
    _action(
        actions,
        "restore",
        "write a damaged file anew from the ledger; the damaged one is moved aside",
        "seedbed quarantine restore",
        _restore,
    )


def _action(
    actions: argparse._SubParsersAction[Any], name: str, help: str, example: str, run: Run
) -> argparse.ArgumentParser:
    p: argparse.ArgumentParser = actions.add_parser(
        name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=f"example: {example}"
    )
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder of the builds (setting state_dir)")
    p.add_argument("--json", action="store_true", help="print as JSON")
    p.set_defaults(run=_runner(name, run))
    return p


def _runner(name: str, action: Run) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        try:
            state = load_making(args.settings, **({"state_dir": args.state} if args.state else {})).state_dir
            if not state.is_dir():
                raise SettingsError(f"there is no folder {state}; name the state folder with --state")
            return action(Quarantine(state / "registry", state / "mirror.git"), args)
        except SettingsError as error:
            print(f"seedbed quarantine {name}: {error}", file=sys.stderr)
            return 2
        except QuarantineError as error:
            print(f"seedbed quarantine {name}: {visible(str(error))}", file=sys.stderr)
            return 1

    return run


def _list(quarantine: Quarantine, args: argparse.Namespace) -> int:
    _show(quarantine.entries(), args.json)
    return 0


def _release(quarantine: Quarantine, args: argparse.Namespace) -> int:
    entry = quarantine.release(args.leaf.strip("/"), who=who(args), why=args.reason.strip(), at=now())
    if args.json:
        write(json.dumps({"version": 1, "released": _plain(entry)}) + "\n")
    else:
        write(f"{visible(entry.leaf)} takes part in the next build again\n")
    return 0


def _restore(quarantine: Quarantine, args: argparse.Namespace) -> int:
    _show(quarantine.restore(), args.json)
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
