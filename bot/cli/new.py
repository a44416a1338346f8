"""`seedbed new`: start a leaf, with placeholders where the author writes and comments that teach the format."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bot.cli.console import write
from bot.cli.lint_files import UsageError, taxonomy_root
from bot.cli.lint_git import GitError, git
from validators.output import visible
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE
from validators.scaffold import KINDS, PLACES, SCHEMAS, Kind, refusals, scaffold, suggestion

WRONG_USE = 2
JSON_VERSION = 1
_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_NOREPLY = re.compile(rf"(?:\d+\+)?({_LOGIN.pattern})@users\.noreply\.github\.com")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,60}")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = subparsers.add_parser(
        "new",
        help="start a leaf: its files with comments that teach the format",
        description="Write qna.yaml and attribution.txt of a new leaf, with a TODO wherever you write. KIND is skill "
        "(how to do something), grounded (how to do something with a given text) or knowledge (facts from a document). "
        "Exit code 0: written; 2: wrong use, nothing was written.",
        epilog="example: seedbed new skill compositional_skills/writing/haiku --author ada-lovelace",
    )
    p.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    p.add_argument("path", metavar="PATH", help="the leaf's folder, such as knowledge/science/comets")
    p.add_argument("--author", metavar="LOGIN", help="your login on GitHub (default: git's github.user, if set)")
    p.add_argument("--task", metavar="TEXT", default="", help="what the skill does, or what the document is about")
    p.add_argument("--domain", metavar="TEXT", default="", help="the subject; for knowledge alone")
    p.add_argument("--license", metavar="SPDX", default="", help="licence of the texts, such as CC-BY-SA-4.0")
    p.add_argument("--force", action="store_true", help="replace files of a leaf that is there already")
    p.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    p.add_argument("--json", action="store_true", help="print what was written as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and say how to go on; the exit code."""
    try:
        place = _place(args.kind, args.path)
        author = _author(args.author, place.root)
        _check(args)
        files = scaffold(args.kind, place.path, author=author, task=args.task, domain=args.domain, license=args.license)
        made = _written(place, files, force=args.force, dry=args.dry_run)
    except (UsageError, OSError) as error:
        print(f"seedbed new: {visible(str(error))}", file=sys.stderr)
        return WRONG_USE
    write(_json(place, made) if args.json else _text(args.kind, place, made, dry=args.dry_run))
    return 0


@dataclass(frozen=True, slots=True)
class _Place:
    """A leaf's folder: the taxonomy's, and the POSIX path below it."""

    root: Path
    path: str

    def shown(self, name: str) -> str:
        """A path of the taxonomy as the reader would type it."""
        return os.path.relpath(self.root / name)


@dataclass(frozen=True, slots=True)
class _Made:
    """What was written (or would be), by path in the taxonomy."""

    written: list[str]
    replaced: list[str]


def _place(kind: Kind, typed: str) -> _Place:
    """Where the leaf goes. Raises UsageError, in the rules' words, for a place that does not fit."""
    full = Path(os.path.abspath(typed))  # noqa: PTH100 - the folder need not exist, and no link is followed
    root = _root(full, typed)
    path = full.relative_to(root).as_posix()
    if path == ".":
        raise UsageError(_with_suggestion(kind, "", "this is the taxonomy's own folder, not a leaf's"))
    found = refusals(kind, path, _neighbours(root, path))
    if found:
        raise UsageError(_with_suggestion(kind, path, "; ".join(found)))
    return _Place(root, path)


def _root(full: Path, typed: str) -> Path:
    """The taxonomy: what stands before the tree's name in the path as typed, else the taxonomy around this folder."""
    around = taxonomy_root(Path.cwd())
    below = Path.cwd().relative_to(around).parts
    parts = PurePosixPath(os.path.normpath(typed)).parts
    tree = next((at for at, name in enumerate(parts) if name in BRANCHES), None)
    if tree is None:
        return around if full.is_relative_to(around) else full.parent
    if below and below[0] in BRANCHES and parts[0] not in ("/", ".."):
        here, there = "/".join(below), os.path.relpath(around)
        raise UsageError(f"you are in {here} already; leave {here} out of the path, or run this in {there}")
    return Path(*full.parts[: len(full.parts) - len(parts) + tree])


