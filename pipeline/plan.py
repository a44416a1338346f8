"""What a generation would cost, before anything is asked: requests, tokens and time, by leaf. No teacher is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import lineage
from pipeline.documents import FetchDocument, offline
from pipeline.flows import FLOWS, Draft, Flow, Material, flow_for
from pipeline.flows.model import Unparsable
from pipeline.flows.prompts import PACKAGED, Prompts
from pipeline.generate import MIN_SEEDS, material_of
from pipeline.leafkeys import key_parts
from pipeline.responses import Responses
from pipeline.store.port import Store
from pipeline.teacher.port import ChatRequest, Form
from validators import Leaf

CHARACTERS_PER_TOKEN = 4
OUTPUT_SHARE = 0.4  # of `max_tokens` that an answer takes, where nothing was measured


@dataclass(frozen=True, slots=True)
class TeacherFacts:
    """What of a teacher decides a plan. `tokens_per_second`: output, measured before; 0.0 where it never was."""

    fingerprint: str
    form: Form
    tokenizer: Path | None = None
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """What one leaf would cost. `why`: "stored", or what is new about it. Figures are estimates, but for 0."""

    leaf: str
    why: str
    requests: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0

    def seconds(self, teacher: TeacherFacts) -> float | None:
        """At the measured speed; None where there is none."""
        speed = teacher.tokens_per_second
        return self.output_tokens / speed if speed else None if self.output_tokens else 0.0


def plan(
    leaves: Sequence[Leaf],
    *,
    teacher: TeacherFacts,
    responses: Responses,
    store: Store,
    target: int,
    documents: FetchDocument = offline,
    prompts: Prompts = PACKAGED,
    embedder: str = "",
) -> Iterator[LeafPlan]:
    """One plan a leaf, in their order. Raises `StoreError`, and `PromptError` for a prompt that cannot be filled in."""
    ids = {form_of: flow.id(prompts) for form_of, flow in FLOWS.items()}
    for leaf in leaves:
        flow = flow_for(leaf, teacher.form)
        document = documents(leaf.document) if leaf.document else None
        parts = key_parts(
            leaf,
            document,
            flow=ids[flow.kind, flow.form],
            teacher=teacher.fingerprint,
            target=target,
            embedder=embedder,
        )
        if store.exists(f"leaves/{parts.key}/manifest.json"):
            yield LeafPlan(leaf.path, "stored")
            continue
        before = lineage.latest(store, leaf.path)
        why = " and ".join(parts.changes(before.parts)) + " changed" if before else "new"
        material = material_of(leaf, document, prompts, teacher.tokenizer)
        yield _estimate(flow, material, why, teacher.fingerprint, responses, target)


def _estimate(
    flow: Flow, material: Material, why: str, fingerprint: str, responses: Responses, target: int
) -> LeafPlan:
    leaf = material.leaf
    if len(leaf.seeds) < MIN_SEEDS or not material.pairs:
        return LeafPlan(leaf.path, "needs more seed examples")
    material = flow.prepare(material)
    most = flow.roots(material)
    if most == 0:
        return LeafPlan(leaf.path, "nothing to ask about")
    roots = max(1, -int(-target / (flow.per_root * flow.expected) // 1))
    roots = roots if most is None else min(roots, most)
    first = _ask(flow, material, 0)
    share = 1.0
    if responses.get(first.key(fingerprint)) is not None:
        share = sum(_missing(flow, material, root, fingerprint, responses) for root in range(roots)) / roots
    requests = share * min(target, roots * flow.per_root) * flow.requests_per_row
    prompt = sum(len(message.content) for message in first.messages) / CHARACTERS_PER_TOKEN
    output = OUTPUT_SHARE * first.sampling.max_tokens
    return LeafPlan(leaf.path, why, round(requests), round(requests * prompt), round(requests * output))


def _ask(flow: Flow, material: Material, root: int) -> ChatRequest:
    return flow.stages[0].request(material, [flow.start(material, root)])


def _missing(flow: Flow, material: Material, root: int, fingerprint: str, responses: Responses) -> float:
    """Share of a root's stages that are not answered yet, as far as the stored answers lead."""
    drafts: Sequence[Draft] = [flow.start(material, root)]
    stages = [stage for stage in flow.stages if not stage.judges]  # whether a judge is believed is not known here
    for done, stage in enumerate(stages):
        mine = [draft for draft in drafts if draft.reason is None and draft.task in stage.tasks]
        if not mine:
            return 0.0
        groups = [mine] if stage.scope == "siblings" else [[draft] for draft in mine]
        taken: list[Draft] = []
        for group in groups:
            request = stage.request(material, group)
            stored = responses.get(request.key(fingerprint))
            if stored is None:
                return 1 - done / len(stages)
            try:
                taken += stage.take(material, group, stored)
            except Unparsable:
                continue
        drafts = taken
    return 0.0


def measured_speed(store: Store, fingerprint: str) -> float:
    """Output tokens a second of a teacher, over all runs on record; 0.0 where there is none."""
    try:
        known = json.loads(store.read(_speed_key(fingerprint)))
        return float(known["output_tokens"]) / float(known["busy_s"])
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return 0.0


def note_speed(store: Store, fingerprint: str, output_tokens: int, busy_s: float) -> None:
    """Add a run to the record. Raises `StoreError`."""
    try:
        known = json.loads(store.read(_speed_key(fingerprint)))
    except (KeyError, ValueError):
        known = {"output_tokens": 0, "busy_s": 0.0}
    total = {"output_tokens": known["output_tokens"] + output_tokens, "busy_s": round(known["busy_s"] + busy_s, 3)}
    store.write(_speed_key(fingerprint), (json.dumps(total) + "\n").encode())


def _speed_key(fingerprint: str) -> str:
    return f"teachers/{fingerprint[:40]}.json"
