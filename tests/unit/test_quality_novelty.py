"""What repeats an earlier text of its leaf, by which look, and what does not."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality.lexical import common_words, duplicate
from pipeline.quality.novelty import REPEATS, Novelty
from pipeline.quality.shingles import NEAR, Shingles, shingles
from pipeline.quality.vectors import Vectors
from pipeline.quality.wording import Wording
from tests.embedding import embed_words

WORDS = ("rasp", "awl", "froe", "adze", "bridge", "is", "the", "of", "long", "wide")
LONG = " ".join(f"word{number}" for number in range(120))


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("what is a MALLET for", "(word for word)"),
        ("What is the mallet for?", "(ROUGE-L 0.80)"),
        (LONG.replace("word60 ", ""), "of the 5-word runs are the same)"),
        (f"{LONG} at the end", "(0.97 of the 5-word runs are the same)"),
        ("Where do herons nest?", None),
        ("", None),
    ],
)
def test_each_look_says_what_it_measured(text: str, measure: str | None) -> None:
    novelty = Novelty()
    for earlier in ("What is a mallet for?", LONG):
        assert novelty.reason(earlier) is None
        novelty.add(earlier)
    reason = novelty.reason(text)
    assert (
        reason is None if measure is None else reason is not None and reason.startswith(REPEATS) and measure in reason
    )


def test_a_shared_form_makes_no_duplicate() -> None:
    seeds = ["How old is the bridge of Velden?", "How far is the bridge of Velden?"]
    novelty = Novelty(common_words(seeds))
    novelty.add("How long is the bridge of Velden?")
    assert novelty.reason("How wide is the bridge of Velden?") is None
    assert "ROUGE-L" in (novelty.reason("How long is the bridge at Velden?") or "")


def test_a_long_shared_form_makes_no_duplicate_by_its_runs() -> None:
    form = "Read the letter of the guild with care and answer in one plain sentence: who is meant by the word {}?"
    novelty = Novelty(common_words([form.format("chandler"), form.format("cooper")]))
    novelty.add(form.format("fletcher"))
    assert novelty.reason(form.format("wainwright")) is None
    assert novelty.reason(form.format("fletcher") + " Say it.") is not None


def test_other_words_for_the_same_are_found_by_meaning() -> None:
    novelty = Novelty(embed=embed_words)
    novelty.add("rasp shape wood file oak carve")
    assert "in other words, cosine 1.00" in (novelty.reason("carve oak file wood shape rasp") or "")
    novelty.add("The 3 ferries leave Velden harbour")
    assert novelty.reason("harbour Velden leave ferries 4") is None, "another number is another question"
    assert Novelty().reason("carve oak file wood shape rasp") is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["rasp", "awl", "froe", "adze", "bridge", "is", "the", "of", "long", "wide"]), max_size=9
        ),
        max_size=9,
    )
)
def test_wording_finds_exactly_what_comparing_all_would(texts: list[list[str]]) -> None:
    common = frozenset({"bridg"})
    known = Wording(common)
    earlier: list[str] = []
    for text in (" ".join(said) for said in texts):
        wanted = next((number for number, other in enumerate(earlier) if duplicate(text, other, common)), None)
        found = known.duplicate_of(text)
        assert (found[0] if found else None) == wanted
        known.add(text)
        earlier.append(text)


def test_shingles_find_what_is_near_and_measure_it() -> None:
    known, texts = Shingles(), [LONG, LONG.replace("word7 ", "other "), "word1 word2", ""]
    for text in texts:
        known.add(text)
    near = dict(known.near(f"{LONG} more"))
    assert set(near) == {0, 1}
    for number, jaccard in near.items():
        own, other = shingles(f"{LONG} more"), shingles(texts[number])
        assert jaccard == len(own & other) / len(own | other) >= NEAR
    assert known.near("word2 word1") == []
    assert known.near("") == []
    known.add("a lone \ud800 surrogate")
    assert known.near("a lone \ud800 surrogate") == [(4, 1.0)]


def test_vectors_come_nearest_first() -> None:
    vectors = Vectors()
    assert list(vectors.near([1.0, 0.0], 0.5)) == []
    for _ in range(100):
        vectors.add([0.0, 1.0])
    vectors.add([0.8, 0.6])
    vectors.add([1.0, 0.0])
    assert list(vectors.near([1.0, 0.0], 0.5)) == [(101, 1.0), (100, 0.8)]


def test_two_thousand_texts_are_quick() -> None:
    rng = random.Random(7)
    rare, usual = [f"w{number}" for number in range(3000)], WORDS
    texts = [" ".join(rng.choices(rare, k=12) + rng.choices(usual, k=8)) for _ in range(2000)]
    novelty, start = Novelty(), time.process_time()
    kept = 0
    for text in texts:
        if novelty.reason(text) is None:
            novelty.add(text)
            kept += 1
    assert kept == 2000
    assert time.process_time() - start < 4  # half of that on an idle core
