"""Judge and mend what strangers wrote, in a process that can do nothing else: no secrets, little memory, little time.

The linter executes nothing of a contribution and guards itself against hostile YAML; this is the second wall. A crash
or a timeout is a verdict about the contribution, not about the bot, and only about the leaf that causes it.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from posixpath import dirname
from typing import Any, Literal

from bot.inside import NO_END, decoded, encoded
from bot.pulls import Budget
from bot.wall import Limits, SandboxError, Stopped, Wall
from validators.limits import LIMITS
from validators.model import Change, Finding, LintConfig, Report
from validators.paths import ATTRIBUTION_FILE, CONFIG_FILE, LEAF_FILE, beside, is_judged

__all__ = ["NO_END", "Hunk", "Judged", "Limits", "Mended", "SandboxError", "Stopped", "judge", "mend"]

_DEFAULT = LintConfig()
_NO_CHANGE = Change()
_LIMITS = Limits()
_WALL = Wall()
"""One for the process: started at the first request, and gone with the process."""
atexit.register(_WALL.close)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the linter says, and how much of the teacher's prompt each leaf takes."""

    report: Report
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Hunk:
    """New text for the lines `first` to `last` of a file, whole lines, without their ends."""

    path: str
    first: int
    last: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mended:
    """What mending changes: `files` that are new or changed, `gone` those that lie elsewhere now.

    `done`: (path, line, what was done); `left`: things that a person must see to; `problems`: (path, why it was left).
    `hunks` and `patch` say the same change by lines and as a patch, to be shown.
    """

    files: Mapping[str, bytes]
    gone: tuple[str, ...] = ()
    done: tuple[tuple[str, int, str], ...] = ()
    left: int = 0
    problems: tuple[tuple[str, str], ...] = ()
    hunks: tuple[Hunk, ...] = ()
    patch: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    """What the other side is asked. `tokenizer`: a tokenizer.json to count tokens with."""

    files: Mapping[str, bytes]
    changed: tuple[str, ...]
    config: LintConfig
    change: Change
    tokenizer: Path | None

    def plain(self, do: str) -> dict[str, Any]:
        """As JSON takes it."""
        change = self.change
        commits = [asdict(commit) for commit in change.commits]
        return {
            "do": do,
            "files": encoded(self.files),
            "changed": self.changed,
            "leaves": sorted({beside(p, LEAF_FILE) for p in self.changed if p.endswith((LEAF_FILE, ATTRIBUTION_FILE))}),
            "config": asdict(replace(self.config, tokens=None)),
            "change": {"modes": dict(change.modes), "tree": [*change.tree], "commits": commits},
            "tokenizer": self.tokenizer and str(self.tokenizer),
        }


def judge(
    files: Mapping[str, bytes],
    changed: Iterable[str],
    limits: Limits = _LIMITS,
    *,
    config: LintConfig = _DEFAULT,
    change: Change = _NO_CHANGE,
    tokenizer: Path | None = None,
    wall: Wall = _WALL,
) -> Judged:
    """`validators.lint` on the other side of the wall. `config.tokens` cannot go there: give a tokenizer's file.

    Where the batch is stopped, each leaf is judged for itself. Raises `SandboxError` when the wall itself is broken.
    """
    request = _Request(files, tuple(sorted(changed)), config, change, tokenizer)
    try:
        return _run(request, limits, wall)
    except Stopped as stop:
        return _one_by_one(request, limits, str(stop), wall)


