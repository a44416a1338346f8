"""Lint what strangers wrote, in a process that can do nothing else: no secrets, little memory, little time.

The linter executes nothing of a contribution and guards itself against hostile YAML; this is the second wall. A crash
or a timeout is a verdict about the contribution, not about the bot.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import validators
from validators.model import Finding, Report

_ROOT = str(Path(validators.__file__).resolve().parents[1])
_CHILD = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bot.sandbox import _child; _child(sys.argv[1:])"
_TOO_MUCH = 3  # exit code of a child that ran out of memory or stack


class SandboxError(Exception):
    """The linter could not be started: a fault of this installation, not of a contribution."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Wall and processor time in seconds, address space in bytes."""

    wall_s: float = 20.0
    cpu_s: int = 15
    memory: int = 1 << 30


def lint(files: Mapping[str, bytes], changed: Iterable[str], limits: Limits = Limits()) -> Report:
    """`validators.lint` on the other side of the wall. Raises `SandboxError` when the wall itself is broken."""
    paths = sorted(changed)
    request = {"files": {p: base64.b64encode(data).decode() for p, data in files.items()}, "changed": paths}
    # -I: no user site, no PYTHON* variables, no current folder on the path.
    command = [sys.executable, "-I", "-c", _CHILD, _ROOT, str(limits.cpu_s), str(limits.memory)]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.wall_s,
            env=_bare_environment(),
        )
    except subprocess.TimeoutExpired:
        return _stopped(paths, f"that took longer than {limits.wall_s:g} seconds")
    if done.returncode < 0 or done.returncode == _TOO_MUCH:
        return _stopped(paths, _why(done.returncode))
    if done.returncode:
        raise SandboxError("the linter did not start: " + done.stderr.decode(errors="replace").strip()[-500:])
    answer = json.loads(done.stdout)
    return Report(tuple(Finding(**f) for f in answer["findings"]), answer["files"])


def _child(arguments: list[str]) -> None:
    """Read a request from stdin and write the report to stdout."""
    cpu, memory = int(arguments[0]), int(arguments[1])
    _limit(resource.RLIMIT_CPU, cpu)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        request = json.load(sys.stdin)
        files = {path: base64.b64decode(data) for path, data in request["files"].items()}
        report = validators.lint(files, changed=request["changed"])
    except (MemoryError, RecursionError):
        sys.exit(_TOO_MUCH)
    json.dump({"findings": [asdict(f) for f in report.findings], "files": report.files}, sys.stdout)


def _limit(what: int, amount: int) -> None:
    with suppress(ValueError, OSError):  # macOS refuses some; the wall clock still holds
        resource.setrlimit(what, (amount, amount))


def _bare_environment() -> dict[str, str]:
    """Nothing of ours: the token and the secrets live in the environment."""
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ} | {"LANG": "C.UTF-8"}


def _why(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "that took too much processor time"
    return f"the linter was stopped by signal {-code}" if code < 0 else "that needed too much memory"


def _stopped(paths: list[str], why: str) -> Report:
    finding = Finding(
        rule="cannot-judge",
        level="error",
        path=paths[0] if paths else "",
        line=1,
        column=1,
        end_line=1,
        end_column=1,
        message=f"These files could not be judged: {why}.",
        help="Make the files smaller and simpler: plain questions and answers, no YAML anchors, no deep nesting. "
        "If they are plain already, tell the maintainers.",
    )
    return Report((finding,), len(paths))
