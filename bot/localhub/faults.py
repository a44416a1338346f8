"""Faults on demand: what GitHub does to its clients on a bad day, the same in every run with the same seed."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CONTENT = r"/(comments|reviews|check-runs|pulls|issues|labels|statuses/[^/]+|reactions|minimize)$"  # creates content

Kind = Literal["secondary_limit", "primary_limit", "error_before", "error_after", "slow", "missing_after_creation"]
_METHODS = {"missing_after_creation": ("POST",)}
_STATUS = {"secondary_limit": 403, "primary_limit": 403, "error_before": 502, "error_after": 502}


class Fault(BaseModel):
    """One fault of the API. Of the requests that match, the first `skip` pass and the next `times` meet it.

    - `secondary_limit`, `primary_limit`: refused with GitHub's message; may be repeated after `retry_after_s` seconds.
    - `error_before`, `error_after`: a 5xx instead of the work, or after it was done.
    - `slow`: answered `delay_s` seconds later.
    - `missing_after_creation`: what the request made is 404 for the next `reads` reads of it or of what is below it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    methods: tuple[str, ...] = ()
    """HTTP methods; none: all (for `missing_after_creation`: POST)."""
    path: str = ""
    """A regular expression, searched in the path without `/api/v3`."""
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    """None: without end."""
    rate: float = Field(default=1.0, ge=0, le=1)
    """The part of the requests that meet it, chosen by a hash of the seed and their number."""
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after_s: int = Field(default=60, ge=0)
    delay_s: float = Field(default=1.0, ge=0)
    reads: int = Field(default=1, ge=1)

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is one of those that this is about."""
        return method in (self.methods or _METHODS.get(self.kind, (method,))) and bool(re.search(self.path, path))

    @property
    def code(self) -> int:
        """The status of the refusal."""
        return self.status or _STATUS.get(self.kind, 200)


class DeliveryFaults(BaseModel):
    """Faults of webhooks: the part that is never sent, and the part that is sent twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drop: float = Field(default=0.0, ge=0, le=1)
    duplicate: float = Field(default=0.0, ge=0, le=1)


class Plan(BaseModel):
    """What the JSON file of `--faults` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    deliveries: DeliveryFaults = DeliveryFaults()
    requests: tuple[Fault, ...] = ()


@dataclass
class _Rule:
    fault: Fault
    number: int
    seen: int = 0
    done: int = 0


@dataclass
class _State:
    rules: list[_Rule] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=dict)  # path of something fresh → reads that do not see it yet
    added: int = 0


class Faults:
    """The faults that a hub still owes its clients; from any thread."""

    def __init__(self) -> None:
        self.seed = 0
        self.deliveries = DeliveryFaults()
        self._state = _State()
        self._lock = threading.Lock()

    def load(self, plan: dict[str, Any]) -> None:
        """Take the faults of a file; raises ValueError for what it does not know."""
        read = Plan.model_validate(plan)
        self.seed, self.deliveries = read.seed, read.deliveries
        for fault in read.requests:
            self.add(fault)

    def add(self, *faults: Fault) -> None:
        """Owe these, too; where several match a request, the oldest is met."""
        with self._lock:
            for fault in faults:
                self._state.rules.append(_Rule(fault, self._state.added))
                self._state.added += 1

    def clear(self) -> None:
        """Forget all faults, those of deliveries as well."""
        with self._lock:
            self._state = _State()
        self.deliveries = DeliveryFaults()

    def owed(self) -> list[Fault]:
        """Faults that have not been met in full yet."""
        with self._lock:
            return [rule.fault for rule in self._state.rules]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for rule in self._state.rules:
                if rule.fault.matches(method, path) and self._meets(rule):
                    return rule.fault
        return None

    def _meets(self, rule: _Rule) -> bool:
        rule.seen += 1
        if rule.seen <= rule.fault.skip or not self._chosen("request", f"{rule.number}:{rule.seen}", rule.fault.rate):
            return False
        rule.done += 1
        if rule.done == rule.fault.times:
            self._state.rules.remove(rule)
        return True

    def hide(self, path: str, reads: int) -> None:
        """Let the next `reads` reads at or below `path` miss it."""
        with self._lock:
            self._state.hidden[path] = reads

    def hides(self, method: str, path: str) -> bool:
        """Whether this request misses something fresh: a read of it, or anything below it."""
        with self._lock:
            for fresh, reads in self._state.hidden.items():
                if (method == "GET" and path == fresh) or path.startswith(f"{fresh}/"):
                    self._state.hidden[fresh] = reads - 1
                    if reads == 1:
                        del self._state.hidden[fresh]
                    return True
        return False

    def drops(self, entry: int) -> bool:
        """Whether the delivery with this number in the log is never sent."""
        return self._chosen("drop", str(entry), self.deliveries.drop)

    def duplicates(self, entry: int) -> bool:
        """Whether the delivery with this number in the log is sent twice."""
        return self._chosen("duplicate", str(entry), self.deliveries.duplicate)

    def _chosen(self, purpose: str, name: str, rate: float) -> bool:
        value = hashlib.sha256(f"{self.seed}:{purpose}:{name}".encode()).digest()[:8]
        return int.from_bytes(value, "big") < rate * 2**64
