"""The process behind the wall: it has the linter loaded, and forks a child for each request that it is handed.

A request arrives as three file descriptors (request, answer, status) and a header of ours. The warden never reads what
a stranger wrote: the child does, under its limits, and is gone afterwards. When the worker dies, so does the warden.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from bot import inside

HEADER_BYTES: Final = 1024
TOO_MUCH: Final = 3
"""Exit code of a child that ran out of memory or stack."""
_FDS: Final = 3


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that works; `until` is on the monotonic clock."""

    status: int
    until: float


def serve(control_fd: int) -> None:
    """Answer requests until the other end of the control socket is closed."""
    inside.warm()
    gc.collect()
    gc.freeze()  # collections in the children would copy every page of it
    control = socket.socket(fileno=control_fd)
    woken = _wake_on_children()
    running: dict[int, _Child] = {}
    while True:
        nearest = min((child.until for child in running.values()), default=None)
        timeout = None if nearest is None else max(0.0, nearest - time.monotonic())
        ready, _, _ = select.select([control.fileno(), woken], [], [], timeout)
        if woken in ready:
            os.read(woken, 4096)
        _reap(running)
        _stop_late(running)
        if control.fileno() in ready and not _accept(control, running):
            return _end(running)


def _wake_on_children() -> int:
    """A pipe that can be read when a child has ended."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def _accept(control: socket.socket, running: dict[int, _Child]) -> bool:
    """Fork a child for the next request; False when nobody will ask any more."""
    data, fds, _, _ = socket.recv_fds(control, HEADER_BYTES, _FDS)
    if len(data) < HEADER_BYTES or len(fds) < _FDS:
        return False
    header = json.loads(data)
    if header["tokenizer"]:
        inside.counter(header["tokenizer"])  # loaded once, here; every child inherits it
    request, answer, status = fds
    pid = os.fork()
    if pid == 0:
        _work(header, request, answer)
    os.close(request)
    os.close(answer)
    running[pid] = _Child(status, time.monotonic() + header["wall_s"])
    return True


def _reap(running: dict[int, _Child], *, late: bool = False) -> None:
    """Tell how those children ended that did."""
    for pid in list(running):
        ended, state = os.waitpid(pid, 0 if late else os.WNOHANG)
        if ended:
            status = running.pop(pid).status
            with suppress(BrokenPipeError):  # nobody waits for this one any more
                os.write(status, json.dumps({"code": os.waitstatus_to_exitcode(state), "late": late}).encode())
            os.close(status)


def _stop_late(running: dict[int, _Child]) -> None:
    now = time.monotonic()
    late = {pid: running.pop(pid) for pid, child in list(running.items()) if child.until <= now}
    for pid in late:
        _kill(pid)
    _reap(late, late=True)


def _end(running: dict[int, _Child]) -> None:
    for pid in running:
        _kill(pid)


def _kill(pid: int) -> None:
    """End a child and whatever it started. It was not reaped yet, so the number is still its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _work(header: dict[str, Any], request: int, answer: int) -> NoReturn:
    """The child: no descriptor but its own, its limits, one request, one answer."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(request, 0)
        os.dup2(answer, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.closerange(3, 4096)
        _confine(header)
        code = _answer()
    except (MemoryError, RecursionError):
        code = TOO_MUCH
    finally:
        os._exit(code)


def _confine(header: dict[str, Any]) -> None:
    signal.setitimer(signal.ITIMER_REAL, header["wall_s"] + 5)  # should the warden be killed meanwhile
    _limit(resource.RLIMIT_CPU, header["cpu_s"], header["cpu_s"] + 1)  # at the first comes SIGXCPU, which says why
    _limit(resource.RLIMIT_AS, header["memory"])
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, 0)  # what is open stays; no file and no socket can be opened any more


def _limit(what: int, amount: int, hard: int | None = None) -> None:
    with suppress(ValueError, OSError):  # macOS refuses some; the wall clock still holds
        resource.setrlimit(what, (amount, amount if hard is None else hard))


def _answer() -> int:
    """Do what is asked; the exit code. A fault of the installation puts its words in the place of the answer."""
    try:
        with open(0, "rb", closefd=False) as stream:
            stream.seek(0)
            told = json.dumps(inside.answer(json.load(stream))).encode()
        code = 0
    except (MemoryError, RecursionError):
        return TOO_MUCH
    except Exception as error:
        told, code = f"{type(error).__name__}: {error}".encode(errors="replace"), 1
    view = memoryview(told)
    while view:
        view = view[os.write(1, view) :]
    return code


if __name__ == "__main__":
    serve(int(sys.argv[1]))
