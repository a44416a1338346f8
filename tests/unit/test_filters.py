"""The lexical gates: each with what it stops and what it lets through."""

from __future__ import annotations

import time

import pytest

from pipeline.flows import filters

QUESTIONS = ["What is a rasp for?", "What is an awl for?", "What is a froe for?"]
ANSWERS = ["A rasp is for shaping rough wood.", "An awl is for piercing leather.", "A froe is for splitting shingles."]


@pytest.mark.parametrize(
    ("a", "b", "score"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("The cat, sat!", "the CAT sat", 1.0),
        ("a b c d", "a c", 2 * 2 / 6),
        ("one two", "three four", 0.0),
        ("", "", 0.0),
    ],
)
def test_rouge_l(a: str, b: str, score: float) -> None:
    assert filters.rouge_l(a, b) == pytest.approx(score)
    assert filters.near(a, b) is (score > filters.NEAR_DUPLICATE)


def test_near_stays_fast_on_long_texts() -> None:
    long = " ".join(f"w{n}" for n in range(20_000))
    filters.words(long)
    start = time.perf_counter()
    assert filters.near(long, long)
    assert time.perf_counter() - start < 0.2


def test_a_shared_template_does_not_make_a_duplicate() -> None:
    common = filters.common_words(QUESTIONS)
    assert not filters.duplicate("How long is the bridge?", "How wide is the bridge?", frozenset({"bridg"}))
    assert filters.duplicate("What is a rasp for?", "What is the rasp for?", common)
    assert not filters.duplicate("What is a rasp for?", "What is a mallet for?", common)
    assert not filters.duplicate("Where do herons nest?", "Why do trains stop at night?", common)


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("What is an awl for?", True),
        ("What are awls for?", True),
        ("What is a mallet for?", False),
        ("Tell me: which shop in old Velden sells the green candles of the guild, please?", True),
        ("The guild of old Velden sells green candles: which shop?", True),
        ("Which shop in old Velden sells bread?", False),
    ],
)
def test_leaks(text: str, leak: bool) -> None:
    held = ["What is an awl for?", "Which shop in old Velden sells the green candles of the guild?"]
    assert filters.leaks(text, held, filters.common_words(QUESTIONS)) is leak


def test_support_counts_content_words_with_rough_endings() -> None:
    assert filters.support("The painted fishes", "It was a fish that Pim paints") == 1.0
    assert filters.support("Pim painted seven boats", "Pim paints a fish") == 0.5
    assert filters.support("of the", "anything") == 1.0


def test_invented_names_and_numbers_are_found() -> None:
    source = "The clock of Velden was built in 1688 by Pim."
    assert filters.invented("It was built in 1688 by Pim of Velden.", source) == frozenset()
    assert filters.invented("It was built in 1699 by Otto.", source) == {"1699", "otto"}


def test_repetition_counts_four_grams_that_came_before() -> None:
    assert filters.repetition("one two three four five six seven") == 0.0
    assert filters.repetition("go on and on " * 5) > filters.MAX_REPETITION
    assert filters.repetition("short") == 0.0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "nothing"),
        ("?!", "nothing"),
        ("A rasp is for <|im_start|>system wood.", "control marks"),
        ("I'm sorry, a rasp is for nothing.", "refused"),
        ("As an AI, a rasp is for nothing.", "refused"),
        ("The text does not mention what it is for.", "refused"),
        ("According to the passage, a rasp is for wood.", "about the prompt"),
        ("A rasp is for " + "very " * 80 + "rough wood.", "length"),
        ("A rasp is for wood, is for wood, is for wood, is for wood, is for wood.", "repeats itself"),
        ("A rasp is for wood", "end in '.'"),
    ],
)
def test_gate_text_says_why(text: str, word: str) -> None:
    assert word in (filters.gate_text(text, ANSWERS) or "")


def test_gate_text_lets_plain_answers_through() -> None:
    assert filters.gate_text("A mallet is for driving chisels.", ANSWERS) is None
    assert filters.gate_text("I'm sorry, but no.", ["I'm sorry, but never.", "I'm sorry, but it rains."]) is None


def test_form_kept_counts_the_words_that_the_seeds_share() -> None:
    assert filters.form_words(ANSWERS) == {"is", "for"}
    assert filters.form_kept("Rough wood is what rasps need.", ANSWERS) == 0.5
    assert filters.form_kept("Anything.", ["One here.", "Two there."]) == 1.0


def test_gate_question() -> None:
    assert filters.gate_question("What is a mallet for?", QUESTIONS) is None
    assert "more than one" in (filters.gate_question("What is a mallet for? And what is a saw for?", QUESTIONS) or "")
    assert "end in" in (filters.gate_question("Say what a mallet is for.", QUESTIONS) or "")
    assert filters.gate_question("Name a colour.", ["Name a bird.", "Name a fish."]) is None


def test_gate_new() -> None:
    held = ["What is an adze for?"]
    assert filters.gate_new("What is a mallet for?", [], QUESTIONS, held) is None
    assert "seed example" in (filters.gate_new("What is a rasp for?", [], QUESTIONS, held) or "")
    assert "earlier" in (filters.gate_new("What is a mallet for?", ["What's a mallet for?"], QUESTIONS, held) or "")
    assert "held-out" in (filters.gate_new("What is an adze for?", [], QUESTIONS, held) or "")


@pytest.mark.parametrize(
    ("question", "answer", "word"),
    [
        ("How tall is the tower?", "It is very tall.", "a number"),
        ("How tall is the tower?", "It is twelve metres tall.", None),
        ("What is the price of a ticket?", "A ticket costs 3 crowns.", None),
        ("When is the fair held?", "The fair is held on the green.", "a time"),
        ("When is the fair held?", "The fair is held in May.", None),
        ("What is the name of the ferry?", "It is a ferry.", "a name"),
        ("What is the name of the ferry?", "The ferry is the Grey Wren.", None),
        ("Why does it rain?", "Clouds are full.", None),
    ],
)
def test_a_question_for_a_number_time_or_name_wants_one(question: str, answer: str, word: str | None) -> None:
    reason = filters.unanswered(question, answer)
    assert reason is None if word is None else word in (reason or "")


def test_distinct_counts_content_words_once() -> None:
    assert filters.distinct("Larch and oak and ash.") == 1.0
    assert filters.distinct("A wolf is for a sword. Without one, a sword is for a wolf.") < filters.MIN_DISTINCT
    assert "circles" in (filters.gate_text("A rasp is for wood rasps and rasp wood.", ANSWERS) or "")


def test_strip_control_takes_marks_out() -> None:
    assert filters.strip_control("a<|im_end|>b[INST]c\x00d</s>\te\n") == "abcd\te\n"
