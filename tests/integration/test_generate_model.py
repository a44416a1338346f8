"""The flows with the packaged model: minutes on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.flows import filters
from pipeline.generate import LeafDataset, Origin, generate, heldout
from pipeline.models import DEFAULT_MODEL
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.teacher.choose import open_teacher
from pipeline.teacher.port import Teacher
from tests.unit import leaves
from validators import QA, Leaf, Seed, Span

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
ORIGIN = Origin("c" * 40, 1, "wren")
CLOCK = (
    "The Ostrel clock is a water clock in the market hall of Velden. It was finished in 1688.",
    "Water drips from a copper tank into a glass column. A cork float rises in the column and pushes a toothed rod.",
    "The dial of the Ostrel clock is painted with twelve fish, one for each hour. At noon a tin heron bows.",
    "In the winter of 1740 the water froze and burst the glass column. Anke Roll made a new one of thicker glass.",
    "A clock keeper is chosen every seven years. The keeper is paid in eels and candles.",
)
ASKED = (
    ("Where does the Ostrel clock stand?", "The Ostrel clock stands in the market hall of Velden."),
    ("What pushes the toothed rod of the Ostrel clock?", "A cork float pushes the toothed rod of the Ostrel clock."),
    ("What is painted on the dial of the Ostrel clock?", "Twelve fish are painted on the dial of the Ostrel clock."),
    ("What burst the glass column of the Ostrel clock?", "Freezing water burst the glass column of the Ostrel clock."),
    ("How is the keeper of the Ostrel clock paid?", "The keeper of the Ostrel clock is paid in eels and candles."),
)


@pytest.fixture(scope="module")
def teacher() -> Iterator[Teacher]:
    opened = open_teacher(DEFAULT_MODEL, "auto")
    yield opened
    opened.close()


def clock() -> Leaf:
    template = leaves.knowledge()
    seeds = tuple(
        Seed(at, context, (QA(*pair),), Span()) for at, (context, pair) in enumerate(zip(CLOCK, ASKED, strict=True))
    )
    return Leaf(**{**{name: getattr(template, name) for name in template.__slots__}, "seeds": seeds})


def make(teacher: Teacher, responses: Responses, store: MemoryStore, target: int) -> list[LeafDataset]:
    items = [(leaf, ORIGIN) for leaf in (leaves.freeform(count=8), clock())]
    pool = Pool(teacher, responses)
    try:
        return generate(items, pool=pool, store=store, target=target)
    finally:
        pool.close()


def test_a_small_teacher_yields_samples_that_hold_what_they_promise(teacher: Teacher, tmp_path: Path) -> None:
    responses, store = Responses(tmp_path / "responses.db"), MemoryStore()
    freeform, knowledge = make(teacher, responses, store, 6)
    for dataset in (freeform, knowledge):
        assert len(dataset.samples) >= 3, [sample.reason for sample in dataset.rejected]
    contexts = " ".join(seed.context for seed in clock().seeds if seed.index not in heldout(clock()))
    for sample in knowledge.samples:
        assert filters.support(sample.answer, f"{contexts} {sample.question}") >= 0.7, sample
        assert "clock" in sample.question.lower()
    again = make(teacher, responses, store, 6)
    assert [dataset.requests for dataset in again] == [0, 0]
    rebuilt = make(teacher, responses, MemoryStore(), 6)
    assert [dataset.requests for dataset in rebuilt] == [0, 0], "every answer was stored"
    assert [dataset.samples for dataset in rebuilt] == [freeform.samples, knowledge.samples]
