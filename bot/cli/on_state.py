"""Actions of a subcommand that works on the state folder of an installation, such as `seedbed store verify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.settings import Making, SettingsError, load_making
from pipeline.quarantine import QuarantineError
from pipeline.store.port import StoreError
from validators.output import visible

WRONG_USE = 2
Run = Callable[[Making, argparse.Namespace], int]


def add_action(
    actions: argparse._SubParsersAction[Any], name: str, help: str, *, example: str, state: str, run: Run
) -> argparse.ArgumentParser:
    """Add the action `name`. `example`: begins with the whole command; `state`: what the state folder is to it."""
    p: argparse.ArgumentParser = actions.add_parser(
        name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=f"example: {example}"
    )
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help=f"{state} (setting state_dir)")
    p.add_argument("--json", action="store_true", help="print as JSON")
    p.set_defaults(run=lambda args: _ran(p.prog, run, args))
    return p


def _ran(prog: str, run: Run, args: argparse.Namespace) -> int:
    try:
        settings = load_making(args.settings, **({"state_dir": args.state} if args.state else {}))
        if not settings.state_dir.is_dir():
            raise SettingsError(f"there is no folder {settings.state_dir}; name the state folder with --state")
        return run(settings, args)
    except SettingsError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return WRONG_USE
    except (StoreError, QuarantineError) as error:
        print(f"{prog}: {visible(str(error))}", file=sys.stderr)
        return 1
