"""The folder `data/`: every row with all that is known of where it comes from, as Parquet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.exporting.encodable import encodable
from pipeline.exporting.messages import chunk_of
from pipeline.exporting.shelf import ExportError
from pipeline.leafdata import LeafDataset
from pipeline.samples import Sample

FOLDER = "data"
SAMPLES, CHOICES, REJECTED = "samples.parquet", "choices.parquet", "rejected.parquet"
_GROUP = 2000  # rows that are held in memory at a time


def write(datasets: Collection[LeafDataset], folder: Path, *, rejected: bool) -> dict[str, int]:
    """Write below `folder`; rows by file, a file without rows is left out. `rejected`: also what was rejected, and why.

    The same datasets give the same bytes with the same pyarrow. Raises `ExportError` without pyarrow, and `OSError`.
    """
    target = folder / FOLDER
    target.mkdir(parents=True)
    rows = {SAMPLES: _all(datasets, "samples"), CHOICES: _all(datasets, "choices")}
    if rejected:
        rows[REJECTED] = _all(datasets, "rejected")
    counts = {name: _table(target / name, found) for name, found in rows.items()}
    return {f"{FOLDER}/{name}": count for name, count in counts.items() if count}


def row(dataset: LeafDataset, sample: Sample) -> dict[str, Any]:
    """One sample as a flat record; the text of its chunk with it."""
    chunk = chunk_of(dataset, sample)
    start, end = sample.span or (None, None)
    return {
        "id": sample.id,
        "leaf": sample.leaf,
        "kind": sample.kind,
        "task": sample.task,
        "messages": [{"role": message.role, "content": message.content} for message in sample.messages],
        "status": sample.status,
        "reason": sample.reason,
        "attributes": [{"name": name, "value": value} for name, value in sorted(sample.attributes.items())],
        "scores": [{"name": name, "value": value} for name, value in sorted(sample.scores.items())],
        "commit": sample.commit,
        "pull": sample.pull,
        "author": sample.author,
        "licence": sample.licence,
        "document": sample.document,
        "document_note": sample.document_note,
        "span_start": start,
        "span_end": end,
        "chunk_heading": chunk.heading if chunk else None,
        "chunk": chunk.text if chunk else None,
        "seeds": list(sample.seeds),
        "teacher": sample.teacher,
        "teacher_fingerprint": sample.teacher_fingerprint,
        "flow": sample.flow,
        "trace": [{"stage": stage, "request": key} for stage, key in sample.trace],
        "leaf_key": sample.leaf_key,
        "place": list(sample.place),
    }


def _all(datasets: Iterable[LeafDataset], which: str) -> Iterator[dict[str, Any]]:
    for dataset in datasets:
        samples: tuple[Sample, ...] = getattr(dataset, which)
        for sample in sorted(samples, key=lambda sample: sample.id):
            yield row(dataset, sample)


def _table(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ExportError(
            "Parquet needs the package pyarrow, which is not installed: pip install 'seedbed[train]', or choose "
            "another --format"
        ) from error
    schema, count = _schema(), 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, _GROUP)):
            writer.write_table(pyarrow.Table.from_pylist([encodable(one) for one in group], schema))
            count += len(group)
    if not count:
        path.unlink()
    return count


def _schema() -> Any:
    import pyarrow as pa

    def pairs(name: str, other: str, kind: Any) -> Any:
        return pa.list_(pa.struct([(name, pa.string()), (other, kind)]))

    text, whole = pa.string(), pa.int64()
    kinds = {
        "messages": pairs("role", "content", text),
        "attributes": pairs("name", "value", text),
        "scores": pairs("name", "value", pa.float64()),
        "pull": whole,
        "span_start": whole,
        "span_end": whole,
        "seeds": pa.list_(whole),
        "trace": pairs("stage", "request", text),
        "place": pa.list_(whole),
    }
    return pa.schema([(name, kinds.get(name, text)) for name in COLUMNS])


COLUMNS = (
    *("id", "leaf", "kind", "task", "messages", "status", "reason", "attributes", "scores", "commit", "pull", "author"),
    *("licence", "document", "document_note", "span_start", "span_end", "chunk_heading", "chunk", "seeds", "teacher"),
    *("teacher_fingerprint", "flow", "trace", "leaf_key", "place"),
)
