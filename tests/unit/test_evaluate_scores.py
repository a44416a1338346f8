"""What scoring is made of, without a model: agreement with references, token rows, batches, memory that ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.causal import PROMPT_TOKENS, Encoded, by_room
from pipeline.child import ChildDied, ChildError
from pipeline.evaluate import hosted
from pipeline.evaluate.hosted import LikelihoodEvaluator, out_of_memory
from pipeline.evaluate.port import EvaluateError, Item, is_answered, item_of
from pipeline.evaluate.reference import agreement
from pipeline.evaluate.rows import Asked, batches, common_start, prefix
from pipeline.evaluate.scripted import ScriptedEvaluator

ROWS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=6)
ITEMS = [
    Item("h", "heldout", "leaf", "Who?", "Ada."),
    Item("c", "heldout", "leaf", "Which?", "Ada.", choices=("Bob.", "Cy.")),
    Item("g", "general", "facts", "Where?", "Here."),
]


def asked(prompt: int, *tails: int) -> Asked:
    return Asked(tuple(range(prompt)), tuple(Encoded((9,) * size, (9,) * size) for size in tails))


@pytest.mark.parametrize(
    ("answer", "reference", "value"),
    [
        ("It is Rome, I think.", "Rome", 1.0),
        ("romeo", "Rome.", 0.0),
        ("The result is 12.", "12", 1.0),
        ("The result is 12.5", "12", 0.0),
        ("About 1,000 of them", "1,000", 1.0),
        ("", "Rome", 0.0),
        ("It is in Rome", "In old Rome", 0.571429),
        ("anything", "...", 0.0),
    ],
)
def test_a_word_is_said_or_not_and_a_sentence_is_compared(answer: str, reference: str, value: float) -> None:
    assert agreement(answer, reference) == value


@given(ROWS)
def test_the_common_start_is_common_and_no_longer_one_is(rows: list[list[int]]) -> None:
    size = common_start(rows)
    assert len({tuple(row[:size]) for row in rows}) == 1
    assert any(len(row) == size for row in rows) or len({row[size] for row in rows}) > 1


def test_the_opening_leaves_each_prompt_a_token() -> None:
    assert prefix([asked(4, 1), asked(6, 2), asked(9, 1)]) == 3
    assert prefix([asked(4, 1), Asked((0, 1, 7, 8), ())]) == 2
    assert prefix([asked(4, 1)]) == prefix([]) == 0


def test_batches_hold_each_item_once_with_its_like() -> None:
    items = [asked(5 + 37 * at % 90, *[1 + at % 7] * (1 + 3 * (at % 2))) for at in range(50)]
    made = batches(items, 8)
    assert sorted(at for batch in made for at in batch) == list(range(50))
    assert made == batches(items, 8)
    assert all(len(batch) == 8 for batch in made[:-1])
    mixed = sum(len({len(items[at].tails) for at in batch}) > 1 for batch in made)
    assert mixed <= 1
    padded = sum(max(len(items[at].prompt) for at in batch) * len(batch) for batch in made)
    assert padded < 1.5 * sum(len(item.prompt) for item in items)


def test_leaves_items_without_choices_are_answered() -> None:
    assert [is_answered(item) for item in ITEMS] == [True, False, False]
    assert item_of(
        {"id": "c", "suite": "heldout", "group": "g", "question": "q", "reference": "a", "choices": ["b"]}
    ) == (Item("c", "heldout", "g", "q", "a", choices=("b",)))


def test_the_double_has_margins_and_a_noise_floor() -> None:
    evaluator = ScriptedEvaluator()
    quiet = lambda doing, fraction: None  # noqa: E731
    first = evaluator.score(Path("m"), None, ITEMS, quiet)
    assert [score.margin is None for score in first] == [True, False, True]
    again = evaluator.score(Path("m"), None, ITEMS, quiet, batch=8)
    assert 0 < max(abs(a.nats - b.nats) for a, b in zip(first, again, strict=True)) < 3e-5
    assert evaluator.score(Path("m"), Path("a"), ITEMS, quiet)[0].answer == "Ada."


def ending(*errors: Exception) -> tuple[Callable[..., dict[str, Any]], list[int]]:
    """A `run` that raises these one after the other, then answers; and the batch sizes it was asked with."""
    left, asked = list(errors), []

    def run(target: str, payload: dict[str, Any], **_: object) -> dict[str, Any]:
        asked.append(payload["batch"])
        if left:
            raise left.pop(0)
        return {"scores": [{"id": item["id"], "nats": 1.0, "tokens": 2} for item in payload["items"]]}

    return run, asked


def test_where_memory_ends_fewer_items_are_taken_and_then_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = ChildDied("the process was killed", -9)
    full = ChildError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    told: list[str] = []
    run, sizes = ending(killed, full)
    monkeypatch.setattr(hosted, "run", run)
    scores = LikelihoodEvaluator().score(Path("m"), None, ITEMS, lambda doing, _: told.append(doing), batch=6)
    assert [score.id for score in scores] == ["h", "c", "g"]
    assert sizes == [6, 3, 1]
    assert "scoring: out of memory, trying again with 3 items at a time" in told
    run, sizes = ending(*[killed] * 9)
    monkeypatch.setattr(hosted, "run", run)
    with pytest.raises(EvaluateError, match=r"ran out of memory with one item at a time.*smaller student"):
        LikelihoodEvaluator().score(Path("m"), None, ITEMS, lambda *_: None, batch=4)
    assert sizes == [4, 2, 1]


def test_other_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run, sizes = ending(ChildError("no such file", "OSError"))
    monkeypatch.setattr(hosted, "run", run)
    with pytest.raises(EvaluateError, match="scoring with m stopped: no such file"):
        LikelihoodEvaluator().score(Path("m"), None, ITEMS, lambda *_: None)
    assert sizes == [16]
    assert out_of_memory(ChildError("CUDA out of memory.", "OutOfMemoryError"))
    assert out_of_memory(ChildError("", "MemoryError"))
    assert not out_of_memory(ChildDied("", 1))
    assert not out_of_memory(ChildDied("", -15))


@given(st.lists(st.integers(1, 3000), max_size=80), st.integers(1, 64))
def test_long_questions_are_answered_few_at_a_time_and_none_is_left_out(lengths: list[int], size: int) -> None:
    batches = by_room(lengths, size)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= size
        assert len(batch) * lengths[batch[0]] <= PROMPT_TOKENS or len(batch) <= max(1, size // 4)
        assert max(lengths[i] for i in batch) == lengths[batch[0]]
