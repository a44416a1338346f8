"""`seedbed preview`: what the teacher makes of leaf files, before anything is committed or pushed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.cli.console import Bar, shown, write
from bot.cli.generate import UsageError
from bot.settings import Making, SettingsError, load_making
from pipeline.flows.prompts import PromptError
from pipeline.leafdata import LeafDataset
from pipeline.models import ModelError
from pipeline.samples import Sample
from pipeline.store.port import StoreError
from pipeline.teacher.port import TeacherError
from validators import Leaf, LeafError, parse_leaf
from validators.output import visible
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE, leaf_path

MOST_BYTES = 1_000_000


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "preview",
        help="show what the teacher makes of leaf files, before anything is committed",
        description="Make a few samples of leaves as they lie in these folders, and show them with what was rejected "
        "and why. The answers are kept, so a later generation starts from them.",
        epilog="example: seedbed preview knowledge/arts/my_topic    ·    "
        "exit codes: 0 samples for every leaf, 1 none for some or the work failed, 2 wrong use",
    )
    p.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="leaf folder, or its qna.yaml")
    p.add_argument("-n", "--samples", type=int, default=3, metavar="N", help="samples wanted for each leaf (default 3)")
    p.add_argument("--no-documents", action="store_true", help="fetch no document; use the seed contexts alone")
    p.add_argument("--json", action="store_true", help="print kept and rejected samples as JSON")
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder of responses and datasets (setting state_dir)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make samples and print them."""
    try:
        if args.samples < 1:
            raise UsageError("-n must be 1 or more")
        settings = load_making(args.settings, **({"state_dir": args.state} if args.state else {}))
        leaves = [read(path) for path in args.paths]
        return _preview(args, settings, leaves)
    except (SettingsError, UsageError, PromptError, LeafError) as error:
        print(f"seedbed preview: {error}", file=sys.stderr)
        return 2
    except (TeacherError, StoreError, ModelError, OSError) as error:
        print(f"seedbed preview: {error}", file=sys.stderr)
        return 1


def read(path: Path) -> Leaf:
    """The leaf of a folder or file. Raises `UsageError` and `LeafError`."""
    folder = (path.parent if path.name == LEAF_FILE else path).resolve()
    if not (folder / LEAF_FILE).is_file():
        raise UsageError(f"there is no {LEAF_FILE} in {shown(folder)}; `seedbed new` starts a leaf")
    name = leaf_path(folder.parts)
    if name is None:
        raise UsageError(f"{shown(folder)} lies in no taxonomy: a leaf is below {', '.join(sorted(BRANCHES))}")
    there = [folder / file for file in (LEAF_FILE, ATTRIBUTION_FILE) if (folder / file).is_file()]
    files = {f"{name}/{file.name}": _bytes(file) for file in there}
    return parse_leaf(f"{name}/{LEAF_FILE}", files)


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise UsageError(f"{shown(file)} is larger than {MOST_BYTES} bytes; a leaf is a page or two")
    return file.read_bytes()


def _preview(args: argparse.Namespace, settings: Making, leaves: list[Leaf]) -> int:
    from bot import making
    from pipeline.generate import Origin, generate
    from pipeline.pool import PREVIEW

    with making.opened(settings, documents=not args.no_documents) as tools, tools.pool() as pool:
        datasets = generate(
            [(leaf, Origin("", None, leaf.created_by)) for leaf in leaves],
            pool=pool,
            store=tools.store,
            target=args.samples,
            progress=Bar(),
            documents=tools.documents,
            lane=PREVIEW,
            embedder=tools.embedder,
        )
        teacher = pool.teacher.name
    write(_json(datasets, teacher) if args.json else "".join(_shown(dataset, teacher) for dataset in datasets))
    return 0 if all(dataset.samples for dataset in datasets) else 1


def _json(datasets: Sequence[LeafDataset], teacher: str) -> str:
    leaves = [
        {
            "path": dataset.leaf,
            "kept": [json.loads(sample.to_json()) for sample in dataset.samples],
            "rejected": [json.loads(sample.to_json()) for sample in dataset.rejected],
            "notes": list(dataset.notes),
        }
        for dataset in datasets
    ]
    return json.dumps({"version": 1, "teacher": teacher, "leaves": leaves}, indent=1, ensure_ascii=False) + "\n"


def _shown(dataset: LeafDataset, teacher: str) -> str:
    head = f"{dataset.leaf}: {len(dataset.samples)} kept, {len(dataset.rejected)} rejected ({teacher})\n"
    notes = [f"  {visible(note)}\n" for note in dataset.notes]
    reasons = [f"  rejected: {count} × {visible(reason)}\n" for reason, count in dataset.report.reasons.items()]
    return "".join([head, *notes, *map(_text, dataset.samples), *reasons])


def _text(sample: Sample) -> str:
    names = {"user": "question", "assistant": "answer", "system": "instruction"}
    turns = [f"  {names[message.role]}: {_indented(visible(message.content))}\n" for message in sample.messages]
    return "\n" + "".join(turns) + "\n"


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n    ")
