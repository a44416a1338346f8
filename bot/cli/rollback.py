"""`seedbed rollback`: put the previous champion back, or any earlier one."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.cli.console import write
from bot.cli.who import now, who
from bot.settings import SettingsError, load
from pipeline.registry import BASE, Aliases, Registry, RegistryError
from validators.output import visible


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "rollback",
        help="put the previous champion back",
        description="Make the previous champion the champion again; without a previous one, the base model serves. "
        "What is rolled back is not promoted again before its inputs change.",
        epilog='example: seedbed rollback --reason "it answers rudely"    ·    seedbed rollback --to 3f2a9c01d4be '
        "--dry-run",
    )
    p.add_argument("--to", metavar="BUILD", help=f"a build that was the champion before, or `{BASE}`")
    p.add_argument("--reason", metavar="TEXT", default="", help="why, for the log and the ledger")
    p.add_argument("--by", metavar="NAME", help="who, for the log and the ledger (default: your account here)")
    p.add_argument("--repair", action="store_true", help="only write damaged or lost names anew, from the log")
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--dry-run", action="store_true", help="say what would be the champion, and change nothing")
    p.add_argument("--json", action="store_true", help="print the names as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when there is nothing to roll back or the model to go back to is missing, 2 for wrong use or settings."""
    if args.repair and (args.to or args.dry_run):
        print("seedbed rollback: --repair goes with neither --to nor --dry-run", file=sys.stderr)
        return 2
    try:
        state = load(args.settings).state_dir
        before, after = _repair(args, state) if args.repair else _rollback(args, state)
    except SettingsError as error:
        print(f"seedbed rollback: {error}", file=sys.stderr)
        return 2
    except RegistryError as error:
        print(f"seedbed rollback: {visible(str(error))}", file=sys.stderr)
        return 1
    if args.json:
        names = {"before": asdict(before) if before else None, "after": asdict(after)}
        write(json.dumps({"version": 1, "dry_run": args.dry_run, **names}) + "\n")
    else:
        write(_said(before, after, args.dry_run) + "\n")
    return 0


def _rollback(args: argparse.Namespace, state: Path) -> tuple[Aliases, Aliases]:
    registry = Registry(state / "registry")
    before = registry.aliases()
    coming = registry.preview_rollback(args.to)
    model = state / "builds" / str(coming.champion) / "model"
    if coming.champion is not None and not model.is_dir():
        raise RegistryError(
            f"the model of build {coming.champion} is missing ({model}), so it cannot serve; restore it, or name "
            f"another build with --to, or `--to {BASE}`"
        )
    if args.dry_run:
        return before, coming
    return before, registry.rollback(args.to, who=who(args), why=args.reason.strip(), at=now())


def _repair(args: argparse.Namespace, state: Path) -> tuple[Aliases | None, Aliases]:
    return None, Registry(state / "registry").repair(who=who(args), at=now())


def _said(before: Aliases | None, after: Aliases, dry_run: bool) -> str:
    name = after.champion or BASE
    if before is None:
        return f"champion is {name}"
    was = before.champion or BASE
    if dry_run:
        return f"champion {was} would become {name}"
    rejected = sorted(set(after.rejected) - set(before.rejected))
    not_again = f"; not promoted again before their inputs change: {', '.join(rejected)}" if rejected else ""
    return f"champion was {was}, is {name}{not_again}"
