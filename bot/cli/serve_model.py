"""`seedbed serve-model`: the champion behind an OpenAI-compatible API, switched when another build becomes it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bot.cli.logs import set_up
from bot.settings import SettingsError, load_making

log = logging.getLogger(__name__)
HOLD_S = 300.0


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "serve-model",
        help="serve the champion through vLLM with an OpenAI-compatible API",
        description="Serve the community's model, under the id `seedbed`, at /v1/chat/completions and /v1/completions. "
        "A promotion or rollback is followed by itself: the new model is started beside the old one, takes the new "
        "requests once it is ready, and the old one ends when its last request is answered.",
        epilog="example: seedbed serve-model --state /var/lib/seedbed --port 8090    ·    "
        "exit codes: 0 stopped, 1 the model cannot be served, 2 wrong use",
    )
    p.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    p.add_argument("--port", type=int, default=8090, metavar="N", help="port to listen on (default: 8090)")
    p.add_argument(
        "--one-at-a-time",
        action="store_true",
        help="end the old model before the new one starts, for machines that cannot hold both; requests wait meanwhile",
    )
    p.add_argument("--context", type=int, default=4096, metavar="N", help="tokens of prompt and answer (default: 4096)")
    p.add_argument("--concurrency", type=int, metavar="N", help="requests computed at once (default: 64, GPU 256)")
    p.add_argument(
        "--gpu-share", type=float, metavar="F", help="of a GPU's memory for one model (0.45, one at a time 0.9)"
    )
    p.add_argument(
        "--hold", type=float, default=HOLD_S, metavar="S", help=f"a request waits so long for a model ({HOLD_S:g})"
    )
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder with builds and registry (setting state_dir)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    from pipeline.serving.port import ServeError

    set_up()
    try:
        return asyncio.run(_serve(args))
    except SettingsError as error:
        print(f"seedbed serve-model: {error}", file=sys.stderr)
        return 2
    except ServeError as error:
        print(f"seedbed serve-model: {error}", file=sys.stderr)
        return 1


async def _serve(args: argparse.Namespace) -> int:
    from pipeline.serving.choice import Models
    from pipeline.serving.desk import Desk
    from pipeline.serving.engine import GPU_SHARE, VllmEngine
    from pipeline.serving.keeper import Keeper
    from pipeline.serving.server import serve

    share = args.gpu_share or (0.9 if args.one_at_a_time else GPU_SHARE)
    if not 0 < share <= 1 or args.context < 1 or args.hold < 0:
        raise SettingsError("--gpu-share is a number from 0 to 1, --context and --hold are not below 0")
    settings = load_making(args.settings, **({"state_dir": args.state} if args.state else {}))
    desk = Desk(args.hold)
    keeper = Keeper(
        Models(settings.state_dir, settings.student_model),
        partial(VllmEngine, context_tokens=args.context, concurrency=args.concurrency, gpu_share=share),
        desk,
        one_at_a_time=args.one_at_a_time,
    )

    def ready(port: int) -> None:
        label = desk.station.choice.label if desk.station else ""
        log.info("serving %s as `seedbed` at http://%s:%d/v1", label, args.host, port)

    await serve(keeper, desk, args.host, args.port, ready=ready)
    return 0
