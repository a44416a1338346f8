"""What a finished build says of itself, as the documents about it need it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.files import file_digest
from pipeline.git import GitError, run


class ProvenanceError(Exception):
    """A document about a build cannot be made, or does not hold. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a release: path within it (POSIX), size, SHA-256 (hex)."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Effect:
    """How a leaf's held-out questions changed, in nats per token of the reference (below 0: better), with the two-sided
    90 % interval that the gate computed; without one where the questions are all of one seed example."""

    questions: int
    before: float
    after: float
    change: float
    low: float | None
    high: float | None

    @property
    def better(self) -> bool:
        """Beyond chance."""
        return self.high is not None and self.high < 0

    @property
    def worse(self) -> bool:
        """Beyond chance."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """Manifest and verdict of a build, parsed. `date`: of the taxonomy commit, ISO 8601 in UTC, "" where nobody said
    it; no other time is ever in a document, so that the same build gives the same bytes."""

    manifest: Mapping[str, Any]
    verdict: Mapping[str, Any]
    date: str = ""

    @property
    def build_id(self) -> str:
        """The build's name."""
        return str(self.manifest["build_id"])

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the build depends on."""
        inputs: Mapping[str, Any] = self.manifest["inputs"]
        return inputs

    @property
    def leaves(self) -> list[dict[str, Any]]:
        """The manifest's entries, sorted by path."""
        return sorted(self.manifest["leaves"], key=lambda leaf: leaf["path"])

    def rows(self, leaf: str) -> int:
        """Rows of the mixture that are this leaf's."""
        counts = self.manifest["outputs"]["mixture"]["counts"].get(leaf, {})
        return sum(value for value in counts.values() if isinstance(value, int))

    def effects(self) -> dict[str, Effect]:
        """By leaf."""
        return {row["group"]: _effect(row) for row in self.verdict["rows"] if row["suite"] == "heldout"}


def _effect(row: Mapping[str, Any]) -> Effect:
    known = row.get("units", row["n"]) > 1  # verdicts of an older version name questions alone
    low, high = (row["change"][name] if known else None for name in ("low", "high"))
    return Effect(row["n"], row["before"], row["after"], row["change"]["mean"], low, high)


def read_record(folder: Path, date: str = "") -> BuildRecord:
    """The record of the build in `folder`. Raises `ProvenanceError`."""
    parsed = []
    for name in ("manifest.json", "verdict.json"):
        try:
            parsed.append(json.loads((folder / name).read_bytes()))
        except (OSError, ValueError) as error:
            raise ProvenanceError(
                f"{folder / name} cannot be read ({error}); the ledger branch seedbed/builds holds a copy of it"
            ) from error
    return BuildRecord(parsed[0], parsed[1], date)


def commit_date(mirror: Path, commit: str) -> str:
    """When a commit was made, ISO 8601 in UTC. Raises `ProvenanceError`."""
    try:
        seconds = int(run(["show", "-s", "--format=%ct", commit], at=mirror))
    except (GitError, ValueError, OSError) as error:
        raise ProvenanceError(f"the date of commit {commit} cannot be read from {mirror}: {error}") from error
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe_files(folder: Path, paths: Iterable[str]) -> tuple[FileEntry, ...]:
    """Size and digest of files below `folder`, sorted by path. Raises `OSError`."""
    return tuple(FileEntry(path, (folder / path).stat().st_size, file_digest(folder / path)) for path in sorted(paths))
