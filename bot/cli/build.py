"""`seedbed build`: ask the worker for a build now, and wait for its verdict."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.engine.port import Enqueuer, JobStatus
from bot.settings import SettingsError, load


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "build",
        help="run one build now: mix, tune, evaluate, gate, promote or hold",
        description="Ask the worker for a build of the main branch's head, and wait for its verdict. For cron: a "
        "build whose inputs did not change does no work.",
        epilog="examples: seedbed build --json    ·    seedbed build --plan    ·    seedbed build --verify "
        "1f2e3d4c5b6a    ·    exit codes: 0 promoted (or as verified), 1 failed, 2 wrong use, 3 held, 4 too few "
        "questions to decide",
    )
    what = p.add_mutually_exclusive_group()
    what.add_argument("--mode", choices=("auto", "full", "incremental"), default="auto", help="default: the planner's")
    what.add_argument("--plan", action="store_true", help="say which build it would be, how long it takes and why")
    what.add_argument("--verify", metavar="BUILD", help="build an old build again and compare digests")
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--no-wait", action="store_true", help="print the job's id and return at once")
    p.add_argument("--json", action="store_true", help="print the result as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Enqueue and wait; needs a running `seedbed worker`."""
    from bot.engine.dbos import DbosEnqueuer

    try:
        settings = load(args.settings)
    except SettingsError as error:
        print(f"seedbed build: {error}", file=sys.stderr)
        return 2
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    jobs = DbosEnqueuer(settings.jobs_database)
    job = f"nightly-{uuid.uuid4().hex[:12]}"  # a name for this request; the build's own id comes from its inputs
    jobs.enqueue("nightly", _payload(args), id=job, queue="build")
    if args.no_wait:
        print(job)
        return 0
    return _report(args, jobs, job, settings.state_dir)


def _payload(args: argparse.Namespace) -> dict[str, Any]:
    if args.verify:
        return {"verify": args.verify}
    return {"mode": args.mode} | ({"plan": True} if args.plan else {})


def _report(args: argparse.Namespace, jobs: Enqueuer, job: str, state: Path) -> int:
    status = _wait(jobs, job, state)
    if status is None or status.state != "done":
        what = "is gone from the job database" if status is None else f"{status.state}: {status.error}"
        print(f"seedbed build: job {job} {what}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"version": 1, **status.result}))
    else:
        print("\n".join(_lines(status.result)))
    return _code(status.result)


def _lines(result: Mapping[str, Any]) -> list[str]:
    if "plan" in result:
        plan = result["plan"]
        parts = [f"  {name}: {seconds / 60:.1f} min" for name, seconds in plan["parts"].items() if seconds]
        return [plan["why"], *parts, f"  {plan['tokens']:,} tokens to train on"]
    if "holds" in result:
        return [f"build {result['build']}: {'holds' if result['holds'] else 'is NOT what is recorded'}", result["why"]]
    return [
        f"build {result['build']}: {result['decision']} ({result['why']})",
        *(f"  {reason}" for reason in result["reasons"]),
        *(f"  left out: {leaf} (`seedbed quarantine` says why)" for leaf in result["quarantined"]),
        *(f"  {problem}" for problem in result["problems"]),
    ]


def _code(result: Mapping[str, Any]) -> int:
    if "plan" in result:
        return 0
    if "holds" in result:
        return 0 if result["holds"] else 1
    return {"PROMOTE": 0, "HOLD": 3, "INCONCLUSIVE": 4}[result["decision"]]


def _wait(jobs: Enqueuer, job: str, state: Path) -> JobStatus | None:
    """Look once a second; on a terminal, say what the worker is doing."""
    from bot.progress import read

    while (status := jobs.status(job)) is not None and status.state in ("queued", "running"):
        now = read(state)
        if sys.stderr.isatty():
            doing = f"{now.what} {now.fraction:.0%}" if now and now.job == job else f"{status.state} …"
            print(f"\r\x1b[K{doing}", end="", file=sys.stderr, flush=True)
        time.sleep(1)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    return status
