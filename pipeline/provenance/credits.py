"""`CREDITS.json`: who taught the model what, and what it did."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipeline.manifest import canonical
from pipeline.provenance.licences import identifiers, roll_up, stated_licences, works
from pipeline.provenance.record import BuildRecord, Effect

NAME = "CREDITS.json"
VERSION = 1
UNIT = "nats per token of the reference answer; below 0 is better; interval: 90 %, two-sided"


def credit(record: BuildRecord) -> bytes:
    """The file as canonical JSON."""
    effects = record.effects()
    leaves = [_leaf(record, leaf, effects.get(leaf["path"])) for leaf in record.leaves]
    base = record.inputs["base"]
    return canonical(
        {
            "version": VERSION,
            "build": record.build_id,
            "taxonomy_commit": record.inputs["taxonomy_commit"],
            "base": {"name": base["name"], "licence": base["licence"]},
            "unit": UNIT,
            "leaves": leaves,
            "authors": authors(record),
            "licences": roll_up(record),
        }
    )


def authors(record: BuildRecord) -> list[dict[str, Any]]:
    """One entry for each contributor's account, by name. `change`: mean over all questions on their leaves."""
    effects = record.effects()
    found: dict[str, list[dict[str, Any]]] = {}
    for leaf in record.leaves:
        found.setdefault(leaf["origin"]["author"], []).append(leaf)
    return [_author(record, name, leaves, effects) for name, leaves in sorted(found.items())]


def _author(record: BuildRecord, name: str, leaves: list[dict[str, Any]], effects: dict[str, Effect]) -> dict[str, Any]:
    measured = [effects[leaf["path"]] for leaf in leaves if leaf["path"] in effects]
    questions = sum(effect.questions for effect in measured)
    change = sum(effect.change * effect.questions for effect in measured) / questions if questions else None
    return {
        "author": name,
        "leaves": [leaf["path"] for leaf in leaves],
        "pull_requests": sorted({leaf["origin"]["pull"] for leaf in leaves if leaf["origin"]["pull"]}),
        "trained_rows": sum(record.rows(leaf["path"]) for leaf in leaves),
        "questions": questions,
        "change": None if change is None else round(change, 6),
        "improved": sum(effect.better for effect in measured),
        "worsened": sum(effect.worse for effect in measured),
    }


def _leaf(record: BuildRecord, leaf: dict[str, Any], effect: Effect | None) -> dict[str, Any]:
    origin = leaf["origin"]
    return {
        "path": leaf["path"],
        "kind": leaf["kind"],
        "author": origin["author"],
        "pull_request": origin["pull"] or None,
        "commit": origin["commit"],
        "licences": [one for stated in stated_licences(leaf["attribution"]) for one in identifiers(stated)],
        "works": [asdict(work) for work in works(leaf["attribution"])],
        "samples": leaf["samples"],
        "trained_rows": record.rows(leaf["path"]),
        "effect": asdict(effect) if effect else None,
    }
