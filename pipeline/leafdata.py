"""Leaf datasets in the store, and the keys that name them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.documents import Document, Unreachable
from pipeline.flows import flow_for
from pipeline.flows.filters import words
from pipeline.samples import Sample, from_jsonl, to_jsonl
from pipeline.store.port import Store
from validators import Leaf, Seed

_LICENCE = re.compile(r"^\s*licen[cs]e(?: of the work)?\s*:\s*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
_FORMAT = 1  # of the three files of a dataset


@dataclass(frozen=True, slots=True)
class Origin:
    """The contribution that a leaf came by: commit, pull request, author's login or name."""

    commit: str
    pull: int | None
    author: str


@dataclass(frozen=True, slots=True)
class LeafDataset:
    """What a teacher made of one leaf. `requests`: how many it had to answer this time; 0 when all was stored."""

    leaf: str
    leaf_key: str
    kind: str
    samples: tuple[Sample, ...]
    rejected: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    requests: int = 0


def leaf_key(leaf: Leaf, document: Document | Unreachable | None, teacher_fingerprint: str, target: int) -> str:
    """SHA-256 (hex) of all that a dataset depends on: parsed content, documents, flow, teacher, target."""
    content = asdict(leaf)
    for seed in content["seeds"]:
        del seed["span"]  # where it stands in the file changes nothing
    content["held_out"] = sorted(heldout(leaf))
    read = document.digest if isinstance(document, Document) else None if document is None else "unreachable"
    return _digest([_FORMAT, content, read, flow_for(leaf).id, teacher_fingerprint, target])


def heldout(leaf: Leaf) -> frozenset[int]:
    """Indexes of the seed examples that no prompt and no mixture sees: a quarter, at least one, chosen by hash.

    Seeds with the same words share one fate. At least one seed stays open, unless there is only one.
    """
    alike: dict[str, list[int]] = defaultdict(list)
    for seed in leaf.seeds:
        alike[_content(seed)].append(seed.index)
    groups = [alike[content] for content in sorted(alike, key=lambda content: _digest([leaf.path, content]))]
    wanted = -(-len(leaf.seeds) // 4)
    held: list[int] = []
    for group in groups[:-1] or groups:
        if len(held) < wanted:
            held += group
    return frozenset(held)


def licence_of(leaf: Leaf) -> str:
    """The licences that `attribution.txt` names, or "not stated"."""
    return ", ".join(dict.fromkeys(_LICENCE.findall(leaf.attribution))) or "not stated"


def load_dataset(store: Store, key: str) -> LeafDataset | None:
    """The dataset stored under a leaf key; None where there is none, or only a part of one. Raises `StoreError`."""
    folder = f"leaves/{key}"
    try:
        manifest: dict[str, Any] = json.loads(store.read(f"{folder}/manifest.json"))
        kept, rejected = store.read(f"{folder}/samples.jsonl"), store.read(f"{folder}/rejected.jsonl")
    except (KeyError, ValueError):
        return None
    if [_sha(kept), _sha(rejected)] != [manifest["samples_sha256"], manifest["rejected_sha256"]]:
        return None  # a replacement was cut short between its files; it is made again from the stored responses
    return LeafDataset(
        manifest["leaf"],
        key,
        manifest["kind"],
        from_jsonl(kept),
        from_jsonl(rejected),
        tuple(manifest["notes"]),
    )


def save_dataset(store: Store, dataset: LeafDataset) -> None:
    """Store a dataset; the manifest comes last and says that it is whole. Raises `StoreError`."""
    kept, rejected = to_jsonl(dataset.samples), to_jsonl(dataset.rejected)
    folder = f"leaves/{dataset.leaf_key}"
    manifest = {
        "format": _FORMAT,
        "leaf": dataset.leaf,
        "leaf_key": dataset.leaf_key,
        "kind": dataset.kind,
        "kept": len(dataset.samples),
        "rejected": len(dataset.rejected),
        "notes": list(dataset.notes),
        "samples_sha256": _sha(kept),
        "rejected_sha256": _sha(rejected),
    }
    store.write(f"{folder}/samples.jsonl", kept)
    store.write(f"{folder}/rejected.jsonl", rejected)
    store.write(f"{folder}/manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def with_origin(dataset: LeafDataset, origin: Origin) -> LeafDataset:
    """The same samples, said to come from `origin`: a leaf may leave and return by another pull request."""

    def moved(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(
            replace(sample, commit=origin.commit, pull=origin.pull, author=origin.author) for sample in samples
        )

    return replace(dataset, samples=moved(dataset.samples), rejected=moved(dataset.rejected))


def _content(seed: Seed) -> str:
    pairs = [[list(words(pair.question)), list(words(pair.answer))] for pair in seed.pairs]
    return json.dumps([list(words(seed.context)), pairs])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
