"""Datasets to export: a knowledge leaf and a skill that a scripted teacher grew, with what it rejected."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from pipeline.generate import generate
from pipeline.leafdata import LeafDataset, Origin
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.samples import Sample
from pipeline.store.memory import MemoryStore
from pipeline.teacher.port import Message
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves
from tests.unit.knowledge_script import KnowledgeScript, document
from validators import Leaf

PATHS = ("knowledge/history/valley_clocks", "knowledge/technology/ostrel_clock")
SKILL = "compositional_skills/crafts/tools"
ORIGIN = Origin("cd" * 20, 7, "wren")


@lru_cache
def datasets() -> tuple[LeafDataset, ...]:
    """Two knowledge leaves about one document, and a skill; in the order of their paths."""
    store = MemoryStore()
    pool = Pool(ScriptedTeacher(KnowledgeScript(), form="schema", context_tokens=8000), Responses(":memory:"))
    grown: list[tuple[Leaf, Origin]] = [(leaves.knowledge(path), ORIGIN) for path in PATHS]
    try:
        made = generate(grown, pool=pool, store=store, target=24, documents=lambda _: document(8))
    finally:
        pool.close()
    return (skill(made[0]), *made)


def skill(like: LeafDataset) -> LeafDataset:
    """Two kept rows and a rejected one of a freeform leaf under another licence, by another author."""
    first = replace(like.samples[0], leaf=SKILL, kind="freeform", leaf_key="ef" * 32, chunk=None, document=None)
    first = replace(first, licence="MIT", author="Finch|<b>", pull=None, attributes={}, span=None)
    rows = [_row(first, f"What is a {tool} for?", f"A {tool} is for {use}.") for tool, use in TOOLS]
    bad = replace(rows[0], place=(9,), status="rejected", reason="the judge rejects the pair (score 0.20 < 0.50)")
    kept = tuple(sorted(rows, key=lambda row: row.id))
    return LeafDataset(SKILL, first.leaf_key, "freeform", kept, (bad,), notes=("stopped at 2 of 24 samples",))


TOOLS = (("rasp", "shaping rough wood"), ("maul", "splitting logs \ud800"))


def _row(like: Sample, question: str, answer: str) -> Sample:
    return replace(like, messages=(Message("user", question), Message("assistant", answer)))
