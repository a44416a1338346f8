"""InstructLab's training rows: `{"id", "messages", "metadata", "unmask"}`, one a line.

The shapes are those of `instructlab-sdg`'s data mixing: skills as they are; knowledge for phase 0.7 with its chunk
before the question and learnt whole (`unmask`). Ids are the samples' own, so the same datasets give the same files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipeline.exporting.encodable import canonical, json_line
from pipeline.flows.model import Chunk
from pipeline.flows.schema import chunked
from pipeline.leafdata import LeafDataset
from pipeline.samples import Sample
from pipeline.teacher.port import Message


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One chat to learn. `unmask`: loss on all of it, not on the answer alone. `dataset`: what InstructLab calls it."""

    id: str
    messages: tuple[Message, ...]
    unmask: bool
    dataset: str
    sample: Sample
    chunk: Chunk | None = None

    def to_json(self) -> bytes:
        """One canonical line."""
        row = {
            "id": self.id,
            "messages": [{"role": message.role, "content": message.content} for message in self.messages],
            "metadata": canonical(self._metadata()),
            "unmask": self.unmask,
        }
        return json_line(row)

    def _metadata(self) -> dict[str, object]:
        """InstructLab's own fields, and where the row comes from."""
        sample = self.sample
        found: dict[str, object] = {
            "dataset": self.dataset,
            "sample": sample.id,
            "leaf": sample.leaf,
            "commit": sample.commit,
            "pull": sample.pull,
            "author": sample.author,
            "licence": sample.licence,
            "document": sample.document,
            "teacher": sample.teacher,
            "flow": sample.flow,
        }
        return {**found, "sdg_document": shown(self.chunk)} if self.chunk else found


def skill_rows(datasets: Collection[LeafDataset]) -> Iterator[TrainingRow]:
    """The kept rows of skills, by leaf and id."""
    for dataset in datasets:
        if dataset.kind != "knowledge":
            for sample in sorted(dataset.samples, key=lambda sample: sample.id):
                yield TrainingRow(sample.id, sample.messages, False, f"{dataset.kind}_skill", sample)


def phase07_rows(datasets: Collection[LeafDataset]) -> Iterator[TrainingRow]:
    """The kept rows of knowledge, each with its chunk: what a model reads to take a document in."""
    for dataset in datasets:
        if dataset.kind == "knowledge":
            for sample in sorted(dataset.samples, key=lambda sample: sample.id):
                yield with_chunk(dataset, sample, sample.id)


def with_chunk(dataset: LeafDataset, sample: Sample, name: str) -> TrainingRow:
    """A row of phase 0.7. One that was made from a single sentence, by a small teacher, has no chunk and stays bare."""
    chunk = chunk_of(dataset, sample)
    if sample.task != "qa":
        return TrainingRow(name, sample.messages, True, f"document_{sample.task}", sample, chunk)
    return TrainingRow(name, asked_of(sample, shown(chunk)), True, "document_knowledge_qa", sample, chunk)


def chunk_of(dataset: LeafDataset, sample: Sample) -> Chunk | None:
    """The piece of the document that a sample was made from."""
    return None if sample.chunk is None else dataset.chunks[sample.chunk]


def shown(chunk: Chunk | None) -> str:
    """A chunk below its headings, as the teacher saw it; "" for none."""
    return chunked.shown(chunk) if chunk else ""


def asked_of(sample: Sample, text: str) -> tuple[Message, ...]:
    """The sample's turns with `text` before its question."""
    first, *others = sample.messages
    question = f"{text}\n\n{first.content}" if text else first.content
    return (Message(first.role, question), *others)