def _neighbours(root: Path, path: str) -> set[str]:
    """Leaves above and below the folder."""
    above = [str(parent / LEAF_FILE) for parent in PurePosixPath(path).parents]
    below = (file.relative_to(root).as_posix() for file in (root / path).glob(f"*/**/{LEAF_FILE}"))
    return {name for name in above if (root / name).is_file()} | set(below)


def _with_suggestion(kind: Kind, path: str, why: str) -> str:
    better = suggestion(kind, path)
    if better == path:
        return f"{why}; choose another folder"
    return f"{why}. Leaves of this kind lie under {PLACES[kind]}/; try: seedbed new {kind} '{better}'"


def _author(given: str | None, root: Path) -> str:
    """The login: as given, else what git is sure of, else "". Raises UsageError."""
    if given is not None:
        if not _LOGIN.fullmatch(given):
            raise UsageError(
                f"{given!r} is not a GitHub login; write it without @, as it stands in your profile's address"
            )
        return given
    while not root.is_dir():
        root = root.parent
    for key, form in (("github.user", _LOGIN), ("user.email", _NOREPLY)):
        try:
            match = form.fullmatch(git(root, "config", "--get", key).decode("utf-8", "replace").strip())
        except GitError:
            continue
        if match:
            return match.group(match.lastindex or 0)
    return ""


def _check(args: argparse.Namespace) -> None:
    if args.domain and args.kind != "knowledge":
        raise UsageError("only knowledge has a domain; leave --domain out")
    if args.license and not _SPDX.fullmatch(args.license):
        raise UsageError(f"{args.license!r} is no SPDX identifier; write one such as CC-BY-SA-4.0 or Apache-2.0")


def _written(place: _Place, files: dict[str, str], *, force: bool, dry: bool) -> _Made:
    """Write what is not there yet; with `force` the leaf's own files in the place of older ones. Raises UsageError."""
    there = [name for name in files if os.path.lexists(place.root / name)]
    schema = [name for name in there if name.startswith(f"{SCHEMAS}/")]
    replaced = [name for name in there if name not in schema]
    if replaced and not force:
        shown = " and ".join(map(place.shown, replaced))
        raise UsageError(f"{shown}: there already, and left alone; edit it, or replace it with --force")
    for name, text in files.items():
        if not dry and name not in schema:
            _put(place.root / name, text)
    return _Made([name for name in files if name not in there], replaced)


def _put(file: Path, text: str) -> None:
    """Write a file; one that was there is replaced, a link itself and not what it points to."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(file):
        file.unlink()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def _next(kind: Kind, place: _Place) -> list[str]:
    leaf, attribution = (place.shown(f"{place.path}/{name}") for name in (LEAF_FILE, ATTRIBUTION_FILE))
    source = "say there where the document comes from and under which licence"
    own = "it says that all of this is your own work; if you copied anything, name the source there"
    return [
        f"Open {leaf} in an editor and write your text in place of every TODO.",
        f"Look at {attribution}: {source if kind == 'knowledge' else own}.",
        f"Run: seedbed lint --fix {shlex.quote(place.shown(place.path))}",
    ]


def _text(kind: Kind, place: _Place, made: _Made, *, dry: bool) -> str:
    would = "would be " if dry else ""
    lines = [f"{would}written   {place.shown(name)}" for name in made.written]
    lines += [f"{would}replaced  {place.shown(name)}" for name in made.replaced]
    if any(name.startswith(f"{SCHEMAS}/") for name in made.written):
        lines.append(f"({SCHEMAS}/ lets editors complete and check what you write; commit it once for all leaves.)")
    steps = [f"{number}. {step}" for number, step in enumerate(_next(kind, place), 1)]
    return "".join(visible(line) + "\n" for line in (lines if dry else [*lines, "", *steps]))


def _json(place: _Place, made: _Made) -> str:
    document = {
        "version": JSON_VERSION,
        "leaf": place.path,
        "written": [place.shown(name) for name in made.written],
        "replaced": [place.shown(name) for name in made.replaced],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
