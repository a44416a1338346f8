"""`seedbed lint`: judge the leaves of a taxonomy, or what changed in it, and mend what can be mended."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from bot.cli.console import colored, shown, write
from bot.cli.lint_config import configuration
from bot.cli.lint_files import Taxonomy, UsageError, gather
from bot.cli.lint_fix import difference, mend
from bot.cli.lint_git import GitError
from bot.cli.lint_judge import Judged, judge
from validators.model import Finding, LintConfig, Report, SchemaMode
from validators.output import FORMATS, Format, render, render_json, visible
from validators.plugins import BrokenPlugin
from validators.registry import UnknownRule

WRONG_USE = 2


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = subparsers.add_parser(
        "lint",
        help="judge leaves: what is wrong, where, and how to mend it",
        description="Judge qna.yaml leaves and their attribution.txt. Exit code 0: no error; 1: errors; 2: wrong use. "
        "`seedbed rule ID` explains a rule.",
        epilog="example: seedbed lint --fix knowledge/    ·    seedbed lint --base main --format github",
    )
    p.add_argument("paths", nargs="*", metavar="PATH", help="leaves or folders (default: the taxonomy around here)")
    p.add_argument("--base", metavar="REV", help="judge only what changed since this git revision")
    p.add_argument("--select", metavar="NAMES", action="append", help="rule ids or groups, comma separated")
    p.add_argument("--ignore", metavar="NAMES", action="append", help="rule ids or groups to leave out")
    p.add_argument(
        "--schema",
        type=_schema,
        metavar="MODE",
        help="newest (default), declared (the version that each file names), or a number",
    )
    p.add_argument("--format", choices=FORMATS, default="text", help="how to print (default: text)")
    p.add_argument("--fix", action="store_true", help="mend in place what can be mended, then judge what is left")
    p.add_argument("--diff", action="store_true", help="print what --fix would change, change nothing; 1: it would")
    p.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration (default: .seedbed.yaml of the taxonomy; with --base the one of that revision)",
    )
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge or mend, and print; the exit code."""
    try:
        taxonomies = gather([Path(p) for p in args.paths] or [Path()], args.base)
        jobs = [(taxonomy, configuration(taxonomy.root, args)) for taxonomy in taxonomies]
        if args.diff:
            return _diff(jobs)
        judged = [(mend if args.fix else judge)(*job) for job in jobs]
    except (UsageError, GitError, BrokenPlugin, UnknownRule) as error:
        print(f"seedbed lint: {error}", file=sys.stderr)
        return WRONG_USE
    for one in judged:
        _tell(one, sys.stdout if args.format == "text" else sys.stderr)
    whole = Report(tuple(f for one in judged for f in one.report.findings), sum(one.report.files for one in judged))
    if args.format == "json":
        write(render_json(whole))
    elif args.format == "text" and not whole.files and not whole.findings:
        write("Nothing to lint: no leaf here" + (f" changed since {args.base}.\n" if args.base else ".\n"))
    else:
        write(_rendered(args.format, judged, whole))
    return 0 if whole.ok else 1


def _rendered(format: Format, judged: list[Judged], whole: Report) -> str:
    """All findings with paths that the reader's editor can open."""
    contents: dict[str, bytes] = {}
    findings: list[Finding] = []
    for one in judged:
        names = {path: _shown(one.root / path, format) for path in {f.path for f in one.report.findings}}
        contents |= {names[path]: one.files.get(path, b"") for path in names}
        findings += [replace(finding, path=names[finding.path]) for finding in one.report.findings]
    return render(format, replace(whole, findings=tuple(findings)), contents, color=colored())


def _tell(one: Judged, where: TextIO) -> None:
    """What `--fix` did, and what it left alone."""
    for applied in one.applied:
        meaning = f" (changes the meaning: {applied.meaning})" if applied.meaning else ""
        place = _shown(one.root / applied.path)
        write(visible(f"mended {place}:{applied.line}: {applied.rule}: {applied.title}{meaning}") + "\n", where)
    if one.applied:
        write("\n", where)
    for refusal in one.refused:
        write(visible(f"seedbed lint: not mended: {refusal}") + "\n", sys.stderr)


def _diff(jobs: list[tuple[Taxonomy, LintConfig]]) -> int:
    """Print what `--fix` would change, as a patch; 1 if there is something, as `ruff check --diff` does."""
    count = 0
    for taxonomy, config in jobs:
        here = Path.cwd()
        below = taxonomy.root.relative_to(here).as_posix() if taxonomy.root.is_relative_to(here) else "."
        patch, fixes = difference(taxonomy, config, "" if below == "." else f"{below}/")
        if sys.stdout.isatty():
            patch = "".join(f"{visible(line)}\n" for line in patch.split("\n")[:-1])
        sys.stdout.flush()
        sys.stdout.buffer.write(patch.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
        count += fixes
    print(f"--fix would mend {count} {'fault' if count == 1 else 'faults'}.", file=sys.stderr)
    return 1 if count else 0


def _schema(text: str) -> SchemaMode:
    if text == "newest":
        return "newest"
    if text == "declared":
        return "declared"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither newest, declared nor a number") from None


def _shown(file: Path, format: Format = "text") -> str:
    """The path as the reader would type it; for GitHub below the folder of the checkout, where that is known."""
    if format in ("github", "sarif") and os.environ.get("GITHUB_WORKSPACE"):
        checkout = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
        if file.is_relative_to(checkout):
            return file.relative_to(checkout).as_posix()
    return shown(file)
