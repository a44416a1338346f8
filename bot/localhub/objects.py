"""Reads objects of one repository through one long-lived `git cat-file`: a look-up takes 0.1 ms instead of 3."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from bot.localhub.environment import environment


class ObjectsError(Exception):
    """The process ended in the middle of an answer, twice."""


class Objects:
    """The reader of one repository; starts its process when first asked, and again should it have ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def info(self, name: str) -> tuple[str, str, int] | None:
        """Sha, kind and size of what `name` points to; None when there is no such object. Sees refs as they are now."""
        found = self._ask(f"info {name}")
        return None if found is None else found[:3]

    def content(self, name: str) -> tuple[str, str, bytes] | None:
        """Sha, kind and content; None when there is no such object."""
        found = self._ask(f"contents {name}", body=True)
        return None if found is None else (found[0], found[1], found[3])

    def close(self) -> None:
        """End the process; the next question starts a new one."""
        with self._lock:
            self._end()

    def _ask(self, command: str, *, body: bool = False) -> tuple[str, str, int, bytes] | None:
        if "\n" in command:
            return None
        with self._lock:
            for _ in range(2):
                try:
                    return self._exchange(command, body=body)
                except (OSError, EOFError):
                    self._end()
        raise ObjectsError(f"git cat-file in {self._path.name} ended while it was asked: {command}")

    def _exchange(self, command: str, *, body: bool) -> tuple[str, str, int, bytes] | None:
        process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise OSError("git cat-file started without pipes")
        process.stdin.write(command.encode("utf-8", "surrogateescape") + b"\n")
        process.stdin.flush()
        head = process.stdout.readline()
        if not head.endswith(b"\n"):
            raise EOFError
        words = head.split()
        if len(words) != 3 or not words[2].isdigit():  # "NAME missing", "NAME ambiguous"
            return None
        size = int(words[2])
        content = process.stdout.read(size + 1)[:-1] if body else b""
        if body and len(content) != size:
            raise EOFError
        return words[0].decode(), words[1].decode(), size, content

    def _start(self) -> subprocess.Popen[bytes]:
        command = ["git", f"--git-dir={self._path}", "cat-file", "--batch-command"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.communicate()
