"""`seedbed build`: ask the worker for a build now, and wait for its verdict."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
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
        epilog="example: seedbed build --json    ·    exit codes: 0 promoted, 1 failed, 2 wrong use, 3 held",
    )
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
    jobs.enqueue("nightly", {}, id=job, queue="build")
    if args.no_wait:
        print(job)
        return 0
    return _report(args, jobs, job, settings.state_dir)


def _report(args: argparse.Namespace, jobs: Enqueuer, job: str, state: Path) -> int:
    status = _wait(jobs, job, state)
    if status is None or status.state != "done":
        what = "is gone from the job database" if status is None else f"{status.state}: {status.error}"
        print(f"seedbed build: job {job} {what}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"version": 1, **status.result}))
    else:
        print(f"build {status.result['build']}: {status.result['decision']}")
        for reason in status.result["reasons"]:
            print(f"  {reason}")
    return 0 if status.result["decision"] == "PROMOTE" else 3


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
