"""`seedbed lint`: judge the leaves of a taxonomy, or what changed in it. Reads files, runs nothing of theirs."""

from __future__ import annotations

import argparse
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from validators.engine import lint
from validators.limits import LIMITS
from validators.model import Finding, LintConfig, Report, SchemaMode
from validators.output import render_json, render_text
from validators.paths import ATTRIBUTION_FILE, BRANCHES, LEAF_FILE, is_judged
from validators.registry import UnknownRule

WRONG_USE = 2
_SKIPPED_FOLDERS = {".git", ".venv", "node_modules", "__pycache__"}


class UsageError(Exception):
    """The command cannot be carried out as given; the message says why."""


@dataclass(slots=True)
class Taxonomy:
    """Files of one taxonomy, read from disk. Paths are POSIX and relative to `root`."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    unread: list[Finding] = field(default_factory=list)
    """Findings on what cannot be read: links, devices, files without permission."""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = subparsers.add_parser(
        "lint",
        help="judge leaves: what is wrong, where, and how to mend it",
        description="Judge qna.yaml leaves and their attribution.txt. Exit code 0: no error; 1: errors; 2: wrong use.",
        epilog="example: seedbed lint --base main --format json",
    )
    p.add_argument("paths", nargs="*", metavar="PATH", help="leaves or folders (default: the taxonomy around here)")
    p.add_argument("--base", metavar="REV", help="judge only what changed since this git revision")
    p.add_argument("--select", metavar="NAMES", action="append", help="rule ids or groups, comma separated")
    p.add_argument("--ignore", metavar="NAMES", action="append", help="rule ids or groups to leave out")
    p.add_argument(
        "--schema",
        type=_schema,
        default="newest",
        metavar="MODE",
        help="newest (default), declared (the version that each file names), or a number",
    )
    p.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge and print; the exit code."""
    config = LintConfig(_names(args.select) or ("default",), _names(args.ignore), args.schema)
    try:
        taxonomies = _gather([Path(p) for p in args.paths] or [Path()], args.base)
        reports = [_judge(taxonomy, config) for taxonomy in taxonomies]
    except (UsageError, UnknownRule) as error:
        print(f"seedbed lint: {error}", file=sys.stderr)
        return WRONG_USE
    whole = Report(tuple(f for report in reports for f in report.findings), sum(report.files for report in reports))
    if args.format == "json":
        _write(render_json(whole))
    elif not whole.files:
        _write("Nothing to lint: no leaf here" + (f" changed since {args.base}.\n" if args.base else ".\n"))
    else:
        _write(_text(taxonomies, reports, whole))
    return 0 if whole.ok else 1


def _text(taxonomies: list[Taxonomy], reports: list[Report], whole: Report) -> str:
    """All findings with paths that the reader's editor can open, and one summary."""
    contents: dict[str, bytes] = {}
    findings: list[Finding] = []
    for taxonomy, report in zip(taxonomies, reports, strict=True):
        for finding in report.findings:
            shown = _shown(taxonomy.root / finding.path)
            contents[shown] = taxonomy.files.get(finding.path, b"")
            findings.append(replace(finding, path=shown))
    return render_text(replace(whole, findings=tuple(findings)), contents)


def _judge(taxonomy: Taxonomy, config: LintConfig) -> Report:
    report = lint(taxonomy.files, changed=taxonomy.changed, config=config)
    findings = sorted((*report.findings, *taxonomy.unread), key=lambda f: f.path)
    return Report(tuple(findings), report.files + len(taxonomy.unread))


def _schema(text: str) -> SchemaMode:
    if text == "newest":
        return "newest"
    if text == "declared":
        return "declared"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither newest, declared nor a number") from None


def _names(values: list[str] | None) -> tuple[str, ...]:
    """Comma-separated names, given once or more often."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def _gather(paths: Iterable[Path], base: str | None) -> list[Taxonomy]:
    """What to judge, read, by taxonomy. Raises UsageError for a path that is not there."""
    taxonomies: dict[Path, Taxonomy] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path} does not exist")
        # The link itself is looked at, never what it points to; only its folder is made absolute.
        place = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        root = _root(place)
        taxonomy = taxonomies.setdefault(root, Taxonomy(root))
        if base is None:
            found = _walk(place) if place.is_dir() else iter([place])
        else:
            found = (file for file in _changed(root, base) if file.is_relative_to(place))
        for file in found:
            _take(taxonomy, file, given=file == place)
    return list(taxonomies.values())


def _root(place: Path) -> Path:
    """The taxonomy around a path: the nearest folder with a tree in it or a repository; else the folder itself."""
    folder = place if place.is_dir() else place.parent
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists() or any((candidate / branch).is_dir() for branch in BRANCHES):
            return candidate
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below, without following links, in a fixed order."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            yield Path(parent, name)


def _changed(root: Path, base: str) -> Iterator[Path]:
    """Files that differ from `base`, deleted ones included, and files that git does not know yet."""
    diff = ["diff", "--name-only", "--no-ext-diff", "--no-renames", "--relative", "-z", "--end-of-options", base, "--"]
    for command in (diff, ["ls-files", "--others", "--exclude-standard", "-z"]):
        for name in _git(root, command).split(b"\0"):
            if name:
                yield root / os.fsdecode(name)


def _git(root: Path, command: list[str]) -> bytes:
    """What git prints. Raises UsageError with git's own words."""
    try:
        done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("--base needs git, which is not installed") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
        raise UsageError(f"git cannot compare with that revision in {root}: {said[0]}")
    return done.stdout


def _take(taxonomy: Taxonomy, file: Path, *, given: bool) -> None:
    """Note a file to judge and read it, with the attribution beside it. Other files are passed over."""
    path = _posix(taxonomy.root, file)
    if file.name == ATTRIBUTION_FILE:
        # Judges the leaf beside it; that it may be deleted is the point.
        taxonomy.changed.add(path)
        _read(taxonomy, file.with_name(LEAF_FILE))
    elif is_judged(path):
        taxonomy.changed.add(path)
        _read(taxonomy, file)
    elif given:
        raise UsageError(f"{file} is no leaf: a leaf is a file {LEAF_FILE} in a folder of its own")
    else:
        return
    _read(taxonomy, file.with_name(ATTRIBUTION_FILE))


def _read(taxonomy: Taxonomy, file: Path) -> None:
    """Read one file, at most one byte more than the linter takes. What is no plain file is a finding."""
    path = _posix(taxonomy.root, file)
    if path in taxonomy.files or any(finding.path == path for finding in taxonomy.unread):
        return
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            taxonomy.unread.append(_unread(path, "this is no plain file", "Put the file itself here, not a link."))
            return
        with file.open("rb") as stream:
            taxonomy.files[path] = stream.read(LIMITS.file_bytes + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        taxonomy.unread.append(_unread(path, f"the file cannot be read: {error.strerror}", ""))


def _unread(path: str, message: str, remedy: str) -> Finding:
    return Finding("unreadable", "error", path, 1, 1, 1, 1, message, remedy)


def _posix(root: Path, file: Path) -> str:
    """The path below `root` as text; bytes that are no text become U+FFFD."""
    return os.fsencode(file.relative_to(root)).decode("utf-8", "replace").replace(os.sep, "/")


def _shown(file: Path) -> str:
    """The path as the reader would type it."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _write(text: str) -> None:
    """Print in the terminal's encoding; what it cannot show becomes an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
