"""What the tests of pipeline.conversation run in children."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

JSON = dict[str, Any]
waiting: set[str] = set()
gate = asyncio.Event()


async def talk(payload: JSON) -> JSON:
    """Do what `payload["do"]` says."""
    match payload["do"]:
        case "echo":
            print("noise on stdout")
            return {"text": payload["text"]}
        case "wait":
            waiting.add(payload["name"])
            try:
                await gate.wait()
            finally:
                waiting.discard(payload["name"])
        case "open":
            gate.set()
        case "who waits":
            while len(waiting) != payload["count"]:
                await asyncio.sleep(0)
            return {"names": sorted(waiting)}
        case "fail":
            raise LookupError("no such bird")
        case "unwritable":
            return {"set": {1}}
        case "die":
            print("last words", file=sys.stderr, flush=True)
            os._exit(3)
        case "breed":
            grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
            return {"pids": [os.getpid(), grandchild.pid]}
    return {}
