"""What the worker is doing right now, in a small file that the status page and the demo read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

_FILE = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`what` is being done, in words; `fraction` of it is done, 0 to 1; `job` does it."""

    job: str
    what: str
    fraction: float


def write(state_dir: Path, progress: Progress) -> None:
    """Replace the file at once; a lost or old one misleads nobody for long."""
    temporary = state_dir / f"{_FILE}.new"
    temporary.write_text(json.dumps(asdict(progress)))
    temporary.replace(state_dir / _FILE)


def read(state_dir: Path) -> Progress | None:
    """The last progress that was written, or None."""
    try:
        return Progress(**json.loads((state_dir / _FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
