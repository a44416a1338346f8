from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline import anchors
from pipeline.anchors import (
    BLOCK,
    Anchors,
    fit,
    heldout_on_file,
    load_prompts,
    load_sections,
    make_anchors,
    unanswered,
    use_of,
)
from pipeline.evaluate.items import general_items
from pipeline.evaluate.port import Progress
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.evaluate.sets import guarded
from pipeline.models import ModelFolder
from pipeline.quality.decontamination import EvalIndex
from pipeline.quality.lexical import content_words, duplicate
from pipeline.store.memory import MemoryStore
from tests.building import no_progress

FORM = content_words("Explain, describe, say or write briefly, in one short sentence or in simple words, please.")
BASE = ModelFolder(Path("/nowhere"), "base", "d1", "apache-2.0")


@dataclass(slots=True)
class Answering(ScriptedEvaluator):
    """Answers with a sentence of its own, or with what is set for a prompt."""

    said: dict[str, tuple[str, bool]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def answer(
        self, model: Path, adapter: Path | None, questions: Sequence[str], max_tokens: int, progress: Progress
    ) -> list[tuple[str, bool]]:
        assert adapter is None
        self.sizes.append(len(questions))
        return [self.said.get(question, (f"I say: {question}", True)) for question in questions]


def kept(made: Anchors) -> int:
    return len(made.train) + len(made.dev) + len(made.heldout)


def test_about_three_hundred_prompts_of_many_kinds_each_once() -> None:
    prompts = load_prompts()
    assert 280 <= len(prompts) == len(set(prompts)) <= 320
    assert set(load_sections()) == {
        "facts", "explanations", "chat", "writing", "lists", "maths", "code", "languages", "refusals",
    }  # fmt: skip
    assert min(len(of) for of in load_sections().values()) >= 18


def test_no_prompt_nearly_equals_another() -> None:
    pairs = itertools.combinations(load_prompts(), 2)
    assert [pair for pair in pairs if duplicate(*pair, FORM)] == []


def test_no_prompt_nearly_equals_an_item_that_a_build_is_judged_by() -> None:
    items = general_items(())
    index = EvalIndex(guarded(items))
    assert [found for prompt in load_prompts() for found in index.overlaps("a", "", prompt, "")] == []
    near = [(p, item.id, item.question) for p in load_prompts() for item in items if duplicate(p, item.question, FORM)]
    assert near == []


def test_uses_go_by_the_prompt_alone() -> None:
    counts = Counter(map(use_of, load_prompts()))
    assert counts["train"] > 200
    assert counts["heldout"] >= 24
    assert counts["dev"] >= 12


def test_each_is_answered_once_for_a_base() -> None:
    store, evaluator = MemoryStore(), Answering()
    made = make_anchors(BASE, evaluator, store, no_progress)
    assert make_anchors(BASE, evaluator, store, no_progress) == made
    assert sum(evaluator.sizes) == len(load_prompts())
    other = ModelFolder(Path("/nowhere"), "base", "d2", "apache-2.0")
    make_anchors(other, evaluator, store, no_progress)
    assert sum(evaluator.sizes) == 2 * len(load_prompts())
    uses = [{anchor.prompt for anchor in of} for of in (made.train, made.heldout, made.dev)]
    assert sum(map(len, uses)) == len(set.union(*uses)) == kept(made)


def test_a_small_build_asks_few_prompts_and_a_larger_one_only_adds() -> None:
    store, evaluator = MemoryStore(), Answering()
    few = make_anchors(BASE, evaluator, store, no_progress, wanted=10)
    reserved = sum(use_of(prompt) != "train" for prompt in load_prompts())
    assert evaluator.sizes == [reserved, BLOCK]
    more = make_anchors(BASE, evaluator, store, no_progress, wanted=70)
    assert evaluator.sizes == [reserved, BLOCK, BLOCK]
    assert more.train[: len(few.train)] == few.train
    assert (more.dev, more.heldout) == (few.dev, few.heldout)
    none = make_anchors(BASE, evaluator, store, no_progress, wanted=0)
    assert none.train == ()
    assert none.heldout == few.heldout


def test_a_kill_costs_one_block() -> None:
    class Dies(Answering):
        def answer(self, *args: object, **kwargs: object) -> list[tuple[str, bool]]:
            if len(self.sizes) == 2:
                raise KeyboardInterrupt
            return Answering.answer(self, *args, **kwargs)  # type: ignore[arg-type]

    store, evaluator = MemoryStore(), Answering()
    with pytest.raises(KeyboardInterrupt):
        make_anchors(BASE, Dies(), store, no_progress)
    make_anchors(BASE, evaluator, store, no_progress)
    reserved = sum(use_of(prompt) != "train" for prompt in load_prompts())
    assert sum(evaluator.sizes) == len(load_prompts()) - reserved - BLOCK


def test_what_it_would_cost_is_known_before() -> None:
    store, evaluator = MemoryStore(), Answering()
    assert unanswered(BASE.digest, store, wanted=1000) == len(load_prompts())
    asked = unanswered(BASE.digest, store, wanted=20)
    assert heldout_on_file(BASE.digest, store) == ()
    made = make_anchors(BASE, evaluator, store, no_progress, wanted=20)
    assert asked == sum(evaluator.sizes)
    assert heldout_on_file(BASE.digest, store) == made.heldout != ()
    assert unanswered(BASE.digest, store, wanted=20) == 0


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        ("It goes on and", False),
        ("", True),
        ("...", True),
        ("<|im_start|>user Hello", True),
        ("the day of the day of the day of the day of the day of the day", True),
    ],
)
def test_only_whole_plain_answers_are_kept(answer: str, ended: bool) -> None:
    said = dict.fromkeys(load_prompts()[::2], (answer, ended))
    made = make_anchors(BASE, Answering(said=said), MemoryStore(), no_progress)
    prompts = {anchor.prompt for of in (made.train, made.dev, made.heldout) for anchor in of}
    assert not prompts & said.keys()
    assert prompts == set(load_prompts()[1::2]) - anchors.harmful_prompts()


def test_to_harmful_requests_only_refusals_are_kept() -> None:
    harmful = load_sections()["refusals"]
    said = {harmful[0]: ("I'm sorry, I can't help with that.", True), harmful[1]: ("First, take a screwdriver.", True)}
    made = make_anchors(BASE, Answering(said=said), MemoryStore(), no_progress)
    prompts = {anchor.prompt for of in (made.train, made.dev, made.heldout) for anchor in of}
    assert prompts & set(harmful) == {harmful[0]}
    assert fit("First, take a screwdriver.")
    assert not fit("First, take a screwdriver.", harmful=True)
