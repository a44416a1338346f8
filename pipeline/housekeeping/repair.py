"""Mending what `verify` finds. Nothing that somebody made is deleted: what is damaged is moved aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.housekeeping.places import (
    ASIDE,
    DAY_S,
    HOUR_S,
    Item,
    Places,
    discard,
    half_fetched,
    half_written,
    mirrors,
)
from pipeline.housekeeping.stats import datasets
from pipeline.housekeeping.verify import Kind, broken
from pipeline.leafdata import faults as dataset_faults
from pipeline.responses.inspection import faults as response_faults
from pipeline.responses.salvage import salvage
from pipeline.store.port import Blob, Store
from pipeline.store.trouble import told


@dataclass(frozen=True, slots=True)
class Action:
    """What was done to `where`, or would be, in words."""

    kind: Kind
    where: str
    did: str


def repair(places: Places, now: float, *, dry_run: bool = False) -> Iterator[Action]:
    """Each action, as it is done. Stopped at any point, it goes on with the next call. Raises `StoreError`."""
    if response_faults(places.responses):
        yield _responses(places, now, dry_run)
    yield from _datasets(places, now, dry_run)
    for item in mirrors(places):
        if broken(item.path):
            yield _document(item.path, dry_run)
    yield from _leftovers(places, now, dry_run)


def _responses(places: Places, now: float, dry_run: bool) -> Action:
    done = salvage(places.responses, int(now // DAY_S), dry_run=dry_run)
    lost = "nothing says how many there were" if done.lost is None else f"{done.lost:,} cannot be read"
    kept = f"the damaged file is kept as {done.aside.name}" if done.aside else "the damaged file would be kept"
    return Action("responses", places.responses.name, f"{done.saved:,} responses saved, {lost}; {kept}")


def _datasets(places: Places, now: float, dry_run: bool) -> Iterator[Action]:
    for key, blobs in sorted(datasets(list(places.store.blobs("leaves/"))).items()):
        if now - max(blob.written for blob in blobs) < HOUR_S:
            continue  # perhaps in the making
        if wrong := dataset_faults(places.store, key):
            folder = _free_folder(places.store, key)
            if not dry_run:
                _move(places.store, key, blobs, folder)
            did = f"{wrong[0]}; moved to {folder}, and made anew from the stored responses with the next generation"
            yield Action("datasets", f"leaves/{key}", did)


def _free_folder(store: Store, key: str) -> str:
    number = 1
    while any(True for _ in store.keys(f"{ASIDE}leaves/{key}/{number}/")):
        number += 1
    return f"{ASIDE}leaves/{key}/{number}"


def _move(store: Store, key: str, blobs: list[Blob], folder: str) -> None:
    """Copied first, the manifest deleted first: a stop leaves a dataset that is still not whole."""
    for blob in blobs:
        store.write(f"{folder}/{blob.key.removeprefix(f'leaves/{key}/')}", store.read(blob.key))
    for blob in sorted(blobs, key=lambda blob: not blob.key.endswith("/manifest.json")):
        store.delete(blob.key)


def _document(mirror: Path, dry_run: bool) -> Action:
    number = 1
    while (aside := mirror.with_name(f"{mirror.name}.damaged-{number}")).exists():
        number += 1
    if not dry_run:
        with told("move", mirror):
            mirror.rename(aside)
    return Action(
        "documents", f"documents/{mirror.name}", f"moved to {aside.name}, and fetched again when it is asked for"
    )


def _leftovers(places: Places, now: float, dry_run: bool) -> Iterator[Action]:
    state = places.responses.parent
    for item in (*half_fetched(places), *half_written(places)):
        if now - item.used > HOUR_S:
            yield from _removed(item, item.path.relative_to(state).as_posix(), dry_run)
    for blob in list(places.store.leftovers()):
        if now - blob.written > HOUR_S:
            if not dry_run:
                places.store.sweep(blob)
            yield Action("leftovers", f"store/{blob.key}", "removed")


def _removed(item: Item, name: str, dry_run: bool) -> Iterator[Action]:
    if not dry_run:
        discard(item)
    yield Action("leftovers", name, "removed")
