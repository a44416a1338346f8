"""Knowledge for phase 1.0: questions among documents, most of which do not help (RAFT, arXiv 2403.10131).

Two rows in five hold the chunk that answers them among three that do not; the others hold four that do not, so that
the model must know. Beside each stands its row of phase 0.7, as InstructLab has it. What is chosen depends on the
sample's id and the chunks' texts alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from heapq import nsmallest

from pipeline.exporting.messages import TrainingRow, asked_of, chunk_of, shown, with_chunk
from pipeline.flows.model import Chunk, number
from pipeline.leafdata import LeafDataset
from pipeline.samples import Sample

GOLD_SHARE = 0.4
DOCUMENTS = 4
_POOL = 1000  # chunks to draw from where a leaf has too few of its own: what fits in memory, however many leaves
_RANGE = 1 << 31

Texts = Mapping[str, int]
"""Chunks as they are shown, each with a number that depends on its text alone."""


def phase10_rows(datasets: Collection[LeafDataset]) -> Iterator[TrainingRow]:
    """For each row of knowledge its RAFT form and its row of phase 0.7; auxiliary rows as they are."""
    pool = _pool(datasets)
    for dataset in datasets:
        if dataset.kind != "knowledge":
            continue
        own = dict(_numbered(dataset))
        for sample in sorted(dataset.samples, key=lambda sample: sample.id):
            chunk = chunk_of(dataset, sample)
            if sample.task == "qa" and chunk is not None:
                yield _among_documents(sample, chunk, own, pool)
            yield with_chunk(dataset, sample, f"{sample.id}/p07")


def _among_documents(sample: Sample, chunk: Chunk, own: Texts, pool: Texts) -> TrainingRow:
    documents = drawn(sample.id, shown(chunk), own, pool)
    text = "\n\n".join(f"Document:\n{document}" for document in documents)
    name = f"document_knowledge_qa_raft_p{GOLD_SHARE}"
    return TrainingRow(f"{sample.id}/raft", asked_of(sample, text), False, name, sample, chunk)


def drawn(name: str, gold: str, own: Texts, pool: Texts) -> list[str]:
    """The documents that the row `name` shows: of its own leaf first, which are the hardest to tell from `gold`.

    Where there are no others at all, `gold` alone.
    """
    near = [text for text in own if text != gold]
    lacking = len(near) < DOCUMENTS
    far = [text for text in pool if text != gold and text not in own] if lacking else []
    with_gold = number(name, "gold") < GOLD_SHARE * _RANGE or not (near or far)
    wanted = DOCUMENTS - with_gold
    picked = nsmallest(wanted, near, key=lambda text: number(name, own[text]))
    picked += nsmallest(wanted - len(picked), far, key=lambda text: number(name, pool[text]))
    documents = [*picked, gold] if with_gold else picked
    return sorted(documents, key=lambda text: number(name, "order", text))


def _numbered(dataset: LeafDataset) -> Iterator[tuple[str, int]]:
    for chunk in dataset.chunks:
        text = shown(chunk)
        yield text, number("chunk", text)


def _pool(datasets: Collection[LeafDataset]) -> Texts:
    pool: dict[str, int] = {}
    for dataset in datasets:
        pool |= _numbered(dataset)
        if len(pool) > 2 * _POOL:
            pool = _lowest(pool)
    return _lowest(pool)


def _lowest(pool: Texts) -> dict[str, int]:
    return dict(nsmallest(_POOL, pool.items(), key=lambda item: (item[1], item[0])))
