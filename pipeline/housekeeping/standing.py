"""What must stay: the datasets that something stands on, and what they were made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline import lineage
from pipeline.documents.mirror import Mirror
from pipeline.housekeeping.places import Places
from pipeline.leafdata import faults, load_dataset
from pipeline.registry import Registry, RegistryError
from pipeline.store.port import Blob, Store, StoreError
from validators import DocumentRef

RECORDS: Final = "merges/"
LATEST: Final = "merges/latest.json"
LINEAGE: Final = "lineage/"
_DOCUMENT: Final = re.compile(r"(?P<repo>.+)@(?P<commit>[0-9a-f]{40}):.*", re.DOTALL)
_ROWS: Final = ("samples.jsonl", "rejected.jsonl", "choices.jsonl")


class Unclear(Exception):
    """It cannot be told what must stay, so nothing of that kind may go. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Keys of datasets. `present`: those of `main` as it is; without a bot, the newest of each leaf.

    `earlier`: those of the newest records, and of the builds that have a name or are among the newest.
    `spare_records`: older ones.
    """

    present: frozenset[str]
    earlier: frozenset[str]
    spare_records: tuple[Blob, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.present | self.earlier


def standing(places: Places, keep: int) -> Standing:
    """What `keep` of the newest records and builds, and the present, stand on. Raises `Unclear` and `StoreError`."""
    records = [blob for blob in places.store.blobs(RECORDS) if blob.key != LATEST]
    records.sort(key=lambda blob: (-blob.written, blob.key))
    earlier: set[str] = set()
    for blob in records[:keep]:
        earlier |= _of_record(places.store, blob.key)
    for manifest in _manifests(places, keep):
        earlier |= _of_manifest(manifest)
    return Standing(present(places.store), frozenset(earlier), tuple(records[keep:]))


def present(store: Store) -> frozenset[str]:
    """Datasets of `main` as it is; where no bot keeps records, the newest of each leaf. Raises `Unclear`."""
    if store.exists(LATEST):
        return _of_record(store, LATEST)
    return frozenset(_of_lineage(store))


def made_of(store: Store, datasets: frozenset[str]) -> Iterator[str]:
    """Request keys of every answer behind `datasets`. Raises `Unclear` where one of them cannot be read."""
    for row in _rows(store, datasets):
        for _, key in row.get("trace", ()):
            yield key
    for dataset in sorted(datasets):
        known = load_dataset(store, dataset)
        yield from known.report.examined if known else ()


def documents_of(places: Places, datasets: frozenset[str]) -> set[Path]:
    """Folders of the documents behind `datasets`. Raises `Unclear` where one of them cannot be read."""
    named = {str(row.get("document")) for row in _rows(places.store, datasets)}
    found = (_DOCUMENT.fullmatch(name) for name in named)
    return {Mirror(places.documents, DocumentRef(match["repo"], match["commit"], ())).path for match in found if match}


def _rows(store: Store, datasets: frozenset[str]) -> Iterator[dict[str, Any]]:
    for dataset in sorted(datasets):
        if wrong := faults(store, dataset):
            raise Unclear(_cannot_be_read(dataset, wrong[0]))
        for name in _ROWS:
            try:
                data = store.read(f"leaves/{dataset}/{name}")
                yield from (json.loads(line) for line in data.split(b"\n") if line)
            except KeyError:
                continue  # an older version had fewer files
            except ValueError as error:
                raise Unclear(_cannot_be_read(dataset, f"{name}: {error}")) from error


def _of_record(store: Store, key: str) -> frozenset[str]:
    """A leaf whose teacher failed is named, and has no dataset yet: its answers are of these days anyway."""
    try:
        leaves = json.loads(store.read(key))["leaves"]
        named = [(str(leaf["key"]), leaf["kept"]) for leaf in leaves]
    except (KeyError, ValueError, TypeError):
        raise Unclear(
            f"the record {key} is damaged; remove it, and the worker's next look at the main branch writes it anew"
        ) from None
    return frozenset(name for name, kept in named if kept or store.exists(f"leaves/{name}/manifest.json"))


def _of_lineage(store: Store) -> Iterator[str]:
    """Without a bot nothing tells a leaf that left the taxonomy from one that stayed, so all stay."""
    for key in store.keys(LINEAGE):
        try:
            generation = lineage.latest(store, str(json.loads(store.read(key))["leaf"]))
        except (KeyError, ValueError, TypeError):
            continue  # it says no more which dataset it meant, to `seedbed export` neither
        if generation is not None:
            yield generation.key


def _manifests(places: Places, keep: int) -> list[Path]:
    try:
        names = Registry(places.registry).aliases()
    except RegistryError as error:
        raise Unclear(str(error)) from error
    found = sorted(places.builds.glob("*/manifest.json"), key=lambda path: (-path.stat().st_mtime, path))
    named = {names.champion, names.previous, names.candidate}
    return [path for number, path in enumerate(found) if number < keep or path.parent.name in named]


def _of_manifest(path: Path) -> frozenset[str]:
    try:
        return frozenset(str(key) for _, key in json.loads(path.read_bytes())["inputs"]["leaves"])
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError):
        raise Unclear(f"{path} is damaged; restore it, or move the folder of that build away") from None


def _cannot_be_read(dataset: str, why: str) -> str:
    return (
        f"the dataset leaves/{dataset} of the present leaves cannot be read ({why}), so what it was made of is not "
        "known; `seedbed store repair` moves it aside, then the worker, or `seedbed generate`, makes it again"
    )
