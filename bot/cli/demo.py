"""`seedbed demo`: one contribution's whole way on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "demo",
        help="one contribution's whole way on this machine, from pull request to promoted model",
        description="Start a GitHub-compatible server, the bot and its worker on loopback, contribute leaves by pull "
        "request, merge them, generate samples, and run a nightly build. Everything is real: git, HTTP, the language "
        "model, the tuning, the evaluation. About twelve minutes on two cores.",
        epilog="example: seedbed demo --leaf taxonomy/knowledge/arts/my_topic --keep",
    )
    p.add_argument("--leaf", type=Path, action="append", default=[], metavar="DIR", help="your own leaf (repeatable)")
    p.add_argument("--keep", action="store_true", help="leave the servers running at the end, until Ctrl-C")
    p.add_argument(
        "--state",
        type=Path,
        default=Path("seedbed-demo"),
        metavar="DIR",
        help="folder of the demo, emptied at its start",
    )
    p.add_argument("--port", type=int, default=8790, help="localhub's port; the bot takes the next one (default 8790)")
    p.add_argument("--samples", type=int, default=10, help="samples wanted for each leaf (default 10)")
    p.add_argument("--engine", choices=["auto", "vllm", "transformers"], default="auto", help="what runs the teacher")
    p.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 0 when the new student was promoted, 1 when it was held or a step failed, 2 for wrong use."""
    from bot.demo.story import Options, tell

    return tell(
        Options(
            leaves=tuple(args.leaf),
            keep=args.keep,
            state=args.state.resolve(),
            port=args.port,
            samples=args.samples,
            engine=args.engine,
            json=args.json,
        )
    )
