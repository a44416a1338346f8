"""GGUF files of a model: written, loaded again, scored on the same questions, and kept only where they say the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.evaluate.port import Item, Progress
from pipeline.publishing.gguf.external import convert
from pipeline.publishing.gguf.kinds import FORMATS, KINDS, Kind
from pipeline.publishing.gguf.tensors import GgufError

_OFFLINE = {"HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class GgufJob:
    """What to write where. `stem`: start of the files' names; `probes`: questions with reference answers; `converter`:
    llama.cpp's convert_hf_to_gguf.py, used instead of our own writer where it is given; `threads` 0: every core."""

    model: Path
    out: Path
    stem: str
    version: str
    licence: str
    probes: Sequence[Item]
    kinds: Sequence[Kind] = KINDS
    converter: Path | None = None
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one kind. `rise`: nats per token, mean over the probes, by which it scores worse than the model
    (below 0: better); None where it could not be scored. `reason`: why there is no file, "" where there is one."""

    kind: Kind
    file: str
    rise: float | None
    allowed: float
    reason: str = ""


def _write(job: GgufJob, kind: Kind, out: Path) -> None:
    """Raises `GgufError`."""
    payload = {"model": str(job.model), "out": str(out), "kind": kind}
    payload |= {"name": job.stem, "version": job.version, "licence": job.licence}
    try:
        if job.converter is not None:
            convert(job.converter, job.model, out, kind)
        else:
            run("pipeline.publishing.gguf.write:write_gguf", payload, env=_OFFLINE)
    except (ChildError, ChildDied) as error:
        raise GgufError(str(error)) from error


def _score(job: GgufJob, model: Path) -> list[float]:
    """Raises `GgufError`."""
    payload = {"model": str(model), "threads": job.threads, "items": [asdict(item) for item in job.probes]}
    try:
        nats: list[float] = run("pipeline.publishing.gguf.score:score", payload, env=_OFFLINE)["nats"]
    except (ChildError, ChildDied) as error:
        raise GgufError(f"it does not load and score: {error}") from error
    return nats


@dataclass(frozen=True, slots=True)
class Tools:
    """How files are written and scored; both raise `GgufError`."""

    write: Callable[[GgufJob, Kind, Path], None] = field(default=_write)
    score: Callable[[GgufJob, Path], list[float]] = field(default=_score)


def make(job: GgufJob, progress: Progress, tools: Tools | None = None) -> tuple[Made, ...]:
    """Write `job.kinds` into the folder `job.out`. A kind that fails or scores apart leaves no file, but its reason.

    Raises `GgufError` where the model itself cannot be scored, and `OSError`.
    """
    if not job.probes:
        raise GgufError("there are no questions to score the files with, so none could be trusted")
    tools = tools or Tools()
    job.out.mkdir(parents=True, exist_ok=True)
    progress("GGUF: scoring the model", 0.0)
    wanted = tools.score(job, job.model)
    made = []
    for number, kind in enumerate(job.kinds):
        progress(f"GGUF: {FORMATS[kind].label}", (number + 0.5) / (len(job.kinds) + 0.5))
        made.append(_one(job, kind, wanted, tools))
    progress("GGUF: done", 1.0)
    return tuple(made)


def _one(job: GgufJob, kind: Kind, wanted: Sequence[float], tools: Tools) -> Made:
    allowed = FORMATS[kind].rise
    file = job.out / f"{job.stem}-{FORMATS[kind].label}.gguf"
    rise = None
    try:
        tools.write(job, kind, file)
        rise = round(fmean(found - was for found, was in zip(tools.score(job, file), wanted, strict=True)), 6)
    except GgufError as error:
        reason = " ".join(str(error).split())
    else:
        reason = "" if rise <= allowed else f"it scores {rise:.3f} nats a token worse, and {allowed:.2f} are allowed"
    if rise is not None and not isfinite(rise):
        rise = None  # JSON has no such number
    if reason:
        file.unlink(missing_ok=True)
        print(f"GGUF {FORMATS[kind].label}: not released: {reason}", file=sys.stderr)
    return Made(kind, "" if reason else file.name, rise, allowed, reason)


def made_from(rows: Sequence[dict[str, Any]]) -> tuple[Made, ...]:
    """Read back what `asdict` wrote."""
    return tuple(Made(**row) for row in rows)
