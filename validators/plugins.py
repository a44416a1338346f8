"""Finds the rules that other distributions bring, by their entry points of group `seedbed.rules`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "seedbed.rules"


def plugins() -> list[EntryPoint]:
    """The entry points, sorted by name. Each names a module that declares rules and registers checks.

    importlib.metadata takes longer to load than several leaves to judge, so it is used only where one is in sight.
    """
    if not any(_in_sight(folder) for folder in sys.path):
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))


class BrokenPlugin(RuntimeError):
    """Another distribution's rules cannot be loaded; the message names it and says what to do."""


def load_plugins() -> None:
    """Import every entry point's module. Raises BrokenPlugin."""
    for point in plugins():
        try:
            point.load()
        except Exception as error:  # whatever their code does on import
            whose = point.dist.name if point.dist else point.value
            what = f"the rules of the package {whose!r} ({point.value})"
            why = f"cannot be loaded: {type(error).__name__}: {error}"
            raise BrokenPlugin(f"{what} {why}. Uninstall the package, or tell its authors") from error


def _in_sight(folder: str) -> bool:
    """Whether a distribution in a folder of the path may have entry points of the group."""
    if folder and not os.path.isdir(folder):  # noqa: PTH112
        return os.path.exists(folder)  # noqa: PTH110  (an archive: let importlib look into it)
    return any(f"[{GROUP}]".encode() in text for text in _lists(folder or "."))


def _lists(folder: str) -> Iterator[bytes]:
    """The lists of entry points of the distributions in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return
    for name in names:
        try:
            with open(f"{name}/entry_points.txt", "rb") as file:  # noqa: PTH123
                yield file.read()
        except OSError:
            continue
