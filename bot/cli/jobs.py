"""`seedbed jobs`: what the worker does and did; try again what failed, stop what runs, forget what is old."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.console import write
from bot.settings import SettingsError, load
from validators.content.secretscan import masked
from validators.output import visible

if TYPE_CHECKING:
    from bot.engine.port import Enqueuer, JobStatus, State

WRONG_USE = 2
DAY_S = 86_400.0


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "jobs",
        help="list the bot's jobs; retry, cancel or forget them",
        description="Look at the job database, and change it; the worker takes it up within a second. A failed job "
        "stays until it is retried or pruned.",
        epilog="example: seedbed jobs list --failed    ·    seedbed jobs retry gh-1f0c",
    )
    actions = p.add_subparsers(title="actions", metavar="list|retry|cancel|prune", required=True)
    _list_parser(actions)
    for name, help, run in (
        ("retry", "put failed or cancelled jobs back into their queues", _retry),
        ("cancel", "ask jobs to stop; those that wait never start", _cancel),
    ):
        one = actions.add_parser(
            name, help=help, description=f"{help[0].upper()}{help[1:]}.", epilog=f"example: seedbed jobs {name} gh-1f0c"
        )
        _common(one)
        one.add_argument("ids", nargs="*", metavar="ID", help="jobs, as `seedbed jobs list` names them")
        if name == "retry":
            one.add_argument("--failed", action="store_true", help="all failed jobs")
        one.set_defaults(run=_runner(run))
    prune = actions.add_parser(
        "prune",
        help="forget jobs that ended long ago",
        description="Forget ended jobs, failed ones too. The worker does so every night.",
        epilog="example: seedbed jobs prune --days 7",
    )
    _common(prune)
    prune.add_argument("--days", type=float, metavar="N", help="older than so many days (default: keep_jobs_days)")
    prune.set_defaults(run=_runner(_prune))


def _list_parser(actions: argparse._SubParsersAction[Any]) -> None:
    p = actions.add_parser(
        "list",
        help="list jobs, newest first",
        description="List jobs, newest first. Exit code 1 with --failed where there is one: for monitoring.",
        epilog="example: seedbed jobs list --failed --json",
    )
    _common(p)
    p.add_argument("--failed", action="store_true", help="failed jobs alone (dead letters)")
    p.add_argument("--pull", type=int, metavar="N", help="jobs of one pull request alone")
    p.add_argument("--limit", type=int, default=50, metavar="N", help="so many at most (default: %(default)s)")
    p.set_defaults(run=_runner(_list))


def _common(p: argparse.ArgumentParser) -> None:
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--json", action="store_true", help="print as JSON")


def _runner(action: Any) -> Any:
    """Open the job database of the settings, and act. Exit 2 for wrong settings or use."""

    def run(args: argparse.Namespace) -> int:
        from bot.engine.dbos import DbosEnqueuer
        from bot.engine.rules import EngineError

        try:
            settings = load(args.settings)
            settings.state_dir.mkdir(parents=True, exist_ok=True)
            enqueuer = DbosEnqueuer(settings.jobs_database)
        except (SettingsError, EngineError) as error:
            print(f"seedbed jobs: {error}", file=sys.stderr)
            return WRONG_USE
        try:
            args.keep_days = settings.keep_jobs_days
            return int(action(enqueuer, args))
        finally:
            enqueuer.close()

    return run


def _list(enqueuer: Enqueuer, args: argparse.Namespace) -> int:
    states: tuple[State, ...] = ("failed",) if args.failed else ()
    found = enqueuer.jobs(states=states, key=str(args.pull or ""), limit=args.limit)
    if args.json:
        plain = [{**asdict(job), "error": masked(job.error) if job.error else job.error} for job in found]
        write(json.dumps({"version": 1, "jobs": plain}, indent=2, ensure_ascii=False) + "\n")
    else:
        write("".join(_line(job) for job in found) or "no jobs\n")
    return int(args.failed and bool(found))


def _line(job: JobStatus) -> str:
    at = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    pull = f"#{job.key}" if job.key.isdecimal() else ""
    line = f"{at}  {job.state:9}  {job.queue:8}  {job.name:9}  {pull:6}  {job.id}\n"
    return line + (f"{'':23}{visible(masked(job.error))[:400]}\n" if job.error else "")


def _retry(enqueuer: Enqueuer, args: argparse.Namespace) -> int:
    ids = [*args.ids, *(job.id for job in enqueuer.jobs(states=("failed",), limit=10_000) if args.failed)]
    if not ids and not args.failed:
        print(
            "seedbed jobs retry: name jobs, or all with --failed; `seedbed jobs list --failed` shows them",
            file=sys.stderr,
        )
        return WRONG_USE
    return _report(args, "retried", ids, [id for id in ids if enqueuer.retry(id)], "is neither failed nor cancelled")


def _cancel(enqueuer: Enqueuer, args: argparse.Namespace) -> int:
    if not args.ids:
        print("seedbed jobs cancel: name jobs; `seedbed jobs list` shows them", file=sys.stderr)
        return WRONG_USE
    running = [id for id in args.ids if (job := enqueuer.status(id)) and job.state in ("queued", "running")]
    for id in running:
        enqueuer.cancel(id)
    return _report(args, "cancelled", args.ids, running, "neither waits nor runs")


def _report(args: argparse.Namespace, done: str, ids: Sequence[str], worked: Sequence[str], why_not: str) -> int:
    """Exit 1 where one could not be changed."""
    left = [id for id in ids if id not in worked]
    if args.json:
        write(json.dumps({"version": 1, done: list(worked), "unchanged": left}) + "\n")
    else:
        write("".join(f"{done} {visible(id)}\n" for id in worked))
        for id in left:
            print(f"seedbed jobs: {visible(id)} {why_not}", file=sys.stderr)
    return int(bool(left))


def _prune(enqueuer: Enqueuer, args: argparse.Namespace) -> int:
    days = args.keep_days if args.days is None else args.days
    if days < 0:
        print("seedbed jobs prune: --days must not be negative", file=sys.stderr)
        return WRONG_USE
    count = enqueuer.prune(days * DAY_S)
    write(json.dumps({"version": 1, "forgotten": count}) + "\n" if args.json else f"{count} jobs forgotten\n")
    return 0
