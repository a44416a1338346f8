"""How the files of a release came to be: an in-toto Statement v1 with SLSA's provenance predicate v1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pipeline.manifest import canonical
from pipeline.provenance.record import BuildRecord, FileEntry

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:seedbed:build:1"
BUILDER = "urn:seedbed:builder"
LEAF_KEY = "seedbedLeafKey"  # names all that a dataset depends on; it is no digest of one file, hence its own name
JSON = dict[str, Any]


def state(record: BuildRecord, files: Sequence[FileEntry], *, taxonomy_url: str = "") -> bytes:
    """The statement about `files` as canonical JSON. `taxonomy_url`: where the taxonomy lies, if it may be told."""
    return canonical(
        {
            "_type": TYPE,
            "subject": [{"name": entry.path, "digest": {"sha256": entry.sha256}} for entry in files],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "taxonomy_commit": record.inputs["taxonomy_commit"],
                        "student": record.inputs["base"]["name"],
                        "recipe": record.inputs["recipe"],
                    },
                    "internalParameters": {"champion": record.manifest.get("champion")},
                    "resolvedDependencies": _dependencies(record, taxonomy_url),
                },
                "runDetails": {
                    "builder": {"id": BUILDER, "version": _versions(record)},
                    "metadata": _metadata(record),
                    "byproducts": [
                        _resource("manifest.json", record.manifest),
                        _resource("verdict.json", record.verdict),
                    ],
                },
            },
        }
    )


def _dependencies(record: BuildRecord, taxonomy_url: str) -> list[JSON]:
    base = record.inputs["base"]
    taxonomy: JSON = {"name": "taxonomy", "digest": {"gitCommit": record.inputs["taxonomy_commit"]}}
    if taxonomy_url:
        taxonomy["uri"] = f"git+{taxonomy_url}@{record.inputs['taxonomy_commit']}"
    return [
        {"name": f"base:{base['name']}", "digest": {"sha256": base["digest"]}},
        taxonomy,
        *[{"name": f"dataset:{leaf['path']}", "digest": {LEAF_KEY: leaf["leaf_key"]}} for leaf in record.leaves],
        _resource("recipe", record.inputs["recipe"]),
        _resource("environment", record.manifest.get("environment", {})),
        {"name": "mixture", "digest": {"sha256": record.manifest["outputs"]["mixture"]["digest"]}},
    ]


def _resource(name: str, value: object) -> JSON:
    return {"name": name, "digest": {"sha256": hashlib.sha256(canonical(value)).hexdigest()}}


def _metadata(record: BuildRecord) -> JSON:
    return {"invocationId": record.build_id, **({"startedOn": record.date} if record.date else {})}


def _versions(record: BuildRecord) -> JSON:
    return {name: str(value) for name, value in sorted(record.manifest.get("environment", {}).items())}
