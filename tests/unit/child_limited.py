"""What a captured reader of documents would try."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.child import Emit
from pipeline.reading.pdf_limits import confine

MEMORY = 512 << 20


def tries(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    confine(MEMORY)
    attempts: dict[str, Callable[[], object]] = {
        "write": lambda: Path(payload["path"]).write_text("captured"),
        "connect": lambda: socket.socket().connect(("127.0.0.1", 9)),
        "start": lambda: subprocess.run(["true"]),
        "fork": os.fork,
        "unpickle": lambda: pickle.loads(b"cos\nsystem\n(S'true'\ntR."),
        "memory": lambda: len(bytearray(MEMORY)),
    }
    attempts[payload["attempt"]]()
    return {}
