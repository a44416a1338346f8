"""The wall between us and what strangers wrote: a request goes over, an answer or the reason of a stop comes back.

On the other side waits a warm process (`bot.warden`) that knows nothing of ours and forks a child for each request. It
is started when it is first needed, and again when it died.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import validators
from bot.warden import HEADER_BYTES, TOO_MUCH

# -I: no user site, no PYTHON* variables, no current folder on the path.
_BOOT: Final = "import sys; sys.path.insert(0, sys.argv[1]); from bot.warden import serve; serve(int(sys.argv[2]))"
_ROOT: Final = str(Path(validators.__file__).resolve().parents[1])
_MOST_BYTES: Final = 64 << 20
_GRACE_S: Final = 30.0
"""The warden stops children that are late; it may have to load the linter first."""


class SandboxError(Exception):
    """The linter could not be run: a fault of this installation, not of a contribution."""


class Stopped(Exception):
    """The child was stopped; the message says why, as the end of a sentence."""


class _Gone(Exception):
    """The warden ended without a word about the request."""


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


class Wall:
    """Takes requests from any thread. `boot` is the program of the warden; tests give another."""

    def __init__(self, boot: str = _BOOT) -> None:
        self._boot = boot
        self._lock = threading.Lock()
        self._warden: _Warden | None = None

    def ask(self, request: dict[str, Any], limits: Limits) -> dict[str, Any]:
        """The answer to a request, both as JSON takes them. Raises `Stopped`, and `SandboxError` for a fault of ours.

        `request["tokenizer"]` names the file that tokens are counted with, or None.
        """
        warden = self._living()
        try:
            return warden.ask(request, limits)
        except _Gone:  # killed while it was idle, or by the system for want of memory: once more with a fresh one
            self._drop(warden)
        warden = self._living()
        try:
            return warden.ask(request, limits)
        except _Gone:
            words = warden.last_words()
            self._drop(warden)
            raise SandboxError(f"the linter did not start: {words}") from None

    @property
    def pid(self) -> int | None:
        """The warden's process id; None before the first request."""
        return self._warden.pid if self._warden else None

    def close(self) -> None:
        """End the warden; the next request starts another."""
        with self._lock:
            if self._warden:
                self._warden.close()
            self._warden = None

    def _drop(self, warden: _Warden) -> None:
        """Forget one that is gone; for a moment the system may still count it among the living."""
        with self._lock:
            warden.close()
            if self._warden is warden:
                self._warden = None

    def _living(self) -> _Warden:
        with self._lock:
            if self._warden is None or not self._warden.alive:
                if self._warden:
                    self._warden.close()
                self._warden = _Warden(self._boot)
            return self._warden


class _Warden:
    """One warden process, from our side."""

    def __init__(self, boot: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self._control, theirs = socket.socketpair()
        self._sending = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", boot, _ROOT, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=(theirs.fileno(),),
                env=bare_environment(),
                start_new_session=True,  # Ctrl-C is the worker's affair
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], limits: Limits) -> dict[str, Any]:
        header = {"wall_s": limits.wall_s, "cpu_s": limits.cpu_s, "memory": limits.memory}
        with tempfile.TemporaryFile() as asked:
            asked.write(json.dumps(request).encode())
            asked.flush()
            answer, status = self._send(header | {"tokenizer": request["tokenizer"]}, asked.fileno())
        try:
            until = time.monotonic() + limits.wall_s + _GRACE_S
            told = self._read(answer, until)
            ended = self._read(status, until)
        finally:
            os.close(answer)
            os.close(status)
        return _outcome(told, ended, limits)

    def _send(self, header: dict[str, Any], asked: int) -> tuple[int, int]:
        """Hand a request over; the ends where its answer and its status will come out."""
        data = json.dumps(header).encode().ljust(HEADER_BYTES)
        if len(data) > HEADER_BYTES:
            raise SandboxError(f"the path of the tokenizer is too long: {header['tokenizer']}")
        answer, answer_in = os.pipe()
        status, status_in = os.pipe()
        try:
            with self._sending:
                socket.send_fds(self._control, [data], [asked, answer_in, status_in])
        except OSError:
            os.close(answer)
            os.close(status)
            raise _Gone from None
        finally:
            os.close(answer_in)
            os.close(status_in)
        return answer, status

    def _read(self, fd: int, until: float) -> bytes:
        """All that comes out. A warden that lets us wait much too long is ended."""
        parts: list[bytes] = []
        size = 0
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            part = os.read(fd, 1 << 16)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES:
                raise Stopped("there is more to say about it than can be read")
        self.close()
        raise SandboxError("the linter's process does not answer; it was ended, and the next request starts another")

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._stderr.closed:
            return "it was ended"
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace").strip()[-500:] or f"exit code {self._process.returncode}"

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._stderr.close()


def _outcome(told: bytes, ended: bytes, limits: Limits) -> dict[str, Any]:
    if not ended:
        raise _Gone
    status = json.loads(ended)
    code: int = status["code"]
    if status["late"]:
        raise Stopped(f"that took longer than {limits.wall_s:g} seconds")
    if code < 0:
        why = f"the linter was stopped by signal {-code}"
        raise Stopped("that took too much processor time" if -code == signal.SIGXCPU else why)
    if code == TOO_MUCH:
        raise Stopped("that needed too much memory")
    if code:
        raise SandboxError(f"the linter failed: {told.decode(errors='replace')[-500:]}")
    answer: dict[str, Any] = json.loads(told)
    return answer


def bare_environment() -> dict[str, str]:
    """Nothing of ours: the token and the secrets live in the environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "TOKENIZERS_PARALLELISM": "false"}
