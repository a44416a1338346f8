"""One process of a launched run: `accelerate launch … -m pipeline.train JOB`. See pipeline/train/launched.py."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pipeline.train.launched import TELL
from pipeline.train.trouble import OutOfMemory, disk_trouble, memory_trouble
from pipeline.train.tune import run

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Tune as one of many. Exit code 1 where it failed, after telling why."""
    _end_with_launcher()
    payload: dict[str, Any] = json.loads(Path(sys.argv[1]).read_bytes())
    first, world = os.environ.get("RANK", "0") == "0", int(os.environ.get("WORLD_SIZE", "1"))
    checkpoint = Path(payload["checkpoint"]) if payload["checkpoint"] else None
    try:
        run(payload, checkpoint, _tell if first else lambda event: None, world)
    except Exception as error:
        kind = OutOfMemory.__name__ if memory_trouble(error) else type(error).__name__
        message = str(error)
        if why := disk_trouble(error):
            message = f"nothing more can be written under {payload['out']} ({why}); free some space and run it again"
        _tell({"trouble": {"type_name": kind, "message": message or kind}})
        return 1
    return 0


def _tell(event: dict[str, Any]) -> None:
    sys.stdout.write(f"{TELL}{json.dumps(event)}\n")
    sys.stdout.flush()


def _end_with_launcher() -> None:
    """The launcher puts each process into a session of its own, where no signal to its group reaches."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
