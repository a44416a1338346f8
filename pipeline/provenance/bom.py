"""The bill of materials: CycloneDX 1.6 JSON, with the model, its base, and every leaf's data.

The library that validates it in the tests (cyclonedx-python-lib) has no model cards, so it is plain data here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from pipeline.manifest import canonical
from pipeline.provenance.licences import identifiers, stated_licences
from pipeline.provenance.record import BuildRecord, Effect, FileEntry
from validators.content import licenses

NAME = "bom.cdx.json"
SPEC = "1.6"
_NAMESPACE = uuid.UUID("6f9b6a0e-5d0e-5c0b-9b64-0f6c2a5f3d11")  # ours: serial numbers follow from the build id
JSON = dict[str, Any]


def bill(record: BuildRecord, files: Sequence[FileEntry]) -> bytes:
    """The file as canonical JSON. `files`: those of the model."""
    leaves = [_leaf(record, leaf) for leaf in record.leaves]
    base, tools = _base(record), _libraries(record)
    metadata: JSON = {
        "component": _model(record, files, [leaf["bom-ref"] for leaf in leaves]),
        "tools": {"components": [_tool(record)]},
    }
    if record.date:
        metadata["timestamp"] = record.date
    refs = [component["bom-ref"] for component in (base, *leaves)]
    return canonical(
        {
            "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": SPEC,
            "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, record.build_id)}",
            "version": 1,
            "metadata": metadata,
            "components": [base, *leaves, *tools],
            "dependencies": [{"ref": _ref(record), "dependsOn": sorted(refs)}],
        }
    )


def _ref(record: BuildRecord) -> str:
    return f"build:{record.build_id}"


def _model(record: BuildRecord, files: Sequence[FileEntry], leaves: Sequence[str]) -> JSON:
    base = record.inputs["base"]
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref(record),
        "name": base["name"],
        "version": f"build-{record.build_id}",
        "description": "A language model tuned on contributions to a taxonomy.",
        "licenses": _licences([base["licence"]]),
        "pedigree": {"ancestors": [{**_base(record), "bom-ref": "base-as-ancestor"}]},
        "components": [_file(record, entry) for entry in files],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": "text-generation",
                "architectureFamily": "transformer",
                "datasets": [{"ref": ref} for ref in leaves],
            },
            "quantitativeAnalysis": {
                "performanceMetrics": [_metric(leaf, effect) for leaf, effect in sorted(record.effects().items())]
            },
        },
        "properties": _properties(
            taxonomy_commit=record.inputs["taxonomy_commit"],
            decision=record.verdict["decision"],
            recipe=record.inputs["recipe"]["name"],
        ),
    }


def _file(record: BuildRecord, entry: FileEntry) -> JSON:
    return {
        "type": "file",
        "bom-ref": f"file:{record.build_id}/{entry.path}",
        "name": entry.path,
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
    }


def _base(record: BuildRecord) -> JSON:
    base = record.inputs["base"]
    return {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": base["name"],
        "licenses": _licences([base["licence"]]),
        "hashes": [{"alg": "SHA-256", "content": base["digest"]}],
    }


def _leaf(record: BuildRecord, leaf: JSON) -> JSON:
    origin = leaf["origin"]
    return {
        "type": "data",
        "bom-ref": f"leaf:{leaf['path']}",
        "name": leaf["path"],
        "version": leaf["leaf_key"],
        "licenses": _licences([one for said in stated_licences(leaf["attribution"]) for one in identifiers(said)]),
        "authors": [{"name": origin["author"]}],
        "data": [
            {
                "type": "dataset",
                "name": leaf["path"],
                "description": f"{leaf['samples']} generated samples of a {leaf['kind']} leaf; "
                f"{record.rows(leaf['path'])} rows trained on.",
                "governance": {"owners": [{"contact": {"name": origin["author"]}}]},
            }
        ],
        "properties": _properties(commit=origin["commit"], pull_request=str(origin["pull"] or "")),
    }


def _metric(leaf: str, effect: Effect) -> JSON:
    metric: JSON = {
        "type": "change in nats per token, against the model before",
        "slice": leaf,
        "value": f"{effect.change:.6f}",
    }
    if effect.low is not None and effect.high is not None:
        metric["confidenceInterval"] = {"lowerBound": f"{effect.low:.6f}", "upperBound": f"{effect.high:.6f}"}
    return metric


def _libraries(record: BuildRecord) -> list[JSON]:
    found = record.manifest.get("environment", {})
    names = sorted(name for name in found if name in ("torch", "transformers", "peft", "trl"))
    return [
        {
            "type": "library",
            "bom-ref": f"pypi:{name}",
            "name": name,
            "version": found[name],
            "purl": f"pkg:pypi/{name}@{found[name].replace('+', '%2B')}",
        }
        for name in names
    ]


def _tool(record: BuildRecord) -> JSON:
    version = record.manifest.get("environment", {}).get("seedbed")
    return {"type": "application", "name": "seedbed", **({"version": version} if version else {})}


def _licences(names: Sequence[str]) -> list[JSON]:
    """By identifier where SPDX has one, else by the words that were said."""
    found = []
    for name in dict.fromkeys(names):
        meant = licenses.identifier(name)
        found.append({"license": {"id": meant} if meant in licenses.KNOWN else {"name": name}})
    return found


def _properties(**values: str) -> list[JSON]:
    return [{"name": f"seedbed:{name}", "value": value} for name, value in sorted(values.items()) if value]
