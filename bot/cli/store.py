"""`seedbed store`: what is stored, whether it is sound, mending it, and removing what nobody needs."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from bot.cli.console import write
from bot.cli.on_state import add_action
from bot.settings import Making
from bot.stores import limits_of, places_of
from pipeline.housekeeping import Action, Collected, Fault, Limits, collect, repair, stats, verify
from pipeline.housekeeping.collect import KEEP
from pipeline.housekeeping.places import DAY_S
from validators.output import visible

STATE = "folder of responses and datasets"
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([dw]?)", re.IGNORECASE)


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "store",
        help="look after what is stored: figures, faults, repair, what may go",
        description="Look after the teacher's answers, the datasets and the fetched documents.",
        epilog="example: seedbed store verify    ·    seedbed store gc --max-age 180d --dry-run",
    )
    actions = p.add_subparsers(title="actions", metavar="stats|verify|repair|gc", required=True)
    add_action(
        actions,
        "stats",
        "say how much there is of what, and how old it is",
        example="seedbed store stats --json",
        state=STATE,
        run=_stats,
    )
    add_action(
        actions,
        "verify",
        "look for faults in answers, datasets and documents; changes nothing",
        example="seedbed store verify --json    ·    exit codes: 0 sound, 1 faults found, 2 wrong use",
        state=STATE,
        run=_verify,
    )
    mend = add_action(
        actions,
        "repair",
        "mend what `verify` finds; damaged things are moved aside, none is deleted",
        example="seedbed store repair --dry-run",
        state=STATE,
        run=_repair,
    )
    mend.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    _gc_parser(actions)


def _gc_parser(actions: argparse._SubParsersAction[Any]) -> None:
    p = add_action(
        actions,
        "gc",
        "remove what nobody needs any more; workers may run meanwhile",
        example="seedbed store gc --max-size 20GB --max-age 180d --dry-run",
        state=STATE,
        run=_gc,
    )
    p.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    p.add_argument("--max-size", type=_size, metavar="SIZE", help="such as 20GB, of all together (store_max_gb)")
    p.add_argument("--max-age", type=_age, metavar="AGE", help="such as 180d, since the last use (store_max_days)")
    p.add_argument(
        "--keep",
        type=_count,
        default=KEEP,
        metavar="N",
        help="datasets of the last N states of the main branch and of the last N builds stay (default: %(default)s)",
    )


def _stats(settings: Making, args: argparse.Namespace) -> int:
    places = places_of(settings)
    found = stats(places, time.time(), KEEP)
    if args.json:
        write(json.dumps({"version": 1, **found}, indent=2) + "\n")
        return 0
    responses = found["responses"]
    write(
        f"{'responses':12}{responses['count']:>12,}{_bytes(responses['file_bytes']):>12}"
        f"  {_days('oldest', responses['oldest'])}{_days(', longest unused', responses['unused'])}\n"
    )
    for kind in ("datasets", "documents", "builds", "aside", "leftovers"):
        figures = found[kind]
        ages = _days("oldest", figures.get("oldest")) + _days(", newest", figures.get("newest"))
        write(f"{kind:12}{figures['count']:>12,}{_bytes(figures['bytes']):>12}  {ages}\n")
    present, earlier = found["datasets"]["present"], found["datasets"]["earlier"]
    if present is None:
        write("Which datasets are in use cannot be told; `seedbed store verify` says why.\n")
    else:
        write(f"Of the datasets, {present:,} are of the present leaves, {earlier:,} of earlier states and builds.\n")
    return 0


def _verify(settings: Making, args: argparse.Namespace) -> int:
    places = places_of(settings)
    found: list[Fault] = []
    with_progress = sys.stderr.isatty()
    for fault in verify(places, time.time(), _progress if with_progress else lambda doing: None):
        found.append(fault)
        if not args.json:
            write(f"{fault.kind}: {fault.where}: {visible(fault.what)}\n")
    _progress("") if with_progress else None
    if args.json:
        write(json.dumps({"version": 1, "faults": [asdict(fault) for fault in found]}, indent=2) + "\n")
    elif found:
        write(f"{len(found):,} faults. `seedbed store repair --dry-run` says what would be done about them.\n")
    else:
        write("all is sound\n")
    return int(bool(found))


def _repair(settings: Making, args: argparse.Namespace) -> int:
    places = places_of(settings)
    done: list[Action] = []
    for action in repair(places, time.time(), dry_run=args.dry_run):
        done.append(action)
        if not args.json:
            write(f"{action.where}: {visible(action.did)}\n")
    if args.json:
        actions = [asdict(action) for action in done]
        write(json.dumps({"version": 1, "dry_run": args.dry_run, "actions": actions}, indent=2) + "\n")
    elif not done:
        write("there is nothing to mend\n")
    elif args.dry_run:
        write("Nothing was done. Without --dry-run it would be.\n")
    return 0


def _gc(settings: Making, args: argparse.Namespace) -> int:
    places = places_of(settings)
    limits = limits_of(settings)
    limits = Limits(
        limits.bytes if args.max_size is None else args.max_size,
        limits.age_s if args.max_age is None else args.max_age,
        args.keep,
    )
    done = collect(places, limits, time.time(), dry_run=args.dry_run)
    if args.json:
        freed = {kind: asdict(removed) for kind, removed in sorted(done.freed.items())}
        plain = {"version": 1, "dry_run": args.dry_run, "freed": freed, "left_bytes": done.left, "notes": done.notes}
        write(json.dumps(plain, indent=2) + "\n")
        return 0
    _say(done, limits, args.dry_run)
    return 0


def _say(done: Collected, limits: Limits, dry_run: bool) -> None:
    verb = "would free" if dry_run else "freed"
    for kind, removed in sorted(done.freed.items()):
        write(f"{verb} {_bytes(removed.bytes):>9}  {removed.count:,} {kind}\n")
    if not done.freed:
        write("nothing to remove\n")
    if limits.bytes is None and limits.age_s is None:
        write("No limit is set: give --max-size or --max-age, or the settings store_max_gb and store_max_days.\n")
    write(f"{_bytes(done.left)} {'would be' if dry_run else 'are'} left\n")
    for note in done.notes:
        print(f"note: {visible(note)}", file=sys.stderr)


def _progress(doing: str) -> None:
    print(f"\r\x1b[K{doing}", end="", file=sys.stderr, flush=True)


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:,.0f} {unit}" if unit == "B" or count >= 100 else f"{count:,.1f} {unit}"


def _days(what: str, count: int | None) -> str:
    return "" if count is None else f"{what} {count} d"


_POWERS: Final[Mapping[str, int]] = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _size(text: str) -> int:
    """Bytes of "20GB" or "20GiB"."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 20GB or 500MB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()])


def _age(text: str) -> float:
    """Seconds of "180d" or "4w"."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write it in days or weeks, as 180d or 4w")
    return float(found[1]) * DAY_S * (7 if found[2].lower() == "w" else 1)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)