def mend(
    files: Mapping[str, bytes],
    changed: Iterable[str],
    limits: Limits = _LIMITS,
    *,
    config: LintConfig = _DEFAULT,
    change: Change = _NO_CHANGE,
    how: Literal["mend", "migrate"] = "mend",
    wall: Wall = _WALL,
) -> Mended:
    """`validators.fix` or `migrate` on the other side. Raises `Stopped` and `SandboxError`.

    What comes back is written to somebody's branch, so it is held to what a mend may touch.
    """
    asked = tuple(sorted(changed))
    told = wall.ask(_Request(files, asked, config, change, None).plain(how), limits)
    new = decoded(told["files"])
    gone = tuple(told["gone"])
    if why := _beyond(new, gone, files):
        raise SandboxError(f"what mending gave back was not used: {why}")
    return Mended(
        new,
        gone,
        done=tuple((str(path), int(line), str(what)) for path, line, what in told["done"]),
        left=int(told["left"]),
        problems=tuple((str(path), str(why)) for path, why in told.get("problems", ())),
        hunks=tuple(Hunk(path, first, last, tuple(lines)) for path, first, last, lines in told["hunks"]),
        patch=str(told["patch"]),
    )


def _beyond(new: Mapping[str, bytes], gone: Iterable[str], files: Mapping[str, bytes]) -> str:
    """What of a result lies beyond mending, or ""."""
    folders = {dirname(path) for path in files}
    for path, data in new.items():
        ours = is_judged(path) or path.rpartition("/")[2] == ATTRIBUTION_FILE
        if dirname(path) not in folders or not ours:
            return f"{path!r} is no file of these leaves"
        if len(data) > LIMITS.file_bytes:
            return f"{path!r} became too large"
    return next((f"{path!r} was never given" for path in gone if path not in files), "")


def _run(request: _Request, limits: Limits, wall: Wall) -> Judged:
    answer = wall.ask(request.plain("lint"), limits)
    report = Report(tuple(Finding.from_dict(f) for f in answer["findings"]), answer["files"])
    return Judged(report, tuple(Budget(dirname(path), *amounts) for path, *amounts in answer["budgets"]))


def _one_by_one(request: _Request, limits: Limits, why: str, wall: Wall) -> Judged:
    """Each leaf for itself, so that the one that stops the linter takes no other's verdict with it."""
    small = replace(limits, wall_s=min(limits.wall_s, limits.leaf_s))
    until = time.monotonic() + limits.all_leaves_s
    parts = list(_leaves(request))
    judged = []
    for part in parts:
        if len(parts) == 1:
            judged.append(_stopped(part, why))
        elif time.monotonic() > until:
            judged.append(_stopped(part, "other files of this pull request took all the time"))
        else:
            judged.append(_try(part, small, wall))
    if request.change != _NO_CHANGE:
        judged.append(_try(_without_leaves(request), small, wall))
    found = dict.fromkeys(finding for one in judged for finding in one.report.findings)
    report = Report(tuple(sorted(found, key=_place)), sum(one.report.files for one in judged))
    return Judged(report, tuple(budget for one in judged for budget in one.budgets))


def _leaves(request: _Request) -> Iterator[_Request]:
    """One request for each folder with something to judge. What git says of the change as a whole is left out."""
    alone = replace(request.change, modes={}, commits=())
    for folder in sorted({dirname(path) for path in request.changed if path in request.files and path != CONFIG_FILE}):
        files = {path: data for path, data in request.files.items() if dirname(path) == folder}
        yield replace(request, files=files, changed=tuple(p for p in request.changed if p in files), change=alone)


def _without_leaves(request: _Request) -> _Request:
    """What is left to judge: the change as a whole, and the configuration."""
    return replace(request, files={path: data for path, data in request.files.items() if path == CONFIG_FILE})


def _try(request: _Request, limits: Limits, wall: Wall) -> Judged:
    try:
        return _run(request, limits, wall)
    except Stopped as stop:
        return _stopped(request, str(stop))


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line, finding.column, finding.rule


def _stopped(request: _Request, why: str) -> Judged:
    finding = Finding(
        rule="cannot-judge",
        level="error",
        path=request.changed[-1] if request.changed else "",  # a leaf's file comes after its attribution
        line=1,
        column=1,
        end_line=1,
        end_column=1,
        message=f"This leaf could not be judged: {why}.",
        help="Make the files smaller and simpler: plain questions and answers, no YAML anchors, no deep nesting. "
        "If they are plain already, tell the maintainers.",
    )
    return Judged(Report((finding,), len(request.files) and 1))
