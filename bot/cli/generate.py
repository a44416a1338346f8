"""`seedbed generate`: make the samples of a taxonomy's leaves on this machine, or say what that would cost."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.cli.console import Bar, shown, write
from bot.settings import Making, SettingsError, load_making
from pipeline.flows.prompts import PromptError
from pipeline.git import GitError, Repository
from pipeline.models import ModelError
from pipeline.store.port import StoreError
from pipeline.taxonomy import TaxonomySnapshot, origin_of, pull_number, read_leaves, read_prompts
from pipeline.teacher.port import TeacherError
from validators import Leaf

WRONG_USE = 2


class UsageError(Exception):
    """The command cannot be carried out as given; the message says why and what to do."""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "generate",
        help="make the samples of a taxonomy's leaves here, or say what it would cost",
        description="Make samples for all leaves of a taxonomy at one commit. Nothing is asked twice: a leaf that did "
        "not change costs no request, and a run that was stopped goes on where it was.",
        epilog="example: seedbed generate --taxonomy ../taxonomy --dry-run    ·    "
        "exit codes: 0 all leaves have samples, 1 some have none or the work failed, 2 wrong use",
    )
    p.add_argument("--taxonomy", type=Path, default=Path(), metavar="DIR", help="git repository (default: this folder)")
    p.add_argument("--commit", default="HEAD", metavar="REV", help="commit, branch or tag to read (default: HEAD)")
    p.add_argument("--leaf", action="append", default=[], metavar="PATH", help="only leaves at or below; repeatable")
    p.add_argument("--samples", type=int, metavar="N", help="samples wanted for each leaf (setting samples)")
    p.add_argument("--dry-run", action="store_true", help="say what would be asked, by leaf, and ask nothing")
    p.add_argument("--no-documents", action="store_true", help="fetch no document; use the seed contexts alone")
    p.add_argument("--html", type=Path, metavar="FILE", help="also write the report as a page")
    p.add_argument("--json", action="store_true", help="print the report as JSON")
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder of responses and datasets (setting state_dir)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate, and print the report."""
    try:
        given = {"state_dir": args.state, "samples": args.samples}
        settings = load_making(args.settings, **{name: value for name, value in given.items() if value is not None})
        source = read(args)
        return _plan(args, settings, source) if args.dry_run else _generate(args, settings, source)
    except (SettingsError, UsageError, PromptError) as error:
        return _fail(error, WRONG_USE)
    except (TeacherError, StoreError, ModelError, GitError, OSError) as error:
        return _fail(error, 1)


@dataclass(frozen=True, slots=True)
class Source:
    """A taxonomy at a commit, and the leaves of it that are asked for."""

    repository: Repository
    snapshot: TaxonomySnapshot
    leaves: tuple[Leaf, ...]


def read(args: argparse.Namespace) -> Source:
    """The leaves that the arguments name. Raises `UsageError` and `GitError`."""
    repository = Repository(git_folder(args.taxonomy))
    snapshot = read_leaves(repository, repository.resolve(args.commit))
    wanted = [str(name).strip("/").removesuffix("/qna.yaml") for name in args.leaf]
    leaves = tuple(leaf for leaf in snapshot.leaves if not wanted or any(_below(leaf.path, name) for name in wanted))
    missing = [name for name in wanted if not any(_below(leaf.path, name) for leaf in snapshot.leaves)]
    if missing:
        why = next((reason for path, reason in snapshot.skipped if _below(path, missing[0])), "")
        raise UsageError(
            f"no leaf at or below {missing[0]} in {shown(args.taxonomy)} at {args.commit}"
            + (f": {why}" if why else "; is it committed? `seedbed preview` reads files that are not")
        )
    return Source(repository, snapshot, leaves)


def git_folder(folder: Path) -> Path:
    """The git directory of a work tree or bare repository. Raises `UsageError`."""
    if (folder / ".git").is_dir():
        return folder / ".git"
    if (folder / ".git").is_file():  # a linked work tree says where its own lies
        return (folder / (folder / ".git").read_text().removeprefix("gitdir:").strip()).resolve()
    if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
        return folder
    raise UsageError(f"{folder} is no git repository; name one with --taxonomy, or use `seedbed preview` on files")


def _below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")


def _plan(args: argparse.Namespace, settings: Making, source: Source) -> int:
    from bot import making
    from bot.render import generation
    from pipeline.plan import plan

    with making.opened(settings, documents=not args.no_documents) as tools:
        facts = tools.facts()
        found = list(
            plan(
                source.leaves,
                teacher=facts,
                responses=tools.responses,
                store=tools.store,
                target=settings.samples,
                documents=tools.documents,
                prompts=read_prompts(source.repository, source.snapshot.commit),
                embedder=tools.embedder.digest if tools.embedder else "",
            )
        )
    if args.json:
        write(json.dumps(generation.plan_json(found, facts), indent=1) + "\n")
    else:
        _table(generation.PLAN_HEADINGS, generation.plan_rows(found))
        write(generation.plan_summary(found, facts) + "\n")
    return 0


def _generate(args: argparse.Namespace, settings: Making, source: Source) -> int:
    from bot import making
    from bot.render import generation
    from pipeline import lineage
    from pipeline.generate import Origin, generate
    from pipeline.plan import note_speed

    origins = [_origin(source, leaf) for leaf in source.leaves]
    with making.opened(settings, documents=not args.no_documents) as tools, tools.pool() as pool:
        started = time.monotonic()
        datasets = generate(
            [(leaf, Origin(*origin)) for leaf, origin in zip(source.leaves, origins, strict=True)],
            pool=pool,
            store=tools.store,
            target=settings.samples,
            progress=Bar(),
            documents=tools.documents,
            prompts=read_prompts(source.repository, source.snapshot.commit),
            embedder=tools.embedder,
        )
        teacher = pool.teacher
        if pool.usage.requests:
            note_speed(tools.store, teacher.fingerprint, pool.usage.output_tokens, pool.usage.busy_s)
        made = generation.Generated(
            commit=source.snapshot.commit,
            teacher=teacher.name,
            fingerprint=teacher.fingerprint,
            form=teacher.form,
            target=settings.samples,
            datasets=tuple(datasets),
            differences=tuple(lineage.difference(tools.store, dataset) for dataset in datasets),
            skipped=source.snapshot.skipped,
            usage=pool.usage,
            seconds=time.monotonic() - started,
        )
    _print(args, made)
    return 0 if all(dataset.samples for dataset in datasets) and not source.snapshot.skipped else 1


def _origin(source: Source, leaf: Leaf) -> tuple[str, int | None, str]:
    commit, author, subject = origin_of(source.repository, source.snapshot.commit, leaf.path)
    return commit, pull_number(subject), author


def _print(args: argparse.Namespace, made: Any) -> None:
    from bot.render import generation
    from pipeline.files import write_durably

    if args.html:
        write_durably(args.html, generation.page(made).encode())
    if args.json:
        write(json.dumps(generation.as_json(made), indent=1, ensure_ascii=False) + "\n")
        return
    _table(generation.HEADINGS, generation.rows(made))
    for dataset in made.datasets:
        for note in dataset.notes:
            write(f"{dataset.leaf}: {note}\n")
    for path, reason in made.skipped:
        write(f"{path}: passed over: {reason}\n")
    write(generation.summary(made) + "\n")
    if args.html:
        write(f"the report is at {shown(args.html)}\n")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # foreign names are no markup
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _fail(error: Exception, code: int) -> int:
    print(f"seedbed generate: {error}", file=sys.stderr)
    return code
