"""Processes that must not outlive this one, wherever it runs and however it ends: an orphan would keep a GPU's memory.

Children of ours (`pipeline.child`) end as a group. An engine also runs where the process is another's, such as a Ray
actor, which is killed alone. So a small watcher waits for the end of a pipe whose only writer is this process.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

# A pidfd means one process for ever; a number may be given to another (Linux 5.3, man 2 pidfd_open).
_WATCH = """
import os, signal, sys
held = [os.pidfd_open(int(pid)) for pid in sys.argv[1:]]
os.read(0, 1)
for process in held:
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


def tether_children() -> subprocess.Popen[bytes] | None:
    """Let the processes that `multiprocessing` started from here end when this process does.

    Keep what is returned: the watcher, whose standard input is the pipe. None where there are no such processes.
    """
    pids = [str(process.pid) for process in multiprocessing.active_children()]
    if not pids:
        return None
    command = [sys.executable, "-I", "-S", "-c", _WATCH, *pids]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
