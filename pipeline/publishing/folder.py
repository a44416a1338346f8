"""Releases in a folder of this machine or on a mounted disk: one folder a build, and a link to the newest."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import file_digest
from pipeline.inventory import sync_folder
from pipeline.publishing.port import Progress, PublishError, Release

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class FolderPublisher:
    """`root/<build id>/` holds a release; the link `root/latest` leads to the one that was sealed last."""

    root: Path
    name: str = "folder"

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.root)

    def put(self, release: Release, progress: Progress) -> str:
        """Copy into a hidden folder that is renamed when it is whole. Raises `PublishError`."""
        target = self.root / release.build_id
        if not self.check(release, str(target)):
            return str(target)
        partial = self.root / f".{release.build_id}.partial"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            for number, entry in enumerate(release.files):
                progress(f"{self.root}: {entry.path}", number / len(release.files))
                (partial / entry.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(release.folder / entry.path, partial / entry.path)  # no link: people may change it
            for place in (*partial.rglob("*/"), partial):
                sync_folder(place)
            shutil.rmtree(target, ignore_errors=True)
            partial.replace(target)
        except OSError as error:
            raise PublishError(
                f"the folder {self.root} does not take build {release.build_id}: {error.strerror or error}; "
                "free some space, make it writable, or name another folder in publish_to"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return str(target)

    def check(self, release: Release, reference: str) -> tuple[str, ...]:
        """Read every file again."""
        wrong = [entry.path for entry in release.files if _digest(Path(reference) / entry.path) != entry.sha256]
        return tuple(wrong)

    def seal(self, release: Release, reference: str) -> None:
        """Let `latest` lead to the build, at once. Raises `PublishError`."""
        link = self.root / LATEST
        beside = self.root / f".{LATEST}.{os.getpid()}"
        try:
            beside.unlink(missing_ok=True)
            beside.symlink_to(release.build_id)
            beside.replace(link)
        except OSError as error:
            raise PublishError(f"the link {link} cannot be set: {error.strerror or error}") from error


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""
