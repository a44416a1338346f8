"""Which dataset a leaf had before: what changed since, and what that changed in the rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from pipeline.leafdata import LeafDataset, load_dataset
from pipeline.leafkeys import KeyParts
from pipeline.store.port import Store


@dataclass(frozen=True, slots=True)
class Generation:
    """The newest dataset of a leaf, and the key of the one before it ("" for none)."""

    leaf: str
    parts: KeyParts
    previous: str = ""

    @property
    def key(self) -> str:
        """The leaf key of the newest dataset."""
        return self.parts.key


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows against those of the generation before, by their texts."""

    added: int
    removed: int
    same: int


def note(store: Store, leaf: str, parts: KeyParts) -> None:
    """Remember the newest dataset of a leaf. Raises `StoreError`."""
    before = latest(store, leaf)
    if before is not None and before.key == parts.key:
        return
    value = {"leaf": leaf, "parts": asdict(parts), "previous": before.key if before else ""}
    store.write(_key(leaf), (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def latest(store: Store, leaf: str) -> Generation | None:
    """The newest generation of the leaf with this path; None before its first. Raises `StoreError`."""
    try:
        value = json.loads(store.read(_key(leaf)))
        return Generation(value["leaf"], KeyParts(**value["parts"]), value["previous"])
    except (KeyError, ValueError, TypeError):
        return None  # written by another version: the datasets are there all the same


def roots_before(store: Store, leaf: str, target: int) -> int:
    """Roots that the newest dataset of a leaf was decided by, if it was made for as many samples; 0 else."""
    generation = latest(store, leaf)
    dataset = load_dataset(store, generation.key) if generation and generation.parts.target == target else None
    rows = (*dataset.samples, *dataset.rejected) if dataset else ()
    return max((row.place[0] + 1 for row in rows), default=0)


def difference(store: Store, dataset: LeafDataset) -> Difference | None:
    """`dataset` against the one before it; None where there is none any more. Raises `StoreError`."""
    generation = latest(store, dataset.leaf)
    if generation is None:
        return None
    key = generation.previous if generation.key == dataset.leaf_key else generation.key
    before = load_dataset(store, key) if key else None
    if before is None:
        return None
    old = {sample.messages for sample in before.samples}
    new = {sample.messages for sample in dataset.samples}
    return Difference(len(new - old), len(old - new), len(new & old))


def _key(leaf: str) -> str:
    return f"lineage/{hashlib.sha256(leaf.encode()).hexdigest()[:40]}.json"
