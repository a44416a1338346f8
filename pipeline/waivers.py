"""Waivers: a merged file in the taxonomy with which a person takes responsibility for a harm that the gate found.

A waiver for a leaf lifts the per-leaf regression and the quarantine of that leaf; a waiver for a check lifts that check
where the gate allows it (docs/reference/waivers.md). A file that is not right in every word waives nothing and is a
problem that the build reports.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

from pipeline.git import Entry, GitError, Repository
from validators.paths import BRANCHES, LEAF_FILE
from validators.source import Source
from validators.yamltree import Node, YamlError, parse

FOLDER = ".seedbed/waivers"
LONGEST = timedelta(days=90)
MAX_BYTES = 16 * 1024
MAX_FILES = 200
FIELDS = ("waives", "approver", "reason", "expires")
REASON_CHARS = (10, 1000)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\.yaml")
_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}(?:\[bot\])?")
_CHECK = re.compile(r"[a-z][a-z0-9-]{0,59}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNTOUCHED = ("README.md", ".gitkeep", ".gitignore")  # may lie in the folder, and say nothing to us


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver in force. `name`: the file's name without ending; `expires`: the last day on which it counts.

    `check_or_leaf`: a leaf's path, or the name of a check of the gate. `commit`: the one that brought it last.
    """

    name: str
    check_or_leaf: str
    approver: str
    reason: str
    expires: date
    path: str
    commit: str = ""

    @property
    def leaf(self) -> str | None:
        """The leaf that is waived, None where it is a check."""
        return self.check_or_leaf if "/" in self.check_or_leaf else None


@dataclass(frozen=True, slots=True)
class WaiverProblem:
    """Why a file waives nothing. `field`: the key that is at fault, "" for the file; `help`: the next step."""

    path: str
    field: str
    message: str
    help: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}"
        return f"{where}: {f'`{self.field}`: ' if self.field else ''}{self.message}. {self.help}"


