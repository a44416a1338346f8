"""Stored datasets to read again and again, one at a time: all of them may be more than memory holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pipeline.leafdata import LeafDataset, load_dataset
from pipeline.store.port import Store


class ExportError(Exception):
    """Nothing can be exported, or not there. The message says what, where, and what to do."""


class Shelf(Collection[LeafDataset]):
    """The datasets of some leaf keys, in that order. Iterating raises `ExportError` for one that is not there whole."""

    def __init__(self, store: Store, keys: Sequence[str]) -> None:
        self._store, self._keys = store, tuple(keys)

    def __iter__(self) -> Iterator[LeafDataset]:
        for key in self._keys:
            dataset = load_dataset(self._store, key)
            if dataset is None:
                raise ExportError(
                    f"the dataset leaves/{key} is missing or damaged in the store; `seedbed generate` makes it again "
                    "from the stored answers"
                )
            yield dataset

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, dataset: object) -> bool:
        return isinstance(dataset, LeafDataset) and dataset.leaf_key in self._keys
