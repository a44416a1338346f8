"""One teacher for all jobs of a worker: loaded when first needed, shared by those who ask, unloaded when idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.retry import TryAgain
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.teacher.port import Teacher, TeacherError


class TeacherAway(TryAgain):
    """The teacher's memory is given to a build, a precheck or an impact run at the moment."""

    after_s = 60.0
    patience_s = 24 * 3600.0  # as long as a build may run


class TeacherDesk:
    """Lends one teacher, in a pool that all lessees share: there a preview overtakes a running generation.

    Loading one takes half a minute and gigabytes, so never two are loaded. `open_teacher` raises `TeacherError` where
    none can be loaded. `idle_s`: an unused teacher is closed after so long.
    """

    def __init__(self, open_teacher: Callable[[], Teacher], responses: Responses, *, idle_s: float = 300.0) -> None:
        self._open = open_teacher
        self._responses = responses
        self._idle_s = idle_s
        self._state = threading.Condition()
        self._lessees = 0
        self._away = False
        self._pool: Pool | None = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def lease(self) -> Iterator[Pool]:
        """The pool, for as long as the block runs. A teacher that failed is not lent again: the next lease loads anew.

        Raises `TeacherAway` while `closed`: a job that waits here would keep others from their turn.
        """
        pool = self._take()
        try:
            yield pool
        except TeacherError:
            with self._state:
                if self._pool is pool:
                    self._drop()
            raise
        finally:
            with self._state:
                self._lessees -= 1
                self._state.notify_all()
                if not self._lessees and self._pool is not None:
                    self._start_timer()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No teacher is loaded while the block runs: training wants the memory. Waits until nobody has it."""
        with self._state:
            self._state.wait_for(lambda: not self._lessees and not self._away)
            self._drop()
            self._away = True
        try:
            yield
        finally:
            with self._state:
                self._away = False
                self._state.notify_all()

    def close(self) -> None:
        """Unload, unless a job has it, which may take hours: then it ends with this process, as all children do."""
        with self._state:
            if not self._lessees:
                self._drop()

    def _take(self) -> Pool:
        with self._state:
            if self._away:
                raise TeacherAway(
                    "a build, a precheck or an impact run has the memory; the samples are made when it is free"
                )
            self._stop_timer()
            if self._pool is None:
                self._pool = Pool(self._open(), self._responses)
            self._lessees += 1
            return self._pool

    def _drop(self) -> None:
        self._stop_timer()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.teacher.close()
            pool.close()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = threading.Timer(self._idle_s, self._close_idle)
        self._timer.daemon = True
        self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_idle(self) -> None:
        mine = threading.current_thread()
        with self._state:
            if self._timer is mine:  # else a lease came between, and its end set a new timer
                self._drop()
