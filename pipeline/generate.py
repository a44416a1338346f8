"""From leaves to datasets: all leaves grow side by side in one pool, so that the teacher stays busy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import lineage
from pipeline.documents import Document, FetchDocument, Unreachable, offline
from pipeline.flows import Draft, Flow, Material, flow_for
from pipeline.flows.prompts import PACKAGED, Prompts
from pipeline.grow import Growth, grow
from pipeline.leafdata import LeafDataset, Origin, load_dataset, save_dataset, with_origin
from pipeline.leafkeys import KeyParts, heldout, key_parts, licence_of
from pipeline.leafreport import report_of
from pipeline.pool import BATCH, Pool
from pipeline.quality.embedding import Embedder
from pipeline.samples import Sample
from pipeline.store.port import Store, StoreError
from pipeline.teacher.port import TeacherError
from pipeline.tokens import token_counter
from validators import Leaf

__all__ = ["LeafDataset", "Origin", "generate", "heldout", "load_dataset"]

log = logging.getLogger(__name__)

MIN_SEEDS = 2

Progress = Callable[[str, float], None]


@dataclass(slots=True)
class _Work:
    """One leaf on its way to its dataset."""

    leaf: Leaf
    origin: Origin
    rank: int
    key: str = ""
    growth: Growth | None = None
    dataset: LeafDataset | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """What all leaves of one call share."""

    pool: Pool
    store: Store
    target: int
    documents: FetchDocument
    prompts: Prompts
    lane: int
    embedder: Embedder | None
    works: list[_Work] = field(default_factory=list)


def generate(
    leaves: Sequence[tuple[Leaf, Origin]],
    *,
    pool: Pool,
    store: Store,
    target: int,
    progress: Progress = lambda message, fraction: None,
    documents: FetchDocument = offline,
    prompts: Prompts = PACKAGED,
    lane: int = BATCH,
    embedder: Embedder | None = None,
) -> list[LeafDataset]:
    """Make `target` samples for each leaf, or as many as it yields; datasets in the order of `leaves`.

    A leaf whose dataset is stored costs no request, and one that fails leaves the others unharmed: its dataset is empty
    and says why, and is not stored. `progress` is called in the caller's thread; what it raises ends the call.
    Raises `TeacherError` and `StoreError`; all that was answered until then is stored, finished leaves too.
    """
    run = _Run(pool, store, target, documents, prompts, lane, embedder)
    ordered = sorted(range(len(leaves)), key=lambda at: leaves[at][0].path)
    run.works.extend(_Work(*leaves[at], rank) for rank, at in enumerate(ordered))
    furthest = 0.0

    def tell() -> None:
        nonlocal furthest
        message, fraction = _so_far(run)
        furthest = max(furthest, fraction)  # read while another thread writes, so it may seem to go back
        progress(message, furthest)

    pool.run(_all(run), tell)
    progress("samples are made", 1.0)
    by_place = dict(zip(ordered, run.works, strict=True))
    return [dataset for at in range(len(leaves)) if (dataset := by_place[at].dataset) is not None]


async def _all(run: _Run) -> None:
    """Leaves begin in the order of their paths, as soon as the pool has room for more requests."""
    tasks: set[asyncio.Task[None]] = set()  # of leaves that are growing
    try:
        for work in run.works:
            await run.pool.hungry()
            tasks.add(asyncio.create_task(_one(run, work)))
            await asyncio.sleep(0)
            for task in [task for task in tasks if task.done()]:
                tasks.discard(task)
                task.result()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _one(run: _Run, work: _Work) -> None:
    try:
        await _leaf(run, work)
    except (TeacherError, StoreError):
        raise
    except Exception as error:  # one leaf's trouble, such as a prompt that cannot be filled in, is no other leaf's
        log.exception("%s: no samples", work.leaf.path)
        why = f"no samples: {str(error) or type(error).__name__}"
        work.dataset = LeafDataset(work.leaf.path, work.key, work.leaf.kind, (), (), notes=(why,))
    finally:
        work.growth = None  # thousands of finished leaves must not fill the memory


async def _leaf(run: _Run, work: _Work) -> None:
    leaf, teacher = work.leaf, run.pool.teacher
    document = await asyncio.to_thread(run.documents, leaf.document) if leaf.document else None
    flow = flow_for(leaf, teacher.form)
    parts = key_parts(
        leaf,
        document,
        flow=flow.id(run.prompts),
        teacher=teacher.fingerprint,
        target=run.target,
        embedder=run.embedder.digest if run.embedder else "",
    )
    work.key = parts.key
    stored = load_dataset(run.store, work.key)
    if stored is not None and not stored.report.failures:
        work.dataset = with_origin(stored, work.origin)
        if work.dataset != stored:
            save_dataset(run.store, work.dataset)
        _note(run, leaf, parts)
        return
    work.growth = growth = await asyncio.to_thread(_prepare, run, leaf, flow, document)
    growth.before = lineage.roots_before(run.store, leaf.path, run.target)
    if _can_grow(growth):
        await grow(growth, run.pool, (run.lane, work.rank), run.embedder)
    work.dataset = _dataset(run, work, growth)
    await asyncio.to_thread(run.pool.responses.flush)  # no dataset whose answers are not on the disk
    if work.dataset.samples or not work.dataset.report.failures:
        save_dataset(run.store, work.dataset)
        _note(run, leaf, parts)


def _note(run: _Run, leaf: Leaf, parts: KeyParts) -> None:
    """A preview is no generation of the leaf: others come and go beside it."""
    if run.lane == BATCH:
        lineage.note(run.store, leaf.path, parts)


def _prepare(run: _Run, leaf: Leaf, flow: Flow, document: Document | Unreachable | None) -> Growth:
    material = material_of(leaf, document, run.prompts, run.pool.teacher.tokenizer)
    growth = Growth(flow, material, run.target)
    growth.notes += _notes(document)
    if len(leaf.seeds) >= MIN_SEEDS and material.pairs:
        growth.material = flow.prepare(material)
    return growth


def material_of(
    leaf: Leaf, document: Document | Unreachable | None, prompts: Prompts, tokenizer: Path | None
) -> Material:
    """A leaf made ready, but for what its flow prepares: its held-out seeds apart, tokens counted by `tokenizer`."""
    held = heldout(leaf)
    return Material(
        leaf,
        tuple(seed for seed in leaf.seeds if seed.index not in held),
        tuple(seed for seed in leaf.seeds if seed.index in held),
        document,
        prompts=prompts,
        count_tokens=token_counter(tokenizer),
    )


def _can_grow(growth: Growth) -> bool:
    """Whether there is anything to ask about; a note says where there is not."""
    material = growth.material
    if len(material.leaf.seeds) < MIN_SEEDS:
        growth.notes.append("needs at least two seed examples: one is held out for evaluation")
    elif not material.pairs:
        growth.notes.append("all seed examples ask the same as the held-out ones; add different ones")
    elif growth.flow.roots(material) == 0:
        growth.notes.append("no sentence to ask about was found in the document or the seed contexts")
    else:
        return True
    return False


def _notes(document: Document | Unreachable | None) -> list[str]:
    if isinstance(document, Unreachable):
        return [_unreachable(document)]
    return [f"document read in part: {document.note}"] if document and document.note else []


def _unreachable(document: Unreachable) -> str:
    return f"document unreachable: {document.reason}; generated from the seed contexts alone"


def _dataset(run: _Run, work: _Work, growth: Growth) -> LeafDataset:
    report, blank = report_of(growth), _blank(run, work, growth)
    if report.failures:
        growth.notes.append(f"the teacher failed on {report.failures} requests; they are tried again with the next run")
    rows = [_sample(blank, growth, draft) for draft in growth.drafts]
    kept = [row for row in rows if row.status == "kept"]
    return LeafDataset(
        work.leaf.path,
        work.key,
        work.leaf.kind,
        _by_id(row for row in kept if row.task != "choice"),
        _by_id(row for row in rows if row.status == "rejected"),
        _by_id(row for row in kept if row.task == "choice"),
        growth.material.chunks,
        tuple(growth.notes),
        report,
        growth.requests,
        growth.tokens,
        growth.seconds,
    )


def _by_id(rows: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))


def _blank(run: _Run, work: _Work, growth: Growth) -> Sample:
    """What all rows of a leaf have in common."""
    return Sample(
        messages=(),
        place=(),
        task="",
        leaf=work.leaf.path,
        kind=work.leaf.kind,
        leaf_key=work.key,
        commit=work.origin.commit,
        pull=work.origin.pull,
        author=work.origin.author,
        licence=licence_of(work.leaf),
        document=None,
        document_note=_document_note(growth.material.document),
        span=None,
        chunk=None,
        seeds=(),
        teacher=run.pool.teacher.name,
        teacher_fingerprint=run.pool.fingerprint,
        flow=growth.flow.id(run.prompts),
        trace=(),
    )


def _sample(blank: Sample, growth: Growth, draft: Draft) -> Sample:
    piece = draft.chunk or draft.passage
    seeds = {*draft.seeds, *([piece.seed] if piece and piece.seed >= 0 else [])}
    return replace(
        blank,
        messages=growth.flow.messages(draft),
        place=draft.place,
        task=draft.task,
        document=(piece.source or None) if piece else None,
        span=(piece.start, piece.end) if piece else None,
        chunk=growth.material.chunks.index(draft.chunk) if draft.chunk else None,
        seeds=tuple(sorted(seeds)),
        trace=tuple(draft.trace),
        attributes=dict(draft.attributes),
        scores=dict(draft.scores),
        status="kept" if draft.reason is None else "rejected",
        reason=draft.reason,
    )


def _document_note(document: Document | Unreachable | None) -> str:
    if isinstance(document, Unreachable):
        return _unreachable(document)
    return document.note if document else ""


def _so_far(run: _Run) -> tuple[str, float]:
    done = sum(work.dataset is not None for work in run.works)
    growing = [growth for work in run.works if (growth := work.growth) is not None]
    kept = sum(growth.kept for growth in growing)
    share = sum(_share(growth) for growth in growing)
    usage = run.pool.usage
    message = f"generating: {done} of {len(run.works)} leaves, {kept} samples in {len(growing)} more"
    return f"{message}; the teacher answered {usage.requests} requests", (done + share) / max(1, len(run.works))


def _share(growth: Growth) -> float:
    return min(0.99, growth.kept / max(1, growth.target))
