"""Removing what nobody needs any more, by age and by size, while workers run.

What goes first costs least to have again: datasets that nothing stands on are made anew from stored responses,
documents are fetched again, responses cost the teacher's time. And on a full disk the database needs some space to
delete in: deleted files make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from pipeline.housekeeping.places import (
    ASIDE,
    DAY_S,
    HOUR_S,
    Places,
    discard,
    half_fetched,
    half_written,
    mirrors,
    set_aside,
    texts,
)
from pipeline.housekeeping.standing import Standing, Unclear, documents_of, made_of, standing
from pipeline.housekeeping.stats import datasets
from pipeline.responses.inspection import figures
from pipeline.responses.removal import Removed, Unwanted, remove
from pipeline.store.port import Blob

KEEP: Final = 3
_ROUNDS: Final = 4
NEW_S: Final = DAY_S
"""Whatever was written or used within so long stays, also where the size is too large: somebody may be at it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`bytes`: of all together. `age_s`: since the last use of a response or document, since a dataset was written.

    None is no limit. `keep`: of so many of the newest records and builds the datasets stay, besides those of `main`.
    """

    bytes: int | None = None
    age_s: float | None = None
    keep: int = KEEP


@dataclass(slots=True)
class Collected:
    """What went, or would go, by kind. `left`: bytes that are left. `notes`: why something had to stay."""

    freed: dict[str, Removed] = field(default_factory=dict)
    left: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, count: int, size: int) -> None:
        """Count what went."""
        before = self.freed.get(kind, Removed())
        self.freed[kind] = Removed(before.count + count, before.bytes + size)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that may go: how long nobody used it (s), its bytes, how to remove it. `by_size`: also for room."""

    kind: str
    unused_s: float
    bytes: int
    remove: Callable[[], None]
    by_size: bool = True
    path: Path | None = None


def collect(places: Places, limits: Limits, now: float, *, dry_run: bool = False) -> Collected:
    """Remove what `limits` have no room for, and leftovers of stopped writes.

    The present datasets, and all that they were made of, stay. Where it cannot be told what that is, everything of the
    kind stays, and a note says why. Raises `StoreError`.
    """
    done = Collected()
    total = _total(places)
    over = 0 if limits.bytes is None else max(0, total - limits.bytes)
    stand = _standing(places, limits, done)
    for candidate in chain(_strays(places, stand, now), _datasets(places, stand, now)):
        over -= _take(candidate, limits, over, done, dry_run)
    wanted = [item for item in _documents(places, now) if _goes(item, limits, over)]
    for candidate in _spared(places, stand, wanted, done):
        over -= _take(candidate, limits, over, done, dry_run)
    if stand is not None:
        _responses(places, limits, stand, max(0, over), now, done, dry_run)
    done.left = total - sum(removed.bytes for removed in done.freed.values()) if dry_run else _total(places)
    if limits.bytes is not None and done.left > limits.bytes:
        done.notes.append(
            f"{done.left - limits.bytes:,} bytes more than the limit stay: the present datasets stand on them, or they "
            "were used today or yesterday"
        )
    return done


def _total(places: Places) -> int:
    blobs = chain(places.store.blobs("leaves/"), places.store.blobs(ASIDE), places.store.leftovers())
    items = chain(*(found(places) for found in (mirrors, texts, set_aside, half_fetched, half_written)))
    return (
        figures(places.responses, 0).file_bytes + sum(blob.size for blob in blobs) + sum(item.bytes for item in items)
    )


def _standing(places: Places, limits: Limits, done: Collected) -> Standing | None:
    try:
        return standing(places, limits.keep)
    except Unclear as error:
        done.notes.append(str(error))
        return None


def _take(candidate: _Candidate, limits: Limits, over: int, done: Collected, dry_run: bool) -> int:
    """Bytes that went with it: 0 where it stays."""
    if not _goes(candidate, limits, over):
        return 0
    if not dry_run:
        candidate.remove()
    done.add(candidate.kind, 1, candidate.bytes)
    return candidate.bytes


