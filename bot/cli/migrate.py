"""`seedbed migrate`: carry leaves of version 1 and 2 to version 3, in place."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.cli.console import shown, write
from bot.cli.lint_files import Taxonomy, UsageError, gather
from bot.cli.migrate_documents import Documents
from validators.migration import Migration, migrate
from validators.model import Finding
from validators.output import visible
from validators.paths import ATTRIBUTION_FILE, LEAF_FILE, beside, is_leaf_like

WRONG_USE = 2
JSON_VERSION = 1
_EXAMPLES = "example: seedbed migrate knowledge/    ·    seedbed migrate --document comets.md knowledge/science/comets"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = subparsers.add_parser(
        "migrate",
        help="carry leaves of version 1 and 2 to version 3",
        description="Carry leaves of version 1 and 2 to version 3 by editing them; comments, order and style stay. "
        "Skills are carried over wholly. Questions of knowledge leaves are put under passages of the document, or "
        "under placeholders; what only you can write is listed. Exit code 0: nothing is left to do; 1: something is; "
        "2: wrong use.",
        epilog=_EXAMPLES,
    )
    p.add_argument("paths", nargs="*", metavar="PATH", help="leaves or folders (default: the taxonomy around here)")
    p.add_argument(
        "--document",
        type=Path,
        metavar="FILE",
        help="the document that the questions are about: Markdown or plain text, or a folder of such files",
    )
    only = p.add_mutually_exclusive_group()
    only.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    only.add_argument(
        "--diff", action="store_true", help="print the change as a patch, change nothing; 1: there is one"
    )
    p.add_argument("--json", action="store_true", help="print what was done as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate, write and say what was done; the exit code."""
    try:
        documents = Documents.read(args.document)
        taxonomies = gather([Path(path) for path in args.paths] or [Path()], None)
        done = [one for taxonomy in taxonomies for one in _carry(taxonomy, documents)]
    except UsageError as error:
        print(f"seedbed migrate: {visible(str(error))}", file=sys.stderr)
        return WRONG_USE
    if args.diff:
        return _diff(done)
    if not args.dry_run:
        done = [one.written() for one in done]
    write(_json(done) if args.json else _text(done, dry=args.dry_run))
    return 0 if all(one.result.complete for one in done) else 1


@dataclass(frozen=True, slots=True)
class _Done:
    """One leaf of one taxonomy, and what became of it."""

    taxonomy: Taxonomy
    result: Migration
    old: bytes
    new: bytes

    @property
    def shown(self) -> str:
        """The path as the reader would type it."""
        return shown(self.taxonomy.root / self.result.path)

    @property
    def changes(self) -> bool:
        """Whether the file's content is another."""
        return self.new != self.old

    def written(self) -> _Done:
        """The same, on disk; one that cannot be written says why."""
        from bot.cli.lint_fix import create, put

        path = self.result.path
        why = put(self.taxonomy, path, path, self.new) if self.changes else ""
        if self.result.attribution and not why:
            why = create(self.taxonomy, beside(path, ATTRIBUTION_FILE), self.result.attribution.encode("utf-8"))
        return self if not why else _Done(self.taxonomy, Migration(path, "", problem=why), self.old, self.old)


def _carry(taxonomy: Taxonomy, documents: Documents) -> list[_Done]:
    """Every leaf that was asked for. What cannot be read is a leaf with a problem."""
    leaves = {
        beside(path, LEAF_FILE) if path.rpartition("/")[2] == ATTRIBUTION_FILE else path
        for path in taxonomy.changed
        if is_leaf_like(path) or path.rpartition("/")[2] == ATTRIBUTION_FILE
    }
    done = []
    for path in sorted(leaves & taxonomy.files.keys()):
        old = taxonomy.files[path]
        result = migrate(path, taxonomy.files, document=documents.of(path, taxonomy.files))
        done.append(_Done(taxonomy, result, old, result.text.encode("utf-8") if result.steps else old))
    unread = sorted(taxonomy.unread.items())
    return done + [_Done(taxonomy, Migration(path, "", problem=found.message), b"", b"") for path, found in unread]


def _diff(done: list[_Done]) -> int:
    from bot.cli.lint_fix import patch

    changed = [one for one in done if one.changes]
    for one in changed:
        write(patch(one.shown, one.shown, one.old, one.new))
        if one.result.attribution:
            place = beside(one.shown, ATTRIBUTION_FILE)
            write(patch(place, place, None, one.result.attribution.encode("utf-8")))
    return 1 if changed else 0


def _json(done: list[_Done]) -> str:
    leaves = [
        {
            "path": one.shown,
            "changed": one.changes,
            "complete": one.result.complete,
            "steps": list(one.result.steps),
            "missing": [_as_json(one.taxonomy, finding) for finding in one.result.missing],
            "problem": one.result.problem,
        }
        for one in done
    ]
    summary = {
        "files": len(done),
        "changed": sum(one.changes for one in done),
        "complete": sum(one.result.complete for one in done),
    }
    return (
        json.dumps({"version": JSON_VERSION, "summary": summary, "leaves": leaves}, indent=2, ensure_ascii=False) + "\n"
    )


def _as_json(taxonomy: Taxonomy, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "path": shown(taxonomy.root / finding.path),
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "help": finding.help,
    }


def _text(done: list[_Done], *, dry: bool) -> str:
    """What was done and what is left, leaf by leaf, and how to go on."""
    if not done:
        return "Nothing to migrate: no leaf here.\n"
    blocks = [_block(one) for one in done if one.changes or not one.result.complete]
    changed = sum(one.changes for one in done)
    left = [one for one in done if not one.result.complete]
    lines = [f"{'Would carry' if dry else 'Carried'} {changed} of {_count(len(done))} to version 3."]
    if left:
        where = left[0].shown.rpartition("/")[0] or "." if len(left) == 1 else ""
        command = f"seedbed lint --fix {where}".strip()
        lines.append(
            f"{_count(len(left))} with something left to do: see to what is listed above, then run `{command}`."
        )
    return "".join(blocks) + "\n".join(lines) + "\n"


def _block(one: _Done) -> str:
    lines = [one.shown, *(f"  {step}" for step in one.result.steps)]
    if one.result.problem:
        lines.append(f"  left as it is: {one.result.problem}")
    for finding in one.result.missing:
        place = f"line {finding.line}" if finding.path == one.result.path else finding.path.rpartition("/")[2]
        what = finding.help if finding.rule == "placeholder-left" else f"{finding.message}. {finding.help}".rstrip()
        lines.append(f"  to do, {place}: {what}")
    return "".join(visible(line) + "\n" for line in lines) + "\n"


def _count(number: int) -> str:
    return f"{number} {'leaf' if number == 1 else 'leaves'}"
