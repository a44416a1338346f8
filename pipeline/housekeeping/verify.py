"""Looking for faults in all that is stored. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pipeline.git import GitError, Limits, run
from pipeline.housekeeping.places import HOUR_S, Places, half_fetched, half_written, mirrors
from pipeline.housekeeping.standing import Unclear, standing
from pipeline.housekeeping.stats import datasets
from pipeline.leafdata import faults as dataset_faults
from pipeline.responses.inspection import faults as response_faults

Kind = Literal["responses", "datasets", "records", "documents", "leftovers"]
FSCK: Final = Limits(seconds=600.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something is wrong with `where`. `next`: what mends it."""

    kind: Kind
    where: str
    what: str
    next: str = "seedbed store repair"


def verify(places: Places, now: float, progress: Callable[[str], None] = lambda doing: None) -> Iterator[Fault]:
    """Every fault, as it is found. What is younger than an hour may be in the making. Raises `StoreError`."""
    progress("responses")
    for what in response_faults(places.responses):
        yield Fault("responses", places.responses.name, what)
    yield from _datasets(places, now, progress)
    yield from _records(places)
    for item in mirrors(places):
        progress(f"documents/{item.path.name[:12]}")
        if what := broken(item.path):
            yield Fault("documents", f"documents/{item.path.name}", what)
    for name in leftovers(places, now):
        yield Fault("leftovers", name, "a write or fetch that was stopped left it behind")


def _datasets(places: Places, now: float, progress: Callable[[str], None]) -> Iterator[Fault]:
    found = datasets(list(places.store.blobs("leaves/")))
    for number, (key, blobs) in enumerate(sorted(found.items())):
        if number % 100 == 0:
            progress(f"dataset {number + 1:,} of {len(found):,}")
        if now - max(blob.written for blob in blobs) < HOUR_S:
            continue
        for what in dataset_faults(places.store, key):
            yield Fault("datasets", f"leaves/{key}", what)


def _records(places: Places) -> Iterator[Fault]:
    try:
        standing(places, keep=1 << 30)
    except Unclear as error:
        yield Fault("records", "merges, builds", str(error), next="see there")


def broken(mirror: Path) -> str:
    """What git says is wrong with a fetched document; "" where it is sound."""
    try:
        shallow = mirror / "shallow"
        commits = shallow.read_text().split() if shallow.exists() else []  # nothing else names what was fetched
        run(["fsck", "--no-dangling", "--no-progress", "--", *commits], at=mirror, limits=FSCK)
    except (GitError, OSError, ValueError) as error:
        return " ".join(str(error).split())
    return ""


def leftovers(places: Places, now: float) -> list[str]:
    """Names of what stopped writes and fetches left, from the state folder on."""
    state = places.responses.parent
    items = [item for item in (*half_fetched(places), *half_written(places)) if now - item.used > HOUR_S]
    blobs = [blob for blob in places.store.leftovers() if now - blob.written > HOUR_S]
    return [item.path.relative_to(state).as_posix() for item in items] + [f"store/{blob.key}" for blob in blobs]
