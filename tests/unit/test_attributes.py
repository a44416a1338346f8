"""The attribute plan: what roots are asked to be like, and what an edit of the leaf changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.flows.attributes import ANGLES, DIFFICULTIES, FORMATS, persona, plan, usable, wording
from pipeline.flows.model import Material
from tests.unit import leaves
from validators import QA, Seed, Span

ROOTS = range(400)


def material(*, task: str = "", path: str = "", questions: tuple[str, ...] = ()) -> Material:
    leaf = leaves.freeform(count=8)
    seeds = tuple(Seed(at, "", (QA(text, "Words."),), Span()) for at, text in enumerate(questions)) or leaf.seeds
    leaf = replace(leaf, task_description=task, path=path or "compositional_skills/x", seeds=seeds)
    return leaves.material(leaf) if not questions else Material(leaf, seeds, ())


def test_a_plan_is_the_same_each_time_and_all_values_occur_about_equally_often() -> None:
    made = [plan(material(), root, "freeform") for root in ROOTS]
    assert made == [plan(material(), root, "freeform") for root in ROOTS]
    for name, table in (("difficulty", DIFFICULTIES), ("format", FORMATS), ("angle", ANGLES)):
        counts = Counter(attributes[name] for attributes, _ in made)
        assert set(counts) == set(table)
        assert min(counts.values()) > 0.5 * len(ROOTS) / len(table)
    assert Counter(len(seeds) for _, seeds in made).keys() == {1, 2, 3}
    assert made != [plan(material(), root, "grounded") for root in ROOTS], "flows do not draw alike"


def test_a_plan_shows_open_seeds_alone_in_their_order() -> None:
    held = {seed.index for seed in material().held}
    shown = [[seed.index for seed in plan(material(), root, "freeform")[1]] for root in ROOTS]
    assert held
    assert not held & {index for indexes in shown for index in indexes}
    assert {index for indexes in shown for index in indexes} == {seed.index for seed in material().open}
    assert all(indexes == sorted(set(indexes)) for indexes in shown)


def test_an_edited_seed_changes_the_roots_that_show_it_and_no_other() -> None:
    before = material()
    edited = before.open[1]
    text = QA("What is a peavey for?", edited.pairs[0].answer)
    opened = tuple(replace(seed, pairs=(text,)) if seed is edited else seed for seed in before.open)
    after = replace(before, open=opened)
    differing = {root for root in ROOTS if plan(before, root, "freeform") != plan(after, root, "freeform")}
    showing = {root for root in ROOTS if edited in plan(before, root, "freeform")[1]}
    assert differing == showing
    assert len(showing) == pytest.approx(len(ROOTS) * 2 / len(before.open), rel=0.25), "two of the open seeds a root"


def test_a_seed_more_enters_some_roots_and_leaves_the_others_as_they_were() -> None:
    before = material()
    added = Seed(99, "", (QA("What is a sextant for?", "A sextant is for finding latitude."),), Span())
    after = replace(before, open=(*before.open, added))
    for root in ROOTS:
        old, new = plan(before, root, "freeform")[1], plan(after, root, "freeform")[1]
        assert len(old) == len(new)
        assert set(new) - {added} <= set(old)
    entered = sum(added in plan(after, root, "freeform")[1] for root in ROOTS)
    assert 0 < entered < len(ROOTS) / 2


def test_a_pair_near_to_a_held_out_one_is_not_shown() -> None:
    near = Seed(0, "", (QA("What is a rasp for, then?", "Wood."), QA("Who sharpens an adze?", "A smith.")), Span())
    far = Seed(1, "", (QA("Where do swallows spend the winter?", "In Africa."),), Span())
    held = Seed(2, "", (QA("What is a rasp for?", "Rough wood."),), Span())
    made = Material(material().leaf, (near, far), (held,))
    assert usable(made) == (replace(near, pairs=near.pairs[1:]), far)
    assert tuple(pair for seed in usable(made) for pair in seed.pairs) == tuple(pair for _, pair in made.pairs)


@pytest.mark.parametrize(
    ("task", "path", "expected"),
    [
        ("Write a limerick about a given animal", "compositional_skills/x", "creative"),
        ("", "compositional_skills/writing/freeform/poetry/haiku", "creative"),
        ("Assume the role of a person of the past and tell a story", "compositional_skills/x", "creative"),
        ("Extract the order number from an invoice", "compositional_skills/x", "precise"),
        ("", "compositional_skills/STEM/math/algebra", "precise"),
        ("Say what a tool is for", "compositional_skills/x", "precise"),
    ],
)
def test_the_persona_follows_task_and_folder(task: str, path: str, expected: str) -> None:
    assert persona(material(task=task, path=path)) == expected


def test_seeds_have_the_persona_s_casting_vote() -> None:
    poems = ("Write a poem about rain.", "Sing a song of salt.", "Calculate the sum of 3 and 4.")
    assert persona(material(questions=poems)) == "creative"
    assert persona(material(questions=poems[1:])) == "precise", "a tie among the seeds is precise"
    assert persona(material(task="Solve equations", questions=poems)) == "precise", "the task comes first"


def test_a_prompt_gets_words_for_the_names_of_a_plan() -> None:
    said = wording({"difficulty": "hard", "format": "direct", "angle": "work", "persona": "creative"})
    assert said["difficulty"] == DIFFICULTIES["hard"]
    assert said["angle"] == "work and trade"
    assert "writer" in str(said["persona"])
    assert set(wording({})) == {"persona"}, "a draft without a plan answers precisely"
    assert "expert" in str(wording({})["persona"])
