"""What the tests of pipeline.child run in children."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import Any

from pipeline.child import Emit

JSON = dict[str, Any]
calls = 0


def echo(payload: JSON, emit: Emit) -> JSON:
    global calls
    calls += 1
    print("noise on stdout")
    for number in range(payload.get("events", 0)):
        emit({"number": number})
    return {"payload": payload, "calls": calls, "env": os.environ.get(payload.get("env", ""))}


def fail(payload: JSON, emit: Emit) -> JSON:
    raise LookupError("no such bird")


def full_disk(payload: JSON, emit: Emit) -> JSON:
    try:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/models/x")
    except OSError as error:
        raise RuntimeError("cannot save the model") from error


def die(payload: JSON, emit: Emit) -> JSON:
    print("last words", file=sys.stderr, flush=True)
    if "signal" in payload:
        os.kill(os.getpid(), payload["signal"])
    os._exit(payload["code"])


def hang(payload: JSON, emit: Emit) -> JSON:
    """Wait for ever, with a grandchild that does so too."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    emit({"pids": [os.getpid(), grandchild.pid]})
    signal.pause()
    return {}
