"""Lint what strangers wrote, in a process that can do nothing else: no secrets, little memory, little time.

The linter executes nothing of a contribution and guards itself against hostile YAML; this is the second wall. A crash
or a timeout is a verdict about the contribution, not about the bot, and only about the leaf that causes it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from posixpath import dirname
from typing import Any

import validators
from validators.limits import Limits as FileLimits
from validators.limits import TokenLimits
from validators.model import Change, Commit, Finding, LintConfig, Report
from validators.paths import CONFIG_FILE

_ROOT = str(Path(validators.__file__).resolve().parents[1])
_CHILD = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bot.sandbox import _child; _child(sys.argv[1:])"
_TOO_MUCH = 3  # exit code of a child that ran out of memory or stack
_DEFAULT = LintConfig()
_NO_CHANGE = Change()


class SandboxError(Exception):
    """The linter could not be started: a fault of this installation, not of a contribution."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Wall and processor time in seconds, address space in bytes.

    `leaf_s` and `all_leaves_s`: wall time of one leaf, and of all together, where they are judged one by one.
    """

    wall_s: float = 20.0
    cpu_s: int = 15
    memory: int = 1 << 30
    leaf_s: float = 5.0
    all_leaves_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Request:
    """What the child is asked. `tokenizer`: a tokenizer.json to count tokens with."""

    files: Mapping[str, bytes]
    changed: tuple[str, ...]
    config: LintConfig
    change: Change
    tokenizer: Path | None

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        change = self.change
        commits = [asdict(commit) for commit in change.commits]
        return {
            "files": {path: b64encode(data).decode() for path, data in self.files.items()},
            "changed": self.changed,
            "config": asdict(replace(self.config, tokens=None)),
            "change": {"modes": dict(change.modes), "tree": [*change.tree], "commits": commits},
            "tokenizer": self.tokenizer and str(self.tokenizer),
        }


class _Stopped(Exception):
    """The child was stopped; the message says why, as the end of a sentence."""


def lint(
    files: Mapping[str, bytes],
    changed: Iterable[str],
    limits: Limits = Limits(),
    *,
    config: LintConfig = _DEFAULT,
    change: Change = _NO_CHANGE,
    tokenizer: Path | None = None,
) -> Report:
    """`validators.lint` on the other side of the wall. `config.tokens` cannot go there: give a tokenizer's file.

    Where the batch is stopped, each leaf is judged for itself. Raises `SandboxError` when the wall itself is broken.
    """
    request = _Request(files, tuple(sorted(changed)), config, change, tokenizer)
    try:
        return _run(request, limits)
    except _Stopped as stop:
        return _one_by_one(request, limits, str(stop))


def _run(request: _Request, limits: Limits) -> Report:
    # -I: no user site, no PYTHON* variables, no current folder on the path.
    command = [sys.executable, "-I", "-c", _CHILD, _ROOT, str(limits.cpu_s), str(limits.memory)]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request.plain()).encode(),
            capture_output=True,
            timeout=limits.wall_s,
            env=_bare_environment(),
        )
    except subprocess.TimeoutExpired:
        raise _Stopped(f"that took longer than {limits.wall_s:g} seconds") from None
    if done.returncode < 0 or done.returncode == _TOO_MUCH:
        raise _Stopped(_why(done.returncode))
    if done.returncode:
        raise SandboxError("the linter did not start: " + done.stderr.decode(errors="replace").strip()[-500:])
    answer = json.loads(done.stdout)
    return Report(tuple(Finding.from_dict(f) for f in answer["findings"]), answer["files"])


def _one_by_one(request: _Request, limits: Limits, why: str) -> Report:
    """Each leaf for itself, so that the one that stops the linter takes no other's verdict with it."""
    small = replace(limits, wall_s=min(limits.wall_s, limits.leaf_s))
    until = time.monotonic() + limits.all_leaves_s
    parts = list(_leaves(request))
    reports = []
    for part in parts:
        if len(parts) == 1:
            reports.append(_stopped(part, why))
        elif time.monotonic() > until:
            reports.append(_stopped(part, "other files of this pull request took all the time"))
        else:
            reports.append(_try(part, small))
    if request.change != _NO_CHANGE:
        reports.append(_try(_without_leaves(request), small))
    found = dict.fromkeys(finding for report in reports for finding in report.findings)
    return Report(tuple(sorted(found, key=_place)), sum(report.files for report in reports))


def _leaves(request: _Request) -> Iterator[_Request]:
    """One request for each folder with something to judge. What git says of the change as a whole is left out."""
    alone = replace(request.change, modes={}, commits=())
    for folder in sorted({dirname(path) for path in request.changed if path in request.files and path != CONFIG_FILE}):
        files = {path: data for path, data in request.files.items() if dirname(path) == folder}
        yield replace(request, files=files, changed=tuple(p for p in request.changed if p in files), change=alone)


def _without_leaves(request: _Request) -> _Request:
    """What is left to judge: the change as a whole, and the configuration."""
    return replace(request, files={path: data for path, data in request.files.items() if path == CONFIG_FILE})


def _try(request: _Request, limits: Limits) -> Report:
    try:
        return _run(request, limits)
    except _Stopped as stop:
        return _stopped(request, str(stop))


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line, finding.column, finding.rule


def _child(arguments: list[str]) -> None:
    """Read a request from stdin and write the report to stdout."""
    cpu, memory = int(arguments[0]), int(arguments[1])
    _limit(resource.RLIMIT_CPU, cpu, cpu + 1)  # at the first comes SIGXCPU, which says why
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        request = json.load(sys.stdin)
        files = {path: b64decode(data) for path, data in request["files"].items()}
        config = _config(request["config"], request["tokenizer"])
        report = validators.lint(files, changed=request["changed"], config=config, change=_change(request["change"]))
    except (MemoryError, RecursionError):
        sys.exit(_TOO_MUCH)
    json.dump({"findings": [asdict(f) for f in report.findings], "files": report.files}, sys.stdout)


def _config(plain: dict[str, Any], tokenizer: str | None) -> LintConfig:
    """A configuration after its journey as JSON, which knows no tuples."""
    whole: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    whole["token_limits"] = TokenLimits(**plain["token_limits"])
    whole["limits"] = FileLimits(**plain["limits"])
    return LintConfig(**{**whole, "tokens": _counter(tokenizer) if tokenizer else None})


def _change(plain: dict[str, Any]) -> Change:
    return Change(plain["modes"], frozenset(plain["tree"]), tuple(Commit(**commit) for commit in plain["commits"]))


def _counter(tokenizer: str) -> Callable[[str], int] | None:
    """Counts tokens as the teacher does; None where that cannot be had, and the linter estimates."""
    try:
        from tokenizers import Tokenizer  # type: ignore[import-untyped, unused-ignore]

        encode = Tokenizer.from_file(tokenizer).encode
    except Exception:  # not installed, or a file that this version cannot read: `tokenizers` raises plain Exception
        return None
    return lambda text: len(encode(text, add_special_tokens=False).ids)


def _limit(what: int, amount: int, hard: int | None = None) -> None:
    with suppress(ValueError, OSError):  # macOS refuses some; the wall clock still holds
        resource.setrlimit(what, (amount, amount if hard is None else hard))


def _bare_environment() -> dict[str, str]:
    """Nothing of ours: the token and the secrets live in the environment."""
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ} | {"LANG": "C.UTF-8"}


def _why(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "that took too much processor time"
    return f"the linter was stopped by signal {-code}" if code < 0 else "that needed too much memory"


def _stopped(request: _Request, why: str) -> Report:
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
    return Report((finding,), len(request.files) and 1)
