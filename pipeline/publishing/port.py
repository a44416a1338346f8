"""The `Publisher` seam: a release goes to one place, is read back, and only then becomes what people get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.provenance.record import FileEntry

Progress = Callable[[str, float], None]


class PublishError(Exception):
    """A release cannot be made, or a place does not take it. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one promoted build, in a folder that never changes. `digest`: SHA-256 (hex) over names and contents.

    `files` are sorted by path; the last word on them is `SHA256SUMS`, which is one of them.
    """

    build_id: str
    folder: Path
    files: tuple[FileEntry, ...]
    digest: str

    @property
    def tag(self) -> str:
        """The name that points at this build for ever."""
        return f"build-{self.build_id}"

    def sums(self) -> dict[str, str]:
        """SHA-256 (hex) by path."""
        return {entry.path: entry.sha256 for entry in self.files}


class Publisher(Protocol):
    """Contract (tests/contract/test_publisher.py): each of the three may be repeated and then changes nothing; after an
    error the place holds what it held before, or the whole release."""

    @property
    def name(self) -> str:
        """The kind of place, such as "folder": what `--to` names."""
        ...

    @property
    def where(self) -> str:
        """Which place of that kind, for people; holds no secret."""
        ...

    def put(self, release: Release, progress: Progress) -> str:
        """Bring the release there and return what finds it: a commit, a path, a digest. Raises `PublishError`."""
        ...

    def check(self, release: Release, reference: str) -> tuple[str, ...]:
        """Read back what stands at `reference`: the paths that are missing or differ, () when all is well.

        Raises `PublishError`.
        """
        ...

    def seal(self, release: Release, reference: str) -> None:
        """Name what was checked, so that people get it. Raises `PublishError`."""
        ...
