"""The manifest: everything that a build depends on. Its inputs name the build."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from pipeline.anchors import anchors_digest, load_prompts
from pipeline.evaluate.items import general_items, heldout_items, items_digest
from pipeline.generate import LeafDataset, Origin
from pipeline.models import ModelFolder
from pipeline.modes import Mode
from pipeline.quality.decontamination import EvalItem
from pipeline.recipe import Recipe
from validators import Leaf

SCHEMA = 1
ID_LENGTH = 12
_LIBRARIES = ("seedbed", "torch", "transformers", "peft", "trl")


@dataclass(frozen=True, slots=True)
class LiveLeaf:
    """A leaf of a build: what it says, where it came from, and what was generated from it."""

    leaf: Leaf
    origin: Origin
    dataset: LeafDataset


def build_inputs(
    commit: str,
    live: Sequence[LiveLeaf],
    base: ModelFolder,
    recipe: Recipe,
    *,
    eval_sets: Sequence[EvalItem] = (),
    embedder: str = "",
    mode: Mode = "full",
    parent: str | None = None,
) -> dict[str, Any]:
    """What decides the result. `recipe` is resolved; leaves are sorted by path. `parent`: the build whose weights an
    incremental one starts from.

    `eval_sets`: the items of the recipe's files; `embedder`: digest of what looks for rows of one meaning.
    """
    return {
        "schema": SCHEMA,
        "taxonomy_commit": commit,
        "leaves": sorted([[entry.leaf.path, entry.dataset.leaf_key] for entry in live]),
        "heldout_digest": items_digest(item for entry in live for item in heldout_items(entry.leaf)),
        "general_digest": items_digest(general_items(())),
        "base": {"name": base.name, "digest": base.digest, "licence": base.licence},
        "anchors_digest": anchors_digest(base.digest, load_prompts()),
        "recipe": recipe.to_json(),
        "eval_sets_digest": hashlib.sha256(canonical([asdict(item) for item in eval_sets])).hexdigest(),
        "embedder": embedder,
        "mode": mode,
        "parent": parent,
    }


def build_id(inputs: dict[str, Any]) -> str:
    """The name of a build: the start of the SHA-256 of its inputs."""
    return hashlib.sha256(canonical(inputs)).hexdigest()[:ID_LENGTH]


def manifest(
    inputs: dict[str, Any],
    live: Sequence[LiveLeaf],
    *,
    champion: str | None,
    outputs: dict[str, Any],
    since_full: int = 0,
) -> dict[str, Any]:
    """The whole record of a build. `outputs`: mixture and training results by stage; `since_full`: incremental builds
    between the last full one and this."""
    return {
        "build_id": build_id(inputs),
        "inputs": inputs,
        "champion": champion,
        "mode": inputs["mode"],
        "since_full": since_full,
        "leaves": [_leaf_entry(entry) for entry in live],
        "outputs": outputs,
        "environment": {"python": platform.python_version(), "machine": platform.machine(), **_versions()},
    }


def canonical(value: object) -> bytes:
    """Canonical JSON with an end of line: the same value is the same bytes."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def _leaf_entry(entry: LiveLeaf) -> dict[str, Any]:
    return {
        "path": entry.leaf.path,
        "kind": entry.leaf.kind,
        "leaf_key": entry.dataset.leaf_key,
        "origin": asdict(entry.origin),
        "samples": len(entry.dataset.samples),
        "rejected": len(entry.dataset.rejected),
        "heldout": len(heldout_items(entry.leaf)),
        "notes": list(entry.dataset.notes),
        "attribution": entry.leaf.attribution,
    }


def _versions() -> dict[str, str]:
    return {name: found for name in _LIBRARIES if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
