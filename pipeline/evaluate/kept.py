"""Scores, each made once for a model: kept by leaf and by category, so that a leaf that comes scores no other anew.

The items of one group are scored in batches of their own: another batch moves a score by about 3e-5 nats, and the same
inputs must give the same bytes whatever else was asked that night.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from pipeline.evaluate.items import items_digest
from pipeline.evaluate.port import BATCH_ROWS, Evaluator, Item, Progress, Score
from pipeline.store.port import Store
from pipeline.train.capabilities import capabilities

Group = tuple[str, str]  # a suite, and what of it: a leaf's path, or a category

SCORER = 4  # counts changes of the scoring code: kept scores of another version do not fit


@dataclass(frozen=True, slots=True)
class Weights:
    """A model to load: a folder and perhaps an adapter on it, each with a digest that says what they are."""

    model: Path
    digest: str
    adapter: Path | None = None
    adapter_digest: str = ""


def scored(
    weights: Weights,
    items: Sequence[Item],
    evaluator: Evaluator,
    store: Store,
    progress: Progress,
    *,
    batch: int = BATCH_ROWS,
) -> list[Score]:
    """Scores in the order of `items`, from the store or made now. Raises `EvaluateError`, `StoreError`."""
    groups = _groups(items)
    keys = _keys(weights, batch, groups)
    missing = [name for name in groups if not store.exists(keys[name])]
    asked = [item for name in missing for item in groups[name]]
    made = evaluator.score(weights.model, weights.adapter, asked, progress, batch=batch) if asked else []
    known = {item.id: score for item, score in zip(asked, made, strict=True)}
    for name in missing:
        rows = [asdict(known[item.id]) for item in groups[name]]
        store.write(keys[name], json.dumps(rows).encode())
    for name in groups.keys() - set(missing):
        known |= {fields["id"]: Score(**fields) for fields in json.loads(store.read(keys[name]))}
    return [known[item.id] for item in items]


def missing_items(weights: Weights, items: Sequence[Item], store: Store, *, batch: int = BATCH_ROWS) -> list[Item]:
    """Those that `scored` would have to score."""
    groups = _groups(items)
    keys = _keys(weights, batch, groups)
    return [item for name, of in groups.items() if not store.exists(keys[name]) for item in of]


def _groups(items: Sequence[Item]) -> dict[Group, list[Item]]:
    groups: dict[Group, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.suite, item.group].append(item)
    return groups


def _keys(weights: Weights, batch: int, groups: Mapping[Group, Sequence[Item]]) -> dict[Group, str]:
    libraries = [_version(name) for name in ("torch", "transformers")]
    shared = [SCORER, libraries, capabilities().gpus > 0, weights.digest, weights.adapter_digest, batch]
    parts = {name: json.dumps([*shared, items_digest(items)]) for name, items in groups.items()}
    return {name: f"scores/{hashlib.sha256(of.encode()).hexdigest()}.json" for name, of in parts.items()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
