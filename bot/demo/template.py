"""Where the taxonomy template lies: inside the wheel, or beside the packages in a checkout."""

from __future__ import annotations

from pathlib import Path

import bot

_PACKAGE = Path(bot.__file__).parent


def taxonomy_template() -> Path:
    """The folder that a community copies."""
    inside = _PACKAGE / "taxonomy-template"
    return inside if inside.is_dir() else _PACKAGE.parent / "taxonomy-template"
