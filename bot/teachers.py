"""One teacher for all jobs of a worker: loaded when first needed, lent to one job at a time, unloaded when idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.teacher.port import Teacher, TeacherError


class TeacherDesk:
    """Lends the teacher. Loading one takes half a minute and gigabytes, so jobs share it, and never two are loaded.

    `open_teacher` raises `TeacherError` where none can be loaded. `idle_s`: an unused teacher is closed after so long.
    """

    def __init__(self, open_teacher: Callable[[], Teacher], *, idle_s: float = 300.0) -> None:
        self._open = open_teacher
        self._idle_s = idle_s
        self._busy = threading.Lock()
        self._teacher: Teacher | None = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def lease(self) -> Iterator[Teacher]:
        """The teacher, for as long as the block runs. One that failed is not lent again: the next lease loads anew."""
        with self._busy:
            self._stop_timer()
            if self._teacher is None:
                self._teacher = self._open()
            try:
                yield self._teacher
            except TeacherError:
                self._drop()
                raise
            finally:
                if self._teacher is not None:
                    self._start_timer()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No teacher is loaded while the block runs: training wants the memory."""
        with self._busy:
            self._drop()
            yield

    def close(self) -> None:
        """Unload, unless a job has it, which may take hours: then it ends with this process, as all children do."""
        if self._busy.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._busy.release()

    def _drop(self) -> None:
        self._stop_timer()
        teacher, self._teacher = self._teacher, None
        if teacher is not None:
            teacher.close()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self._idle_s, self._close_idle)
        self._timer.daemon = True
        self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_idle(self) -> None:
        mine = threading.current_thread()
        with self._busy:
            if self._timer is mine:  # else a lease came between, and its end set a new timer
                self._drop()