class _Wrong(Exception):
    """A fault in one file: field, message, help, and the node where it is."""

    def __init__(self, field: str, message: str, help: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.field, self.message, self.help, self.node = field, message, help, node


def read_waivers(
    repository: Repository, commit: str, today: date, *, checks: Collection[str] | None = None
) -> tuple[tuple[Waiver, ...], tuple[WaiverProblem, ...]]:
    """The waivers in force at `commit` on the day `today`, and what is wrong with the other files; both by path.

    `checks`: names that a waiver may name beside leaves; None takes any name. The 90 days count from the day of the
    commit that last touched the file, or from `today` where that commit claims to come from the future.
    Raises `GitError` where the repository cannot be read.
    """
    tree = repository.tree(commit)
    files = {path: entry for path, entry in tree.items() if path.startswith(f"{FOLDER}/")}
    leaves = frozenset(str(PurePosixPath(path).parent) for path in tree if path.endswith(f"/{LEAF_FILE}"))
    found: list[Waiver] = []
    problems = _strangers(files)
    fit = [path for path in files if _fits(path, files[path])]
    problems += [_too_many(path) for path in fit[MAX_FILES:]]
    blobs = repository.blobs(files[path].sha for path in fit[:MAX_FILES])
    for path in fit[:MAX_FILES]:
        data = blobs.get(files[path].sha)
        if data is None:
            problems.append(_problem(path, "the file is not in the mirror", "Fetch the taxonomy again, then build."))
            continue
        source_commit, day = _last_change(repository, commit, path)
        read = read_waiver(path, data, merged=min(day, today), today=today, leaves=leaves, checks=checks)
        if isinstance(read, Waiver):
            found.append(replace(read, commit=source_commit))
        else:
            problems.append(read)
    return tuple(found), tuple(sorted(problems, key=lambda problem: problem.path))


def read_waiver(
    path: str,
    data: bytes,
    *,
    merged: date,
    today: date,
    leaves: Collection[str] | None = None,
    checks: Collection[str] | None = None,
) -> Waiver | WaiverProblem:
    """One file, judged without any I/O. `leaves`, `checks`: what may be waived; None takes any well-formed name."""
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return _problem(path, "the file is not UTF-8", "Save it as UTF-8.")
    source = Source(text)
    try:
        values = _values(parse(source))
        return Waiver(
            name=PurePosixPath(path).stem,
            check_or_leaf=_waived(values["waives"], leaves, checks),
            approver=_approver(values["approver"]),
            reason=_reason(values["reason"]),
            expires=_expiry(values["expires"], merged, today),
            path=path,
        )
    except YamlError as error:
        line, column = source.position(error.problem.start)
        return WaiverProblem(path, "", error.problem.message, error.problem.help, line, column)
    except _Wrong as wrong:
        line, column = source.position(wrong.node.start) if wrong.node else (1, 1)
        return WaiverProblem(path, wrong.field, wrong.message, wrong.help, line, column)


def waiver_of(waivers: Iterable[Waiver], check_or_leaf: str) -> Waiver | None:
    """The waiver that names `check_or_leaf` and lasts longest, None where there is none."""
    fitting = [waiver for waiver in waivers if waiver.check_or_leaf == check_or_leaf]
    return max(fitting, key=lambda waiver: (waiver.expires, waiver.path), default=None)


def _strangers(files: Mapping[str, Entry]) -> list[WaiverProblem]:
    """Files in the folder that are no waivers, and would otherwise be passed over in silence."""
    problems = []
    for path, entry in files.items():
        inside = path.removeprefix(f"{FOLDER}/")
        if inside in _UNTOUCHED or _fits(path, entry):
            continue
        if "/" in inside:
            message, help = "waivers lie directly in the folder", f"Move it to {FOLDER}/."
        elif not entry.mode.startswith("100"):
            message, help = "this is a link, and no file", "Commit the file itself."
        elif entry.size > MAX_BYTES:
            message, help = f"the file has more than {MAX_BYTES // 1024} KiB", "Keep to the four keys of a waiver."
        else:
            message = "the name is none of a waiver"
            help = "Use lower case letters, digits, dots and hyphens, and end it with .yaml."
        problems.append(_problem(path, message, help))
    return problems


def _fits(path: str, entry: Entry) -> bool:
    named = _NAME.fullmatch(path.removeprefix(f"{FOLDER}/")) is not None
    return named and entry.mode.startswith("100") and entry.size <= MAX_BYTES


def _too_many(path: str) -> WaiverProblem:
    return _problem(path, f"there are more than {MAX_FILES} waivers", "Remove those that expired.")


def _problem(path: str, message: str, help: str) -> WaiverProblem:
    return WaiverProblem(path, "", message, help)


def _last_change(repository: Repository, commit: str, path: str) -> tuple[str, date]:
    """The commit that last touched `path`, and its day in UTC."""
    found = repository.log("-1", "--format=%H %ct", commit, path=path)
    if not found:
        raise GitError(f"no commit up to {commit} brought {path}; the mirror's history is cut off, fetch it whole")
    sha, seconds = found[0].split()
    # A committer may claim any second; what no calendar holds is taken for the last day there is.
    return sha, date.fromordinal(min(date(1970, 1, 1).toordinal() + int(seconds) // 86400, date.max.toordinal()))


def _values(root: Node | None) -> dict[str, Node]:
    """The four fields. Raises `_Wrong` on what is missing, unknown or there twice."""
    example = f"Write the keys {', '.join(FIELDS)}, as docs/reference/waivers.md of Seedbed shows."
    if root is None or root.value is None:
        raise _Wrong("", "the file is empty", example)
    if root.kind != "mapping":
        raise _Wrong("", "the file must hold `key: value` lines", example, root)
    for _, (key, _), *_more in root.repeated():
        raise _Wrong(key.text[:60], "the key stands twice", "Delete one.", key)
    for key, _ in root.entries:
        if key.text not in FIELDS:
            raise _Wrong(key.text[:60], "no such key in a waiver", _perhaps(key.text, FIELDS) or example, key)
    for field in FIELDS:
        value = root.get(field)
        if value is None:
            raise _Wrong(field, "it is missing", f"Add `{field}: …`.", root)
        if value.kind != "scalar" or not value.text.strip():
            raise _Wrong(field, f"it must be one {_KINDS[field]}", f"Write `{field}: {_SHOWN[field]}`.", value)
    return {field: value for field, value in ((name, root.get(name)) for name in FIELDS) if value is not None}


_KINDS = {"waives": "leaf or check", "approver": "login", "reason": "text", "expires": "date"}
_SHOWN = {
    "waives": "compositional_skills/linguistics/synonyms",
    "approver": "octocat",
    "reason": "why the harm is accepted",
    "expires": "2030-01-31",
}


def _waived(node: Node, leaves: Collection[str] | None, checks: Collection[str] | None) -> str:
    name = node.text.strip()
    if "/" not in name:
        if not _CHECK.fullmatch(name):
            raise _Wrong("waives", f"{name[:60]!r} is neither a leaf nor a check", "Write a leaf's whole path.", node)
        if checks is not None and name not in checks:
            known = ", ".join(sorted(checks)) or "none"
            raise _Wrong("waives", f"no check {name[:60]!r} can be waived", f"Checks that can: {known}.", node)
        return name
    leaf = name.strip("/").removesuffix(f"/{LEAF_FILE}")
    if leaf != name:
        raise _Wrong("waives", "a leaf is named by its folder", f"Write `waives: {leaf[:200]}`.", node)
    if leaf.split("/")[0] not in BRANCHES or not all(part.strip(".") for part in leaf.split("/")):
        raise _Wrong("waives", f"{leaf[:100]!r} is no leaf's path", f"It begins with {', '.join(BRANCHES)}.", node)
    if leaves is not None and leaf not in leaves:
        help = _perhaps(leaf, leaves) or "Correct the path, or remove the waiver of a leaf that is gone."
        raise _Wrong("waives", f"the taxonomy has no leaf {leaf[:200]!r}", help, node)
    return leaf


def _approver(node: Node) -> str:
    login = node.text.strip()
    if not _LOGIN.fullmatch(login):
        raise _Wrong("approver", f"{login[:60]!r} is no login", "Write the account's name without @.", node)
    return login


def _reason(node: Node) -> str:
    reason = " ".join(node.text.split())
    shortest, longest = REASON_CHARS
    if not shortest <= len(reason) <= longest:
        message = f"it has {len(reason)} characters, and {shortest} to {longest} are wanted"
        raise _Wrong("reason", message, "Say why the harm is accepted, so that a stranger understands it.", node)
    return reason


def _expiry(node: Node, merged: date, today: date) -> date:
    day = _date(node)
    last = merged + LONGEST
    if day > last:
        message = f"{day} is more than {LONGEST.days} days after {merged}, when the file last changed"
        raise _Wrong("expires", message, f"Write {last} or earlier; a later pull request can renew it.", node)
    if day < today:
        help = "Remove the file, or renew it by a pull request with a new date."
        raise _Wrong("expires", f"it ended on {day}, and waives nothing any more", help, node)
    return day


def _date(node: Node) -> date:
    text = node.text.strip()
    if isinstance(node.value, date) and not isinstance(node.value, datetime) and _DAY.fullmatch(text):
        return node.value
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)  # in quotes
    except ValueError:
        pass
    raise _Wrong("expires", f"{text[:40]!r} is no date", "Write it as year-month-day, such as 2030-01-31.", node)


def _perhaps(word: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # slow to load, and only where something is wrong

    found = get_close_matches(word.casefold()[:200], sorted(known), 1, 0.7)
    return f"Do you mean `{found[0]}`?" if found else ""
