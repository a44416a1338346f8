"""`seedbed localhub`: a small GitHub-compatible server on this machine; the same as `python -m bot.localhub`."""

from __future__ import annotations

import argparse
from typing import Any

from bot.localhub.__main__ import EPILOG, add_arguments, run


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "localhub",
        help="a small GitHub-compatible server on this machine",
        description="Repositories, pull requests, comments, check runs, webhooks and pages over bare git repositories.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(p)
    p.set_defaults(run=run)
