"""`seedbed rollback`: put the previous champion back."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.settings import SettingsError, load
from pipeline.registry import Registry, RegistryError


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "rollback",
        help="put the previous champion back",
        description="Make the previous champion the champion again; without a previous one, the base model serves.",
        epilog="example: seedbed rollback --dry-run",
    )
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--dry-run", action="store_true", help="say what would be the champion, and change nothing")
    p.add_argument("--json", action="store_true", help="print the names as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when there is nothing to roll back, 2 for wrong settings."""
    try:
        registry = Registry(load(args.settings).state_dir / "registry")
        before = registry.aliases()
        if args.dry_run:
            print(f"champion {before.champion or 'base'} would become {before.previous or 'base'}")
            return 0
        after = registry.rollback()
    except SettingsError as error:
        print(f"seedbed rollback: {error}", file=sys.stderr)
        return 2
    except RegistryError as error:
        print(f"seedbed rollback: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"version": 1, "before": asdict(before), "after": asdict(after)}))
    else:
        print(f"champion was {before.champion or 'base'}, is {after.champion or 'base'}")
    return 0
