"""Generation with a large teacher: lists, judges and calibration, with the same promises."""

from __future__ import annotations

import pytest

from pipeline.generate import LeafDataset, generate
from pipeline.leafdata import root_hash
from pipeline.leafkeys import heldout
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.teacher.port import ChatRequest
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves
from tests.unit.schema_script import script
from tests.unit.test_generate import ORIGIN, contents, shuffled
from validators import Leaf

LEAVES = [leaves.freeform(count=8), leaves.grounded(), leaves.knowledge()]


def run(
    *items: Leaf, by: ScriptedTeacher, store: MemoryStore | None = None, responses: Responses | None = None, target: int
) -> list[LeafDataset]:
    pool = Pool(by, responses or Responses(":memory:"))
    try:
        return generate(
            [(leaf, ORIGIN) for leaf in items],
            pool=pool,
            store=MemoryStore() if store is None else store,
            target=target,
        )
    finally:
        pool.close()


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.kind)
def test_rows_come_by_lists_and_cost_little(leaf: Leaf) -> None:
    by = ScriptedTeacher(script, form="schema")
    [dataset] = run(leaf, by=by, target=24)
    report = dataset.report
    least = 4 if leaf.kind == "knowledge" else 20  # its seed contexts are short
    assert len([sample for sample in dataset.samples if sample.task == "qa"]) >= least, report.reasons
    assert report.calibration is not None
    assert report.calibration.believed
    assert all("judge_auc" in sample.scores for sample in dataset.samples if sample.task == "qa")
    if leaf.kind != "knowledge":
        assert report.requests <= 4 * report.kept
    if leaf.kind == "knowledge":
        assert dataset.chunks
        assert report.covered > 0
        assert all(sample.chunk is not None for sample in dataset.samples)


def test_the_same_bytes_in_any_order() -> None:
    stores = [MemoryStore(), MemoryStore()]
    one = run(*LEAVES, by=ScriptedTeacher(script, form="schema", concurrency=1), store=stores[0], target=12)
    by = ScriptedTeacher(script, form="schema", concurrency=64, delay=shuffled)
    many = run(*LEAVES, by=by, store=stores[1], target=12)
    assert root_hash(one) == root_hash(many)
    assert contents(stores[0]) == contents(stores[1])


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.kind)
def test_no_held_out_text_in_any_prompt(leaf: Leaf) -> None:
    seen: list[str] = []

    def spy(request: ChatRequest) -> object:
        seen.extend(message.content for message in request.messages)
        return script(request)

    run(leaf, by=ScriptedTeacher(spy, form="schema"), target=8)  # type: ignore[arg-type]
    for seed in leaf.seeds:
        if seed.index in heldout(leaf):
            secrets = [text for pair in seed.pairs for text in (pair.question, pair.answer)] + [seed.context]
            assert not [s for s in secrets if s and any(s in text for text in seen)]


def test_another_judge_prompt_asks_for_verdicts_alone() -> None:
    from pipeline.flows.prompts import FOLDER, Prompts

    responses, store = Responses(":memory:"), MemoryStore()
    run(LEAVES[0], by=ScriptedTeacher(script, form="schema"), responses=responses, store=store, target=12)
    source = (FOLDER / "schema" / "judge_pair.jinja").read_text()
    asked: list[str] = []

    def spy(request: ChatRequest) -> object:
        asked.append(request.sampling.schema)
        return script(request)

    pool = Pool(ScriptedTeacher(spy, form="schema"), responses)  # type: ignore[arg-type]
    prompts = Prompts({"schema/judge_pair": source.replace("== user ==", "== user ==\nBe fair.\n", 1)})
    [dataset] = generate([(LEAVES[0], ORIGIN)], pool=pool, store=store, target=12, prompts=prompts)
    pool.close()
    assert len(dataset.samples) >= 10
    assert asked
    assert all('"score"' in schema for schema in asked), "verdicts on pairs, and nothing else"
