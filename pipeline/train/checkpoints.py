"""Checkpoints that are either whole or not there.

transformers writes straight into `checkpoint-N` and takes the highest N for the latest, finished or not. Here a
checkpoint counts only with its `DONE` file: the digests of all its files, written last.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from pipeline.files import file_digest, write_durably

DONE = "DONE"


def seal(checkpoint: Path) -> None:
    """Declare `checkpoint` whole."""
    for file in _content(checkpoint):
        with file.open("rb") as written:
            os.fsync(written.fileno())
    digests = {str(file.relative_to(checkpoint)): file_digest(file) for file in _content(checkpoint)}
    write_durably(checkpoint / DONE, json.dumps(digests, sort_keys=True).encode())


def is_whole(checkpoint: Path) -> bool:
    """Whether every file is as it was when the checkpoint was sealed."""
    try:
        digests: dict[str, str] = json.loads((checkpoint / DONE).read_bytes())
        return bool(digests) and all(file_digest(checkpoint / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint to go on from. Broken ones are removed, so that they take no room and no name."""
    newest = None
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=step_of):
        if is_whole(checkpoint):
            newest = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return newest


def step_of(checkpoint: Path) -> int:
    """The optimizer step after which a checkpoint was taken."""
    return int(checkpoint.name.rpartition("-")[2])


def _content(checkpoint: Path) -> list[Path]:
    return sorted(file for file in checkpoint.rglob("*") if file.is_file() and not file.name.startswith(DONE))
