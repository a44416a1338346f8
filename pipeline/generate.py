"""From leaves to datasets: the flows of all leaves go through their stages together, so that the teacher stays busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.documents import Document, FetchDocument, Unreachable, offline
from pipeline.flows import Draft, Flow, Material, flow_for
from pipeline.leafdata import (
    LeafDataset,
    Origin,
    heldout,
    leaf_key,
    licence_of,
    load_dataset,
    save_dataset,
    with_origin,
)
from pipeline.responses import Responses, answer_all
from pipeline.samples import NOT_NEEDED, Sample
from pipeline.store.port import Store
from pipeline.teacher.port import ChatRequest, Completion, Teacher
from validators import Leaf

__all__ = ["LeafDataset", "Origin", "generate", "heldout", "leaf_key", "load_dataset"]

ROUNDS = 3
SURPLUS = 1.3  # drafts to make for each one that is likely to be needed
MIN_EXPECTED = 0.15
SATURATED = 0.05  # a round that keeps less than this share has nothing new to give
MIN_SEEDS = 2

Progress = Callable[[str, float], None]


@dataclass(slots=True)
class _Work:
    """One leaf on its way. `seen`: by stage name, the texts that passed, in the order of the drafts."""

    leaf: Leaf
    origin: Origin
    key: str
    flow: Flow
    material: Material
    target: int
    drafts: list[Draft] = field(default_factory=list)
    seen: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    requests: int = 0
    failures: int = 0
    first: int = 0  # index of this round's first draft
    done: bool = False

    @property
    def kept(self) -> list[Draft]:
        """Drafts that passed all stages so far."""
        return [draft for draft in self.drafts if draft.reason is None]


def generate(
    leaves: Sequence[tuple[Leaf, Origin]],
    *,
    teacher: Teacher,
    responses: Responses,
    store: Store,
    target: int,
    progress: Progress = lambda message, fraction: None,
    documents: FetchDocument = offline,
) -> list[LeafDataset]:
    """Make `target` samples for each leaf, or as many as it yields; datasets in the order of `leaves`.

    A leaf whose dataset is stored costs no request. Otherwise drafts are made in rounds and stages, each stage pooled
    over all leaves in path order; a leaf that yields nothing leaves the others unharmed. Raises `TeacherError` and
    `StoreError`; all that was answered until then is stored.
    """
    datasets: dict[str, LeafDataset] = {}
    works: list[_Work] = []
    for leaf, origin in sorted(leaves, key=lambda item: item[0].path):
        document = documents(leaf.document) if leaf.document else None
        key = leaf_key(leaf, document, teacher.fingerprint, target)
        stored = _stored(store, key, origin)
        if stored is not None:
            datasets[leaf.path] = stored
        else:
            works.append(_work(leaf, origin, key, document, target))
    for round_number in range(ROUNDS + 1):
        for work in works:
            if work.done and work.leaf.path not in datasets:
                datasets[work.leaf.path] = _finish(work, teacher, store)
        if all(work.done for work in works):
            break
        _run_round(works, teacher, responses, _part_of(progress, round_number))
        for work in works:
            _take_stock(work, last=round_number == ROUNDS - 1)
    progress("samples are made", 1.0)
    return [datasets[leaf.path] for leaf, _ in leaves]


def _part_of(progress: Progress, round_number: int) -> Progress:
    """Progress of one round as part of the whole: later rounds are rarer, so each gets half of what is left."""
    before, share = 1 - 0.5**round_number, 0.5 ** (round_number + 1)
    return lambda message, fraction: progress(message, before + share * fraction)


def _stored(store: Store, key: str, origin: Origin) -> LeafDataset | None:
    dataset = load_dataset(store, key)
    if dataset is None:
        return None
    moved = with_origin(dataset, origin)
    if moved != dataset:
        save_dataset(store, moved)
    return moved


def _work(leaf: Leaf, origin: Origin, key: str, document: Document | Unreachable | None, target: int) -> _Work:
    held = heldout(leaf)
    material = Material(
        leaf,
        tuple(seed for seed in leaf.seeds if seed.index not in held),
        tuple(seed for seed in leaf.seeds if seed.index in held),
        document,
    )
    flow = flow_for(leaf)
    work = _Work(leaf, origin, key, flow, flow.prepare(material), target)
    if isinstance(document, Unreachable):
        work.notes.append(f"document unreachable: {document.reason}; generated from the seed contexts alone")
    elif isinstance(document, Document) and document.note:
        work.notes.append(f"document read in part: {document.note}")
    if len(leaf.seeds) < MIN_SEEDS:
        work.notes.append("needs at least two seed examples: one is held out for evaluation")
        work.done = True
    elif not material.pairs:
        work.notes.append("all seed examples ask the same as the held-out ones; add different ones")
        work.done = True
    elif leaf.kind == "knowledge" and not work.material.passages:
        work.notes.append("no sentence to ask about was found in the document or the seed contexts")
        work.done = True
    return work


def _plan(works: Sequence[_Work]) -> None:
    """Add this round's drafts to each leaf that needs more; how many depends on what the rounds before yielded."""
    for work in works:
        if work.done:
            continue
        tried, kept = len(work.drafts), len(work.kept)
        expected = max(MIN_EXPECTED, kept / tried) if tried else work.flow.expected
        count = min(-int(-SURPLUS * (work.target - kept) / expected // 1), 4 * work.target + 4)
        work.first = tried
        work.drafts += [Draft(index) for index in range(tried, tried + count)]


def _run_round(works: Sequence[_Work], teacher: Teacher, responses: Responses, progress: Progress) -> None:
    _plan(works)
    depth = max(len(work.flow.stages) for work in works if not work.done)
    for position in range(depth):
        asked: list[tuple[_Work, Draft, ChatRequest]] = []
        for work in works:
            if work.done or position >= len(work.flow.stages):
                continue
            stage = work.flow.stages[position]
            fresh = [draft for draft in work.drafts[work.first :] if draft.reason is None]
            asked += [(work, draft, stage.request(work.material, draft)) for draft in fresh]

        def report(done: int, total: int, at: int = position) -> None:
            progress(f"stage {at + 1} of {depth}: {done} of {total} requests", (at + done / max(1, total)) / depth)

        answers = answer_all(teacher, responses, [request for _, _, request in asked], report)
        for index, (work, draft, request) in enumerate(asked):
            work.requests += index in answers.made
            draft.request_keys.append(request.key(teacher.fingerprint))
            _judge(work, draft, position, answers.completions[index])


def _judge(work: _Work, draft: Draft, position: int, completion: Completion) -> None:
    stage = work.flow.stages[position]
    if completion.finish_reason == "error":
        work.failures += 1
        draft.reason = f"{stage.name}: the teacher failed: {completion.error}"
        return
    seen = work.seen.setdefault(stage.name, [])
    reason = stage.judge(work.material, draft, completion.text, seen)
    if reason is None and completion.finish_reason == "length":
        reason = f"the {stage.name} was cut off at the length limit"
    draft.reason = reason
    if reason is None:
        seen.append(stage.text_of(draft))


def _take_stock(work: _Work, *, last: bool) -> None:
    if work.done:
        return
    kept, fresh = len(work.kept), work.drafts[work.first :]
    new = sum(draft.reason is None for draft in fresh)
    if kept >= work.target:
        work.done = True
    elif len(fresh) >= 16 and new < SATURATED * len(fresh):
        work.notes.append(
            f"stopped at {kept} of {work.target} samples: {new} of the last {len(fresh)} drafts were new and sound"
        )
        work.done = True
    elif last:
        work.notes.append(f"{kept} of {work.target} samples after {ROUNDS} rounds and {len(work.drafts)} drafts")
        work.done = True


def _finish(work: _Work, teacher: Teacher, store: Store) -> LeafDataset:
    """Make rows of the drafts and store them. Where the teacher failed and nothing came, nothing is stored."""
    for draft in work.kept[work.target :]:
        draft.reason = f"{NOT_NEEDED}: the target of {work.target} was reached"
    if work.failures:
        work.notes.append(f"the teacher failed on {work.failures} requests")
    rows = [_sample(work, draft, teacher) for draft in work.drafts]
    dataset = LeafDataset(
        work.leaf.path,
        work.key,
        work.leaf.kind,
        tuple(sorted((row for row in rows if row.status == "kept"), key=lambda row: row.id)),
        tuple(sorted((row for row in rows if row.status == "rejected"), key=lambda row: row.id)),
        tuple(work.notes),
        work.requests,
    )
    if dataset.samples or not work.failures:
        save_dataset(store, dataset)
    return dataset


def _sample(work: _Work, draft: Draft, teacher: Teacher) -> Sample:
    passage, document = draft.passage, work.material.document
    return Sample(
        messages=work.flow.messages(draft),
        leaf=work.leaf.path,
        kind=work.leaf.kind,
        leaf_key=work.key,
        commit=work.origin.commit,
        pull=work.origin.pull,
        author=work.origin.author,
        licence=licence_of(work.leaf),
        document=(passage.source or None) if passage else None,
        document_note=_document_note(document),
        span=(passage.start, passage.end) if passage else None,
        seeds=tuple(sorted({*draft.seeds, passage.seed})) if passage and passage.seed >= 0 else draft.seeds,
        teacher=teacher.name,
        teacher_fingerprint=teacher.fingerprint,
        flow=work.flow.id,
        request_keys=tuple(draft.request_keys),
        scores=dict(draft.scores),
        status="kept" if draft.reason is None else "rejected",
        reason=draft.reason,
    )


def _document_note(document: Document | Unreachable | None) -> str:
    if isinstance(document, Unreachable):
        return f"document unreachable: {document.reason}; generated from the seed contexts alone"
    return document.note if document else ""
