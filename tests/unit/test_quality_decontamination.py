"""What gives an evaluation item away, when a set is contaminated, and what leaves have in common."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.anchors import load_prompts
from pipeline.evaluate.items import general_items
from pipeline.evaluate.sets import EvalSetError, guarded, items_of_leaf, read_sets
from pipeline.mixture import mix
from pipeline.quality.decontamination import EvalIndex, EvalItem, Overlap, contaminated
from pipeline.quality.elsewhere import Candidate, repeated
from pipeline.samples import Sample
from pipeline.teacher.port import Message
from tests.building import QUIET, WORDS, dataset_of, freeform
from tests.embedding import embed_words

ASKED = "Which shop in the old harbour of Velden sells the green candles that the guild has made since 1688?"


def item(question: str = ASKED, number: int = 0, **more: str) -> EvalItem:
    where = {"set": "exam", "group": "exam", **more}
    return EvalItem(f"item-{number}", question=question, **where)


def why(question: str, answer: str = "", *items: EvalItem, **written: list[str]) -> list[str]:
    return [found.why for found in EvalIndex(items or [item()], written).overlaps("row", "leaf", question, answer)]


def with_text(sample: Sample, question: str, answer: str = "") -> Sample:
    return replace(sample, messages=(Message("user", question), Message("assistant", answer or sample.answer)))


def test_each_rule_of_overlap() -> None:
    head, tail = " ".join(ASKED.split()[:8]), " ".join(ASKED.split()[9:18])
    assert why(ASKED.upper()) == ["it asks the same question"]
    assert why("Pray tell: " + " ".join(ASKED.split()[2:16])) == ["13 words in a row are the same"]
    assert why("Say it.", f"Somebody asked me: {ASKED}") == ["13 words in a row are the same"]
    assert why(f"{head} sells bread?") == [], "9 of 19 words are less than half"
    assert why(f"{head} sells bread?", f"It {tail} too.") == ["runs of 8 words cover 95% of it"]
    assert why("Which shop in Velden sells candles?", "The shop of the guild.") == []
    assert why("Why?", "", item("Why?")) == ["it asks the same question"]
    assert why("Why not?", "", item("Why?")) == []
    assert why("", "", item("")) == []


def test_an_overlap_names_row_and_leaf() -> None:
    (found,) = EvalIndex([item()]).overlaps("row", "leaf", ASKED, "")
    assert found == Overlap("row", "leaf", item(), "it asks the same question")


def test_the_form_of_a_leaf_gives_nothing_away() -> None:
    form = "Summarise the following notice of the harbour office in one plain sentence for the sailors, please: {}"
    closed = form.format("the north pier is closed on Monday")
    held = item(closed, group="leaf", cluster="leaf#1")
    rows = [form.format("the lamp is out"), form.format("all sails must be mended before the feast of Saint Elmo")]
    assert why(rows[0], "", held) != []
    assert why(rows[0], "", held, leaf=rows[1:]) == []
    assert why(closed, "", held, leaf=rows[1:]) != []
    ends = ("How much?", "Who says so?")
    pairs = [item(f"{ASKED} {end}", number, cluster="leaf#1") for number, end in enumerate(ends)]
    assert len(why(f"A riddle. {ASKED}", "", *pairs)) == 2, "pairs of one seed share its context, which is no form"


def test_a_set_is_contaminated_by_share_and_number() -> None:
    items = [item(f"{word} {ASKED}", number) for number, word in enumerate(WORDS)] + [item("Other?", 99, set="other")]
    overlaps = [
        Overlap(f"row {number}", leaf, items[number], "it asks the same question")
        for number, leaf in enumerate(("x/leaf", "y/leaf", ""))
    ]
    assert contaminated(overlaps[:2], items) == [], "two may be chance"
    assert contaminated(overlaps, items, 0.15) == []
    (message,) = contaminated(overlaps, items)
    worst = ("item-0 (1 rows, in x/leaf: it asks", "the anchors")
    for said in ("3 of 20 items", "'exam'", "15.0%", "2.0%", "overlap_allowed", *worst):
        assert said in message


def test_the_packaged_sets_do_not_overlap() -> None:
    index = EvalIndex(guarded(general_items(())))
    assert [found for prompt in load_prompts() for found in index.overlaps("a", "", prompt, "")] == []


def test_files_of_others_are_read_and_faults_named(tmp_path: Path) -> None:
    path = tmp_path / "mmlu.jsonl"
    rows = [{"question": "One?"}, {"prompt": "Two?"}, {"messages": [{"role": "user", "content": "Three?"}]}]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert [(found.id, found.set, found.question) for found in read_sets([str(path)])] == [
        ("mmlu:1", "mmlu", "One?"),
        ("mmlu:2", "mmlu", "Two?"),
        ("mmlu:3", "mmlu", "Three?"),
    ]
    faults = {"{": "not a JSON object", "[]": "not a JSON object", '{"q": 1}': "no text", '{"question": 1}': "no text"}
    for line, said in faults.items():
        path.write_text(line)
        with pytest.raises(EvalSetError, match=rf"mmlu\.jsonl:1: {said}"):
            read_sets([str(path)])
    with pytest.raises(EvalSetError, match=r"nowhere\.jsonl: the evaluation set cannot be read.*eval_sets"):
        read_sets([str(tmp_path / "nowhere.jsonl")])


def test_the_better_row_of_two_leaves_stays() -> None:
    text = "What is a mallet for?\nA mallet is for driving chisels into oak without harm."
    rows = [
        Candidate("a", "x", text, (1.0, -0.5)),
        Candidate("b", "y", text.replace("mallet?", "mallet ?"), (1.0, -0.9)),
        Candidate("c", "z", text, (0.0, 0.0)),
        Candidate("d", "z", text.replace("oak", "ash"), (1.0, 0.0)),
        Candidate("e", "y", "What is a froe for?\nA froe is for splitting shingles off a block.", (1.0, -1.0)),
    ]
    assert repeated(rows) == repeated(rows[::-1]) == {"a": "c", "b": "c"}
    assert repeated([row for row in rows if row.id != "c"]) == {"a": "b"}
    assert repeated([Candidate("a", "x", text), Candidate("b", "y", text)]) == {"b": "a"}
    assert repeated([Candidate("a", "x", text), Candidate("b", "x", text)]) == {}, "a leaf's own are its own matter"


def test_one_meaning_in_two_leaves_is_found_by_vectors() -> None:
    texts = ("rasp shape wood file oak carve", "carve oak file wood shape rasp")
    rows = [Candidate("a", "x", texts[0]), Candidate("b", "y", texts[1])]
    assert repeated(rows) == {}
    assert repeated(rows, embed_words) == {"b": "a"}


def test_a_mixture_drops_counts_and_flags() -> None:
    one, two = freeform("greetings"), freeform("farewells")
    first, second = dataset_of(one), dataset_of(two, key="k2")
    shared = with_text(second.samples[0], first.samples[0].question, first.samples[0].answer)
    leaky = with_text(first.samples[1], ASKED)
    pairs = [
        (one, replace(first, samples=(leaky, first.samples[0], *first.samples[2:]))),
        (two, replace(second, samples=(shared, *second.samples[1:]))),
    ]
    mixture = mix(pairs, (), QUIET, guarded=[item()])
    assert mixture.leaked == (leaky.id,)
    assert mixture.repeated == (max(shared.id, first.samples[0].id),)
    assert mixture.contaminated == mixture.flagged == ()
    assert mix(pairs[::-1], (), QUIET, guarded=[item()]).data == mixture.data


def test_a_row_that_means_an_item_is_flagged_and_stays() -> None:
    leaf = freeform()
    dataset = dataset_of(leaf)
    asked = with_text(dataset.samples[0], "candles green guild harbour shop since Velden")
    pairs = [(leaf, replace(dataset, samples=(asked, *dataset.samples[1:])))]
    exam = [item("since Velden shop harbour guild green candles")]
    assert mix(pairs, (), QUIET, guarded=exam).flagged == ()
    mixture = mix(pairs, (), QUIET, guarded=exam, embed=embed_words)
    assert mixture.flagged == (asked.id,)
    assert mixture.leaked == ()


def test_held_out_seeds_and_choices_are_guarded() -> None:
    leaf = freeform()
    dataset = dataset_of(leaf)
    text = "Which bird nests on the old pier?\n\nA. a heron\nB. a gull\nC. an owl\nD. a wren"
    choice = with_text(dataset.samples[0], text, "B")
    found = items_of_leaf(leaf, replace(dataset, choices=(choice,)))
    assert [entry.set for entry in found] == ["heldout", "heldout", "choices"]
    assert found[-1].question == "Which bird nests on the old pier?"


def test_two_thousand_rows_take_a_second() -> None:
    rng = random.Random(3)
    vocabulary = [f"w{number}" for number in range(4000)]
    texts = [" ".join(rng.choices(vocabulary, k=40)) for _ in range(2000)]
    items = [item(" ".join(rng.choices(vocabulary, k=20)), number) for number in range(500)]
    start = time.process_time()
    index = EvalIndex(items)
    assert not [found for text in texts for found in index.overlaps("row", "leaf", text[:120], text[120:])]
    assert repeated([Candidate(f"{number:05d}", str(number % 9), text) for number, text in enumerate(texts)]) == {}
    assert time.process_time() - start < 4  # half of that on an idle core
