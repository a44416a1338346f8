"""Which model is meant: the champion, the pinned base, or a build by its id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.models import ModelError, ModelFolder, resolve
from pipeline.registry import Registry

_TRAINED = Path("stages") / "train.json"  # written by pipeline/stages.py; names the adapter below the build's folder


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to talk to. `build`: None for the pinned base. `adapter`: of a build without a merged model, which only
    promoted ones have; it goes on top of `model`, and None means that `model` is whole."""

    build: str | None
    model: ModelFolder
    adapter: Path | None = None

    @property
    def label(self) -> str:
        """For people and for metrics: "base", or the build's id."""
        return self.build or "base"


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a state folder. `student`: the base's name, as in the settings."""

    state: Path
    student: str

    def champion(self) -> str | None:
        """The champion's build id, None while the pinned base serves. Raises `RegistryError`."""
        return Registry(self.state / "registry").aliases().champion

    def choose(self, build: str | None) -> Choice:
        """A build, or the base for None. Hashes what it has not seen before. Raises `ModelError`."""
        if build is None:
            return Choice(None, resolve(self.student))
        folder = self.state / "builds" / build
        if Path(build).name != build or not folder.is_dir():
            raise ModelError(f"there is no build {build!r} in {self.state / 'builds'}. {self._builds()}")
        if (folder / "model").is_dir():
            found = resolve(str(folder / "model"))
            return Choice(build, ModelFolder(found.path, f"build {build}", found.digest, found.licence))
        start, adapter = self._tuned(folder)
        return Choice(build, ModelFolder(start.path, f"build {build}", start.digest, start.licence), adapter)

    def _tuned(self, folder: Path) -> tuple[ModelFolder, Path]:
        """What a build that was not promoted left: the model that it began from, and the adapter for it."""
        try:
            trained: dict[str, Any] = json.loads((folder / _TRAINED).read_bytes())["output"]
            inputs: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())["inputs"]
            adapter, tuned_from, parent = folder / str(trained["adapter"]), inputs["base"], inputs.get("parent")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"build {folder.name} has neither a merged model nor a record of its tuning ({error}); it was stopped "
                f"before it was judged. {self._builds()}"
            ) from error
        if not adapter.is_dir():
            raise ModelError(f"the adapter {adapter} of build {folder.name} is missing; restore it, or build again")
        if parent is not None:  # an incremental build begins from an earlier one
            start = self.choose(str(parent))
            if start.adapter is not None:
                raise ModelError(
                    f"build {folder.name} began from build {parent}, whose merged model is gone; restore it to try this"
                )
            return start.model, adapter
        base = resolve(self.student)
        if tuned_from["digest"] != base.digest:
            raise ModelError(
                f"build {folder.name} was tuned from {tuned_from['name']}, and the student is {base.name} now "
                "(setting student_model); set that one to try this build"
            )
        return base, adapter

    def _builds(self) -> str:
        there = self.state / "builds"
        names = sorted(path.name for path in there.iterdir() if path.is_dir()) if there.is_dir() else []
        return f"There are: {', '.join(names[:20])}." if names else "No build was made here yet: `seedbed build`."
