"""What the process that reads a PDF may use, and what it may not do."""

from __future__ import annotations

import resource
import sys

CPU_SECONDS = 120
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.system", "pickle.")
_WRITES = ("w", "a", "x", "+")


def confine(memory: int) -> None:
    """Bound this process: processor time, `memory` in bytes, no written file, no socket, no other program.

    There is no way back. The hook holds Python code, which all of the parser is; the limits hold everything.
    """
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)


def _limit(what: int, wanted: int) -> None:
    _, hard = resource.getrlimit(what)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (allowed, allowed))


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    writes = event == "open" and isinstance(arguments[1], str) and any(mark in arguments[1] for mark in _WRITES)
    if writes or event.startswith(_FORBIDDEN):
        raise PermissionError(f"a reader of documents may not: {event}")
