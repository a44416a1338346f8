"""The model that the community has now: the champion's merged folder, or the pinned base where no build won yet."""

from __future__ import annotations

from pathlib import Path

from pipeline.models import ModelError, ModelFolder, resolve
from pipeline.registry import Registry


def present_model(state: Path, student: str) -> ModelFolder:
    """`state`: the folder with `builds/` and `registry/`; `student`: the base's name.

    Raises `ModelError`, and `RegistryError` where the names are damaged.
    """
    champion = Registry(state / "registry").aliases().champion
    if champion is None:
        return resolve(student)
    folder = state / "builds" / champion / "model"
    if not folder.is_dir():
        raise ModelError(f"the champion's model {folder} is missing; restore it, or roll back with `seedbed rollback`.")
    found = resolve(str(folder))
    return ModelFolder(found.path, f"build {champion}", found.digest, found.licence)
