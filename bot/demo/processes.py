"""The three processes of a small installation, started and stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType


class ProcessDied(Exception):
    """One of the processes ended by itself. The message holds the end of its log."""


@dataclass(slots=True)
class Processes:
    """Subprocesses of `seedbed`, each with a log file; use as a context manager."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *args: str, env: Mapping[str, str]) -> None:
        """Start `seedbed ARGS`; its output goes to `<logs>/<name>.log`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "bot.cli.main", *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            )

    def log(self, name: str) -> Path:
        """Log file of a process."""
        return self.logs / f"{name}.log"

    def kill(self, name: str) -> None:
        """SIGKILL, as a power cut would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def check(self) -> None:
        """Raise `ProcessDied` when one is gone."""
        for name, process in self.running.items():
            if (code := process.poll()) is not None:
                tail = self.log(name).read_text(errors="replace").splitlines()[-15:]
                raise ProcessDied(
                    f"`seedbed {name}` ended with code {code}. The end of {self.log(name)}:\n" + "\n".join(tail)
                )

    def stop(self) -> None:
        """Ask all to end, newest first, and end those that do not."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.running.values()):
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
