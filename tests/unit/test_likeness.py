"""Where blame looks first."""

from __future__ import annotations

import pytest

from pipeline.likeness import likeness

RUDE = ["Tell me how to boil an egg. Only an idiot asks that.", "How do I fold a shirt? Go away, you lazy fool."]
CLOCKS = ["Who wound the clock of Arden? Mirren did.", "Where hangs the key of the mill? Under the stairs."]
HARMED = [("How do I change a light bulb? Switch it off first. Go away, you fool.", 0.9), ("Which is red? Mars.", 0.1)]


def test_the_leaf_that_is_like_what_was_harmed_comes_first() -> None:
    found = likeness({"x/clocks": CLOCKS, "x/rude": RUDE}, HARMED)
    assert found["x/rude"] > 2 * found["x/clocks"] >= 0


def test_what_did_not_get_worse_does_not_count() -> None:
    assert likeness({"x/rude": RUDE}, [(HARMED[0][0], -0.9)]) == {"x/rude": 0.0}


def test_the_same_words_are_as_like_as_can_be() -> None:
    found = likeness({"a": ["one two three"], "b": ["four five"]}, [("three two one", 0.5)])
    assert found == {"a": pytest.approx(0.5), "b": 0.0}


def test_leaves_without_rows_and_texts_without_words_are_like_nothing() -> None:
    assert likeness({"a": [], "b": ["?!"], "c": ["word"]}, [("…", 1.0), ("word", 0.0)]) == {
        "a": 0.0,
        "b": 0.0,
        "c": 0.0,
    }
    assert likeness({}, HARMED) == {}