def _goes(candidate: _Candidate, limits: Limits, over: int) -> bool:
    if candidate.kind == "leftovers":
        return candidate.unused_s > HOUR_S
    too_old = limits.age_s is not None and candidate.unused_s > limits.age_s
    return candidate.unused_s > NEW_S and (too_old or (over > 0 and candidate.by_size))


def _strays(places: Places, stand: Standing | None, now: float) -> Iterator[_Candidate]:
    """Leftovers; what was moved aside, for as long as the limit of age gives its owner; records of former times."""
    for item in (*half_fetched(places), *half_written(places)):
        yield _Candidate("leftovers", now - item.used, item.bytes, partial(discard, item))
    for blob in places.store.leftovers():
        yield _Candidate("leftovers", now - blob.written, blob.size, partial(places.store.sweep, blob))
    for item in set_aside(places):
        yield _Candidate("aside", now - item.used, item.bytes, partial(discard, item), by_size=False)
    for blob in [*places.store.blobs(ASIDE)]:
        yield _Candidate("aside", now - blob.written, blob.size, partial(places.store.delete, blob.key), by_size=False)
    for blob in stand.spare_records if stand else ():
        remove = partial(places.store.delete, blob.key)
        yield _Candidate("records", now - blob.written, blob.size, remove, by_size=False)


def _datasets(places: Places, stand: Standing | None, now: float) -> list[_Candidate]:
    """Those that nothing stands on, the oldest first."""
    if stand is None:
        return []
    found = {key: blobs for key, blobs in datasets(list(places.store.blobs("leaves/"))).items() if key not in stand.all}
    candidates = [
        _Candidate(
            "datasets",
            now - max(blob.written for blob in blobs),
            sum(blob.size for blob in blobs),
            partial(_delete, places, blobs),
        )
        for _, blobs in sorted(found.items())
    ]
    return sorted(candidates, key=lambda candidate: -candidate.unused_s)


def _delete(places: Places, blobs: list[Blob]) -> None:
    """The manifest first: without it nobody takes the rest for a dataset."""
    for blob in sorted(blobs, key=lambda blob: not blob.key.endswith("/manifest.json")):
        places.store.delete(blob.key)


def _documents(places: Places, now: float) -> list[_Candidate]:
    items = sorted([*mirrors(places), *texts(places)], key=lambda item: item.used)
    return [
        _Candidate("documents", now - item.used, item.bytes, partial(discard, item), path=item.path) for item in items
    ]


def _spared(places: Places, stand: Standing | None, wanted: list[_Candidate], done: Collected) -> list[_Candidate]:
    """Without the documents of the present datasets: one that vanished where it came from could not be had again."""
    if not wanted or stand is None:
        return []
    try:
        needed = documents_of(places, stand.present)
    except Unclear as error:
        done.notes.append(str(error))
        return []
    return [candidate for candidate in wanted if candidate.path not in needed]


def _responses(
    places: Places, limits: Limits, stand: Standing, over: int, now: float, done: Collected, dry_run: bool
) -> None:
    """Once more where pages that stay half full hold more than was reckoned."""
    for _ in range(_ROUNDS):
        removed = _removed(places, limits, stand, over, now, done, dry_run)
        if removed.count:
            done.add("responses", removed.count, removed.bytes)
        over = 0 if limits.bytes is None or dry_run or not removed.count else _total(places) - limits.bytes
        if over <= 0:
            return


def _removed(
    places: Places, limits: Limits, stand: Standing, over: int, now: float, done: Collected, dry_run: bool
) -> Removed:
    today = int(now // DAY_S)
    unwanted = Unwanted(
        before=0 if limits.age_s is None else today - int(limits.age_s // DAY_S),
        safe=today - 1,
        bytes_over=over,
        kept=partial(made_of, places.store, stand.present),
    )
    try:
        return remove(places.responses, unwanted, today, dry_run=dry_run)
    except Unclear as error:
        if str(error) not in done.notes:
            done.notes.append(str(error))
        return Removed()
