"""The model that is served now, as the state folder has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluate.kept import Weights
from pipeline.models import ModelFolder
from pipeline.stages import BuildError, Stages


@dataclass(frozen=True, slots=True)
class Champion:
    """A build that was promoted. `manifest`: as it was recorded."""

    id: str
    builds: Path
    manifest: dict[str, Any]

    @property
    def inputs(self) -> dict[str, Any]:
        """What it was made of."""
        inputs: dict[str, Any] = self.manifest["inputs"]
        return inputs

    @property
    def keys(self) -> dict[str, str]:
        """By leaf that it has learnt, the leaf's key."""
        return dict(self.inputs["leaves"])

    @property
    def merged(self) -> Path:
        """Its weights in one folder."""
        return self.builds / self.id / "model"

    def scores(self) -> list[dict[str, Any]]:
        """The rows of its `scores.json`; none where the file is gone."""
        try:
            rows: list[dict[str, Any]] = json.loads((self.builds / self.id / "scores.json").read_bytes())
        except (OSError, ValueError):
            return []
        return rows

    def weights(self, base: ModelFolder) -> Weights:
        """As it was scored when it was the candidate, so that those scores are still known; else merged."""
        start = start_of(self.builds, self.inputs.get("parent"), base)
        train = Stages(self.builds / self.id, self.id).recorded("train")
        if train is None:
            raise BuildError(
                f"the record of champion {self.id} in {self.builds} is not whole; restore it, or roll back"
            )
        if self.inputs["base"]["digest"] != base.digest or not start.model.is_dir():
            return Weights(self.merged, f"build/{self.id}")
        return Weights(start.model, start.digest, self.builds / self.id / train["adapter"], train["digest"])


def read_champion(builds: Path, build_id: str) -> Champion:
    """The build by its id. Raises `BuildError` where its record cannot be read."""
    path = builds / build_id / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        Champion(build_id, builds, manifest).keys  # noqa: B018 - a record without inputs is none
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"the champion's record {path} cannot be read ({error}); restore it, or roll back") from error
    return Champion(build_id, builds, manifest)


def start_of(builds: Path, parent: str | None, base: ModelFolder) -> Weights:
    """What a build begins from: the pinned base, or the merged model of build `parent`."""
    return Weights(base.path, base.digest) if parent is None else Weights(builds / parent / "model", f"build/{parent}")
