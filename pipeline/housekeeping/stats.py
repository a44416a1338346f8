"""How much there is of everything, and how old it is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from pipeline.housekeeping.places import (
    ASIDE,
    DAY_S,
    Item,
    Places,
    folder_bytes,
    half_fetched,
    half_written,
    mirrors,
    set_aside,
    texts,
)
from pipeline.housekeeping.standing import Unclear, standing
from pipeline.responses.inspection import figures
from pipeline.store.port import Blob


def stats(places: Places, now: float, keep: int) -> dict[str, Any]:
    """By kind: how many, bytes, and ages in days since the last write or use. Raises `StoreError`."""
    return {
        "responses": asdict(figures(places.responses, int(now // DAY_S))),
        "datasets": _datasets(places, now, keep),
        "documents": _of_items([*mirrors(places), *texts(places)], now),
        "builds": {"count": len(_builds(places)), "bytes": folder_bytes(places.builds)},
        "aside": _aside(places, now),
        "leftovers": _leftovers(places, now),
    }


def datasets(blobs: list[Blob]) -> dict[str, list[Blob]]:
    """Blobs below `leaves/`, by the key of their dataset."""
    found: dict[str, list[Blob]] = defaultdict(list)
    for blob in blobs:
        found[blob.key.split("/")[1]].append(blob)
    return dict(found)


def _datasets(places: Places, now: float, keep: int) -> dict[str, Any]:
    found = datasets(list(places.store.blobs("leaves/")))
    written = [max(blob.written for blob in blobs) for blobs in found.values()]
    try:
        stand = standing(places, keep)
        named: dict[str, int | None] = {
            "present": len(stand.present & found.keys()),
            "earlier": len(stand.earlier & found.keys() - stand.present),
        }
    except Unclear:
        named = {"present": None, "earlier": None}  # `verify` says why
    size = sum(blob.size for blobs in found.values() for blob in blobs)
    return {"count": len(found), "bytes": size, **named, **_ages(written, now)}


def _aside(places: Places, now: float) -> dict[str, Any]:
    blobs = list(places.store.blobs(ASIDE))
    items = [*set_aside(places), *(Item(places.documents, blob.size, blob.written) for blob in blobs)]
    return _of_items(items, now)


def _leftovers(places: Places, now: float) -> dict[str, Any]:
    items = [*half_fetched(places), *half_written(places)]
    items += [Item(places.documents, blob.size, blob.written) for blob in places.store.leftovers()]
    return _of_items(items, now)


def _builds(places: Places) -> list[str]:
    return [path.name for path in places.builds.glob("*") if path.is_dir()]


def _of_items(items: list[Item], now: float) -> dict[str, Any]:
    return {"count": len(items), "bytes": sum(item.bytes for item in items), **_ages([i.used for i in items], now)}


def _ages(times: list[float], now: float) -> dict[str, int | None]:
    days = [int(max(0.0, now - at) // DAY_S) for at in times]
    return {"oldest": max(days, default=None), "newest": min(days, default=None)}
