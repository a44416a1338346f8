"""A place that is only memory: for tests, and for trying a plug-in's surroundings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pipeline.publishing.port import Progress, PublishError, Release


@dataclass(slots=True)
class MemoryPublisher:
    """`kept`: releases by build id, as bytes by path. `latest`: the build that was sealed last. `puts` counts uploads.

    `refusal`: why it takes nothing, "" while it does; `damage`: a path whose bytes get lost on the way.
    """

    name: str = "memory"
    where: str = "memory"
    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)
    latest: str = ""
    puts: int = 0
    refusal: str = ""
    damage: str = ""

    def put(self, release: Release, progress: Progress) -> str:
        """Keep the bytes. Raises `PublishError` when told to."""
        if self.refusal:
            raise PublishError(f"{self.where} does not take build {release.build_id}: {self.refusal}")
        if release.build_id not in self.kept or self.check(release, release.build_id):
            self.puts += 1
            progress(f"{self.where}: {len(release.files)} files", 1.0)
            files = {entry.path: (release.folder / entry.path).read_bytes() for entry in release.files}
            self.kept[release.build_id] = {path: data for path, data in files.items() if path != self.damage}
        return release.build_id

    def check(self, release: Release, reference: str) -> tuple[str, ...]:
        """Compare digests."""
        kept = self.kept.get(reference, {})
        found = {path: hashlib.sha256(data).hexdigest() for path, data in kept.items()}
        return tuple(path for path, digest in release.sums().items() if found.get(path) != digest)

    def seal(self, release: Release, reference: str) -> None:
        """Remember the build as the newest."""
        self.latest = reference
