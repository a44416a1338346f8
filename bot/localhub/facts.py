"""What follows from object names alone (merge bases, diffs, trees, commits), kept within a bound: it never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

Fact = TypeVar("Fact")
LIMIT = 96 * 1024 * 1024
"""Weight of all facts together, roughly bytes."""


class Facts:
    """A bounded memory of computed values, the least recently used go first; safe to use from many threads.

    Keys name git objects by their full sha, so a value holds in every repository that has the objects.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._weight = 0
        self._kept: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Fact], weigh: Callable[[Fact], int] = lambda _: 500) -> Fact:
        """The value of `key`, made by `make` where it is not known; what `make` raises is not kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return cast(Fact, found[0])
        value = make()  # without the lock: another thread may make it, too, which costs time and nothing else
        self._keep(key, value, weigh(value))
        return value

    def _keep(self, key: Hashable, value: object, weight: int) -> None:
        if weight > self._limit // 8:
            return
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = (value, weight)
            self._weight += weight
            while self._weight > self._limit:
                _, (_, gone) = self._kept.popitem(last=False)
                self._weight -= gone
