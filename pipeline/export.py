"""From base and adapter to one folder that anybody can load: safetensors, tokenizer, model card."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.child import ChildDied, ChildError, run
from pipeline.evaluate.port import Item, Progress, item_of
from pipeline.models import TOKENIZER_FILES

TOLERANCE = 1e-2  # nats per token, mean over the probes: what rounding to the base's number format may cost
PROBES = 8


class ExportError(Exception):
    """The merged model cannot be written, or is not the one that was judged. The message says what to do."""


class ExportApart(ExportError):
    """What was written is not the model that was judged."""


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What to merge and where to. `probes`: questions on which the merged model must score as the adapter did."""

    model: Path
    adapter: Path
    out: Path
    card: bytes
    probes: Sequence[Item]
    threads: int = 0


Exporter = Callable[[ExportJob, Progress], dict[str, Any]]


def export(job: ExportJob, progress: Progress) -> dict[str, Any]:
    """Merge in a child process. `job.out` is there whole, or not at all. Returns `{"dtype", "difference", "bytes"}`.

    Raises `ExportError`, `ExportApart` where the written model scores apart.
    """
    partial = job.out.with_name(job.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    payload = {
        "model": str(job.model),
        "adapter": str(job.adapter),
        "out": str(partial),
        "threads": job.threads,
        "probes": [asdict(item) for item in job.probes[:PROBES]],
    }
    progress("export: merging the adapter into the base", 0.0)
    try:
        result = run(
            "pipeline.export:merge", payload, on_event=lambda event: progress("export: " + event["doing"], 0.5)
        )
        for name in ("README.md", "MODEL_CARD.md"):
            (partial / name).write_bytes(job.card)
        shutil.rmtree(job.out, ignore_errors=True)
        partial.replace(job.out)
    except (ChildError, ChildDied, OSError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, ChildError) and error.type_name == ExportApart.__name__:
            raise ExportApart(str(error)) from error
        raise ExportError(f"the merged model could not be written to {job.out}: {error}") from error
    progress("export: done", 1.0)
    return result


def merge(payload: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """In the child: merge in float32, write in the base's number format, load again and compare. Raises `ExportError`.

    Small updates vanish where the base's format is coarse; then the merged model is written in float32 instead.
    """
    import torch

    from pipeline.evaluate.likelihood import likelihoods

    causal.set_threads(payload["threads"])
    model, out = Path(payload["model"]), Path(payload["out"])
    probes = [item_of(fields) for fields in payload["probes"]]
    tokenizer = causal.load_tokenizer(model)
    merged = causal.load_model(model, Path(payload["adapter"]))
    wanted = likelihoods(merged, tokenizer, probes, lambda _: None)
    native = str(_native_dtype(model)).removeprefix("torch.")
    for dtype in dict.fromkeys([native, "float32"]):
        emit({"doing": f"writing in {dtype}"})
        shutil.rmtree(out, ignore_errors=True)
        merged.to(getattr(torch, dtype)).save_pretrained(out)
        _copy_tokenizer(model, out)
        emit({"doing": "loading it again"})
        found = likelihoods(causal.load_model(out), causal.load_tokenizer(out), probes, lambda _: None)
        gaps = [abs(a - b) for (a, _), (b, _) in zip(wanted, found, strict=True)]
        difference = sum(gaps) / max(1, len(gaps))
        if difference <= TOLERANCE:
            size = sum(file.stat().st_size for file in out.iterdir())
            return {"dtype": dtype, "difference": round(difference, 6), "bytes": size}
        merged = causal.load_model(model, Path(payload["adapter"]))
    raise ExportApart(
        f"the merged model scores {difference:.4f} nats away from the one that was judged; it is not kept"
    )


def _native_dtype(model: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(model, local_files_only=True).dtype or "float32"


def _copy_tokenizer(model: Path, out: Path) -> None:
    """Copy, byte for byte: a tokenizer that is written anew may differ from the one that was trained with."""
    for pattern in TOKENIZER_FILES:
        for file in model.glob(pattern):
            shutil.copyfile(file, out / file.name)
