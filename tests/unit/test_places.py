"""Places: a seed's context is found in its document through markup, line breaks and small differences."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.documents import Document, DocumentFile
from pipeline.places import MOST_CHARACTERS, Place, Places, find

GUIDE = """# Tarn Skerry

Tarn Skerry is an *island* in the [northern lake](https://example.org/lake "The lake"), two miles
off the village of Holm.  Its lighthouse[^1] was built in 1871 &mdash; by hand.

| Year | Keeper |
|------|--------|
| 1871 | Ada    |

The keeper’s house has **three rooms**; the well lies behind it.
"""


def document(*texts: str) -> Document:
    files = tuple(DocumentFile(f"{n}.md", text, str(n)) for n, text in enumerate(texts))
    return Document("https://host/r", "ab" * 20, files)


def place(text: str, *texts: str) -> Place:
    found = find(text, document(*texts))
    assert found is not None
    return found


def test_markup_and_line_breaks_do_not_count() -> None:
    found = place("an island in the northern lake, two miles off the village of Holm. Its lighthouse", "Other.", GUIDE)
    assert (found.file, found.line, found.similarity, found.found) == ("1.md", 3, 1.0, True)
    assert GUIDE[found.start : found.end].startswith("an *island*")
    assert GUIDE[found.start : found.end].endswith("Its lighthouse")
    assert place("lighthouse was built in 1871 by hand", GUIDE).found
    assert place("Year Keeper 1871 Ada", GUIDE).line == 6


def test_small_differences_are_forgiven_and_measured() -> None:
    found = place("The keepers house has got three rooms, and the well lies behnd it.", GUIDE)
    assert found.found
    assert 0.9 <= found.similarity < 1
    assert found.line == 10


def test_the_nearest_place_is_told_where_it_is_not_found() -> None:
    found = place("The keeper's house has eleven bedrooms, a stable, and a garden with apple trees in it.", GUIDE)
    assert not found.found
    assert found.line == 10


@pytest.mark.parametrize("text", ["", " \n", "***", "Entirely unrelated zebra quartz."])
def test_nothing_like_it_is_nowhere(text: str) -> None:
    assert find(text, document(GUIDE)) is None
    assert find("island", document()) is None


def test_whole_words_are_found() -> None:
    assert place("miles off the", GUIDE).similarity == 1.0
    assert not place("eepe", GUIDE).found


def test_letters_of_other_scripts_and_ligatures() -> None:
    assert place("Der Straßenbau eﬀektiv", "DER STRASSENBAU EFFEKTIV ist alt.").found
    assert place("一つの文。もう一つの文。", "前。一つの文。もう一つの文。後。").found


def test_a_large_document_takes_seconds_at_most() -> None:
    chance = random.Random(5)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(4000)]
    many = [chance.choice(words) for _ in range(1_300_000)]
    context = many[900_000:900_300]
    context[7::15] = ["changed"] * len(context[7::15])
    started = time.monotonic()
    places = Places(document(" ".join(many)))
    near, far = places.find(" ".join(context)), places.find(" ".join(chance.choices(words, k=300)))
    assert near is not None
    assert near.similarity > 0.85
    assert far is None or not far.found
    assert time.monotonic() - started < 60  # 4 on a quiet machine; it would be hours if it grew with both


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 100))
def test_places_lie_within_the_document(text: str, wanted: str, at: int) -> None:
    for looked_for in (wanted, text[at : at + 80], text):
        found = find(looked_for, document(text))
        if found is not None:
            assert 0 <= found.start < found.end <= len(text)
            assert 0 <= found.similarity <= 1
            assert text[: found.start].count("\n") == found.line - 1


def test_repetition_is_harmless() -> None:
    assert place("a b " * MOST_CHARACTERS, "a b " * (1 << 18)).found
