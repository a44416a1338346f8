"""`seedbed export`: the datasets as files for other people's programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot import datasets
from bot.cli.console import shown, write
from bot.settings import SettingsError, load_making
from bot.stores import store_of
from pipeline import lineage
from pipeline.exporting.folder import FORMATS, Export, Format, check_target, export
from pipeline.exporting.shelf import ExportError, Shelf
from pipeline.leafkeys import FORMAT
from pipeline.store.port import Store, StoreError
from validators.output import visible

WRONG_USE = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A stored dataset of a leaf."""

    leaf: str
    key: str
    kept: int
    rejected: int


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "export",
        help="write the datasets as files: InstructLab messages, Parquet, lm-eval tasks, dataset card",
        description="Write the datasets of all merged leaves into a new folder; where no bot keeps a record of merges, "
        "the newest dataset of each leaf that `seedbed generate` made. The same datasets give the same files.",
        epilog="example: seedbed export --format parquet,card --leaf knowledge/ ../samples",
    )
    p.add_argument("out", type=Path, metavar="OUT", help="the folder to make; an earlier export there needs --force")
    p.add_argument(
        "--format",
        type=_formats,
        default=FORMATS,
        metavar="FORMAT[,FORMAT…]",
        help=f"what to write: {', '.join(FORMATS)}, all (default: all)",
    )
    p.add_argument(
        "--leaf",
        action="append",
        default=[],
        metavar="PATH",
        help="only this leaf, or those below this folder; may be repeated",
    )
    p.add_argument("--rejected", action="store_true", help="also the rejected rows with their reasons (in Parquet)")
    p.add_argument(
        "--all",
        action="store_true",
        help="the newest dataset of every leaf in the store, also of those that left the taxonomy or never were in it",
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder of responses and datasets (setting state_dir)")
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--force", action="store_true", help="replace an earlier export")
    p.add_argument("--dry-run", action="store_true", help="say what would be exported, and write nothing")
    p.add_argument("--json", action="store_true", help="print what was written as JSON")
    p.set_defaults(run=run)


def _formats(text: str) -> tuple[Format, ...]:
    """The formats in a list with commas, in their order."""
    asked = {part.strip() for part in text.split(",")}
    unknown = sorted(asked - {*FORMATS, "all"})
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown format {unknown[0]!r} (choose from {', '.join(FORMATS)}, all)")
    return FORMATS if "all" in asked else tuple(format for format in FORMATS if format in asked)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when there is nothing to export or it cannot be written, 2 for wrong settings."""
    try:
        settings = load_making(args.settings, **({"state_dir": args.state} if args.state else {}))
    except SettingsError as error:
        print(f"seedbed export: {error}", file=sys.stderr)
        return WRONG_USE
    if args.rejected and "parquet" not in args.format:
        print("seedbed export: rejected rows are written as Parquet alone; add --format parquet", file=sys.stderr)
        return WRONG_USE
    try:
        store = store_of(settings)
        found = _found(store, settings.state_dir, args)
        check_target(args.out, replace=args.force)
        if args.dry_run:
            return _say(args, found, None)
        shelf = Shelf(store, [one.key for one in found])
        made = export(shelf, args.out, args.format, rejected=args.rejected, replace=args.force, progress=_progress)
    except (ExportError, StoreError) as error:
        print(f"seedbed export: {error}", file=sys.stderr)
        return 1
    return _say(args, found, made)


def _found(store: Store, state: Path, args: argparse.Namespace) -> list[Found]:
    """The datasets that were asked for, by path. Raises `ExportError` where there are none."""
    everything = (not args.all and _recorded(store)) or _stored(store)
    if not everything:
        raise ExportError(
            f"there is no dataset in the store of {shown(state)}: `seedbed generate` makes those of a taxonomy on this "
            "machine, `seedbed worker` one for each leaf that is merged; --state names another folder"
        )
    wanted = [path.strip("/") for path in args.leaf]
    chosen = [one for one in everything if not wanted or any(_below(one.leaf, path) for path in wanted)]
    missing = [path for path in wanted if not any(_below(one.leaf, path) for one in everything)]
    if missing:
        raise ExportError(f"no leaf {missing[0]!r} has a dataset; {_named(everything)}")
    return sorted(chosen, key=lambda one: (one.leaf, one.key))


def _recorded(store: Store) -> list[Found]:
    """Those that the newest record names; a leaf whose teacher failed has none, and is made with the next run."""
    named = [Found(leaf.path, leaf.key, leaf.kept, leaf.rejected) for leaf in datasets.latest(store)]
    return [one for one in named if one.kept or store.exists(f"leaves/{one.key}/manifest.json")]


def _stored(store: Store) -> list[Found]:
    """The newest of each leaf in the present format; all of a leaf where nothing says which is the newest."""
    found: dict[str, list[Found]] = {}
    for name in (key for key in store.keys("leaves/") if key.endswith("/manifest.json")):
        try:
            manifest = json.loads(store.read(name))
            if manifest["format"] == FORMAT:
                one = Found(manifest["leaf"], manifest["leaf_key"], manifest["kept"], manifest["rejected"])
                found.setdefault(one.leaf, []).append(one)
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(f"{name} in the store is damaged ({error}); `seedbed store verify` says more") from error
    return [one for leaf, some in found.items() for one in _newest(store, leaf, some)]


def _newest(store: Store, leaf: str, some: list[Found]) -> list[Found]:
    generation = lineage.latest(store, leaf)
    return [one for one in some if generation and one.key == generation.key] or some


def _below(leaf: str, path: str) -> bool:
    return leaf == path or leaf.startswith(f"{path}/")


def _named(everything: Sequence[Found]) -> str:
    some = ", ".join(one.leaf for one in everything[:3])
    return f"there are {some}" + (f" and {len(everything) - 3} more" if len(everything) > 3 else "")


def _say(args: argparse.Namespace, found: Sequence[Found], made: Export | None) -> int:
    leaves = {"leaves": [asdict(one) for one in found]}
    if args.json:
        files = {"files": [asdict(file) for file in made.files]} if made else {}
        write(json.dumps({"version": 1, "out": str(args.out), **leaves, **files}, indent=2) + "\n")
        return 0
    kept, rejected = sum(one.kept for one in found), sum(one.rejected for one in found)
    total = f"{len(found)} datasets with {kept} kept and {rejected} rejected rows"
    if made is None:
        lines = [f"{one.kept:6} kept {one.rejected:6} rejected  {visible(one.leaf)}" for one in found]
        write("\n".join([*lines, f"would export {total} to {shown(args.out.absolute())}"]) + "\n")
        return 0
    lines = [f"{file.rows:8} rows {file.bytes:12,} bytes  {visible(file.path)}" for file in made.files]
    write("\n".join([*lines, f"exported {total} to {shown(args.out.absolute())}"]) + "\n")
    return 0


def _progress(message: str, fraction: float) -> None:
    if sys.stderr.isatty():
        text = f"{message} {fraction:.0%}" if fraction < 1 else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
