"""Leaf datasets in the store: rows kept and rejected, held-out choices, chunks, report; and one digest over all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pipeline.flows.model import Chunk
from pipeline.leafkeys import FORMAT, heldout, licence_of
from pipeline.leafreport import LeafReport
from pipeline.samples import Sample, from_jsonl, to_jsonl
from pipeline.store.port import Store

__all__ = ["LeafDataset", "Origin", "faults", "heldout", "licence_of", "load_dataset", "root_hash"]

FILES = ("samples.jsonl", "rejected.jsonl", "choices.jsonl", "chunks.jsonl")


@dataclass(frozen=True, slots=True)
class Origin:
    """The contribution that a leaf came by: commit, pull request, author's login or name."""

    commit: str
    pull: int | None
    author: str


@dataclass(frozen=True, slots=True)
class LeafDataset:
    """What a teacher made of one leaf.

    `choices`: multiple-choice items that are held out. `chunks`: pieces of the document; samples name theirs by place.
    `requests`, `tokens`, `seconds`: what the teacher had to do this time (seconds summed over requests in flight); 0
    when all was stored. They are not part of the dataset.
    """

    leaf: str
    leaf_key: str
    kind: str
    samples: tuple[Sample, ...]
    rejected: tuple[Sample, ...]
    choices: tuple[Sample, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    notes: tuple[str, ...] = ()
    report: LeafReport = field(default_factory=LeafReport)
    requests: int = field(default=0, compare=False)
    tokens: int = field(default=0, compare=False)
    seconds: float = field(default=0.0, compare=False)

    def files(self) -> dict[str, bytes]:
        """Its files by name; the same rows give the same bytes."""
        chunks = "".join(_line(asdict(chunk)) for chunk in self.chunks)
        rows = (to_jsonl(self.samples), to_jsonl(self.rejected), to_jsonl(self.choices), _encoded(chunks))
        return dict(zip(FILES, rows, strict=True))


def load_dataset(store: Store, key: str) -> LeafDataset | None:
    """The dataset stored under a leaf key; None where there is none, or only a part of one. Raises `StoreError`."""
    folder = f"leaves/{key}"
    try:
        manifest: dict[str, Any] = json.loads(store.read(f"{folder}/manifest.json"))
        if manifest["format"] != FORMAT:
            return None
        files = {name: store.read(f"{folder}/{name}") for name in FILES}
        if {name: _sha(data) for name, data in files.items()} != manifest["files"]:
            return None  # a replacement was cut short between its files; it is made again from the stored responses
        samples, rejected, choices = (from_jsonl(files[name]) for name in FILES[:3])
        chunks = tuple(Chunk(**json.loads(line)) for line in files["chunks.jsonl"].split(b"\n") if line)
        return LeafDataset(
            manifest["leaf"],
            key,
            manifest["kind"],
            samples,
            rejected,
            choices,
            chunks,
            tuple(manifest["notes"]),
            LeafReport.from_json(manifest["report"]),
        )
    except (KeyError, ValueError, TypeError):
        return None


def save_dataset(store: Store, dataset: LeafDataset) -> None:
    """Store a dataset; the manifest comes last and says that it is whole. Raises `StoreError`."""
    files = dataset.files()
    folder = f"leaves/{dataset.leaf_key}"
    manifest = {
        "format": FORMAT,
        "leaf": dataset.leaf,
        "leaf_key": dataset.leaf_key,
        "kind": dataset.kind,
        "kept": len(dataset.samples),
        "rejected": len(dataset.rejected),
        "notes": list(dataset.notes),
        "report": dataset.report.to_json(),
        "files": {name: _sha(data) for name, data in files.items()},
    }
    for name, data in files.items():
        store.write(f"{folder}/{name}", data)
    store.write(f"{folder}/manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def faults(store: Store, key: str) -> list[str]:
    """What is wrong with the dataset of a leaf key, in words; empty where it is whole. Raises `StoreError`."""
    folder = f"leaves/{key}"
    try:
        manifest: dict[str, Any] = json.loads(store.read(f"{folder}/manifest.json"))
    except KeyError:
        return ["its manifest is missing: it was cut short while it was written"]
    except ValueError as error:
        return [f"its manifest is no JSON: {error}"]
    if manifest.get("format") != FORMAT:
        return []  # of an older version: nobody reads it any more, and `gc` removes it
    found: list[str] = []
    for name in FILES:
        try:
            data = store.read(f"{folder}/{name}")
        except KeyError:
            found.append(f"{name} is missing")
            continue
        if _sha(data) != manifest.get("files", {}).get(name):
            found.append(f"{name} is not what the manifest names")
    if not found and load_dataset(store, key) is None:
        found.append("a row is not what its id says")
    return found


def root_hash(datasets: Iterable[LeafDataset]) -> str:
    """SHA-256 (hex) over all files of `datasets`, by leaf: equal where every row of every leaf is."""
    leaves = sorted(
        [dataset.leaf, dataset.leaf_key, {name: _sha(data) for name, data in dataset.files().items()}]
        for dataset in datasets
    )
    return _sha(_encoded(_line(leaves)))


def with_origin(dataset: LeafDataset, origin: Origin) -> LeafDataset:
    """The same samples, said to come from `origin`: a leaf may leave and return by another pull request."""

    def moved(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(
            replace(sample, commit=origin.commit, pull=origin.pull, author=origin.author) for sample in samples
        )

    return replace(
        dataset,
        samples=moved(dataset.samples),
        rejected=moved(dataset.rejected),
        choices=moved(dataset.choices),
    )


def _line(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
