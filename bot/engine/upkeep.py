"""A thread that does small things over and over: each at its own pace, none kept from its turn by another's failure."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


class Upkeep:
    """Runs each task every so many seconds until `stop`. `tasks`: what to do, and how often."""

    def __init__(self, tasks: Mapping[Callable[[], object], float]) -> None:
        self._tasks = tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the task that runs come to its end, and no other begin."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        due = dict.fromkeys(self._tasks, 0.0)
        while not self._stop.wait(min(self._tasks.values())):
            for task, pause in self._tasks.items():
                if time.monotonic() >= due[task] and not self._stop.is_set():
                    _attempt(task)
                    due[task] = time.monotonic() + pause


def _attempt(task: Callable[[], object]) -> None:
    try:
        task()
    except Exception:
        # The database may be away for a moment; the next round makes up for this one.
        log.warning("upkeep of the job queues failed for this round", exc_info=True)
