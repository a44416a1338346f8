"""An export is a folder that is there whole or not at all, with a list of what it holds."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipeline.exporting import dataset_card, instructlab, lm_eval, parquet
from pipeline.exporting.shelf import ExportError
from pipeline.files import file_digest
from pipeline.leafdata import LeafDataset

Format = Literal["instructlab", "parquet", "lm-eval", "card"]
FORMATS: tuple[Format, ...] = ("instructlab", "parquet", "lm-eval", "card")
LIST = "export.json"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file. `rows`: samples, items, or files that a recipe names."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Export:
    """What was written where."""

    folder: Path
    files: tuple[ExportedFile, ...]


def export(
    datasets: Collection[LeafDataset],
    out: Path,
    formats: Sequence[Format],
    *,
    rejected: bool = False,
    replace: bool = False,
    progress: Callable[[str, float], None] = lambda message, fraction: None,
) -> Export:
    """Write `datasets` to `out` in `formats`; the same datasets give the same bytes. `rejected`: those rows, too.

    `replace`: an earlier export at `out` makes way. Raises `ExportError`, also where `out` holds anything else, and
    `StoreError`.
    """
    check_target(out, replace=replace)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        files = _fill(partial, datasets, formats, rejected, progress)
        partial.chmod(0o755)  # mkdtemp makes it for this user alone
        _put(partial, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress("done", 1.0)
    return Export(out, files)


def _fill(
    folder: Path,
    datasets: Collection[LeafDataset],
    formats: Sequence[Format],
    rejected: bool,
    progress: Callable[[str, float], None],
) -> tuple[ExportedFile, ...]:
    """The card comes last: it names the files that are there."""
    rows: dict[str, int] = {}
    for place, format in enumerate(name for name in FORMATS if name in formats):
        progress(f"writing {format}", place / len(formats))
        rows |= _write(format, datasets, folder, rows, rejected=rejected)
    files = tuple(_described(folder, path, count) for path, count in sorted(rows.items()))
    listed = {"version": 1, "files": [asdict(file) for file in files]}
    (folder / LIST).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    return files


def check_target(out: Path, *, replace: bool) -> None:
    """Raises `ExportError` where an export must not be written."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ExportError(f"{out} is not a folder; name one that does not exist yet")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / LIST).is_file():
        raise ExportError(f"{out} holds files that are no export of Seedbed; name a folder that is empty or new")
    if not replace:
        raise ExportError(f"{out} holds an earlier export; add --force to replace it, or name another folder")


def _write(
    format: Format, datasets: Collection[LeafDataset], folder: Path, so_far: dict[str, int], *, rejected: bool
) -> dict[str, int]:
    if format == "instructlab":
        return instructlab.write(datasets, folder)
    if format == "parquet":
        return parquet.write(datasets, folder, rejected=rejected)
    if format == "lm-eval":
        return lm_eval.write(datasets, folder)
    return dataset_card.write(datasets, folder, so_far)


def _described(folder: Path, path: str, rows: int) -> ExportedFile:
    file = folder / path
    return ExportedFile(path, rows, file.stat().st_size, file_digest(file))


def _put(partial: Path, out: Path) -> None:
    """The old folder goes once the new one is in its place; a kill between leaves both, and loses neither."""
    old = None
    if out.is_dir() and any(out.iterdir()):
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
        out.replace(old)
    for folder in sorted(partial.rglob("*/")):
        if not any(folder.iterdir()):
            folder.rmdir()
    partial.replace(out)
    if old is not None:
        shutil.rmtree(old)


def _unwritable(out: Path, error: OSError) -> ExportError:
    return ExportError(f"cannot write to {out}: {error.strerror or error}; free some space, or name another folder")
