"""Makes pipeline/data/general/arithmetic.jsonl: `python -m tests.general_arithmetic`. A test holds the two together."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.evaluate.general import FOLDER

PATH = FOLDER / "arithmetic.jsonl"
Row = dict[str, Any]

MEASURES = (
    ("How many minutes are there in an hour?", "There are {} minutes in an hour.", 60),
    ("How many hours are there in a day?", "There are {} hours in a day.", 24),
    ("How many hours are there in two days?", "There are {} hours in two days.", 48),
    ("How many centimetres are there in a metre?", "There are {} centimetres in a metre.", 100),
    ("How many grams are there in a kilogram?", "There are {} grams in a kilogram.", 1000),
    ("How many days are there in a leap year?", "There are {} days in a leap year.", 366),
    ("How many minutes are there in half an hour?", "There are {} minutes in half an hour.", 30),
    ("How many degrees does a right angle have?", "A right angle has {} degrees.", 90),
    ("How many sides does a triangle have?", "A triangle has {} sides.", 3),
    ("How many faces does a cube have?", "A cube has {} faces.", 6),
)
STORIES: tuple[tuple[str, str, Callable[[int, int], int]], ...] = (
    ("If I have {a} apples and buy {b} more, how many do I have?", "You have {c} apples.", lambda a, b: a + b),
    ("Tom has {a} coins and gives away {b}. How many coins are left?", "Tom has {c} coins left.", lambda a, b: a - b),
    ("A box holds {b} eggs. How many eggs are in {a} boxes?", "There are {c} eggs.", lambda a, b: a * b),
    ("There are {a} birds on a roof and {b} fly away. How many stay?", "{c} birds stay.", lambda a, b: a - b),
    ("A ticket costs {b} euros. How much do {a} tickets cost?", "They cost {c} euros.", lambda a, b: a * b),
    ("Mia reads {a} pages today and {b} tomorrow. How many is that?", "That is {c} pages.", lambda a, b: a + b),
)


def rows() -> list[Row]:
    """The items, the same each time; three of five have three other numbers to choose from."""
    rng = random.Random("the general suite's arithmetic, 3")
    made: dict[str, Row] = {}
    for question, answer, value in _sums(rng):
        if question not in made:
            made[question] = _row(question, answer, value, rng, choices=len(made) % 5 < 3)
    for question, answer, others in _picks(rng):
        made.setdefault(question, {"question": question, "answer": answer, "choices": list(others)})
    return list(made.values())


def _sums(rng: random.Random) -> Iterator[tuple[str, str, int]]:
    """(question, answer with a place for the number, number)."""
    for word, count in (("plus", 16), ("minus", 13), ("times", 13), ("divided by", 11)):
        for number in range(count):
            a, b, c = _operands(word, number, rng)
            yield f"What is {a} {word} {b}?", f"{a} {word} {b} is {{}}.", c
    for step in (2, 3, 5, 10, 4, -1, -2, 7):
        start = rng.randint(12, 20) if step < 0 else rng.randint(1, 9)
        run = [start + step * at for at in range(5)]
        yield f"Which number comes next: {', '.join(map(str, run[:4]))}?", "The next number is {}.", run[4]
    for question, answer, work in STORIES * 2:
        a, b = rng.randint(6, 12), rng.randint(2, 5)
        yield question.format(a=a, b=b), answer.replace("{c}", "{}"), work(a, b)
    for word, part in (("half", 2), ("a third", 3), ("a fifth", 5), ("half", 2)):
        whole = part * rng.randint(4, 15)
        yield f"What is {word} of {whole}?", f"{word.capitalize()} of {whole} is {{}}.", whole // part
    for share, whole in ((50, 60), (25, 80), (10, 90), (20, 50)):
        yield f"What is {share} percent of {whole}?", f"{share} percent of {whole} is {{}}.", whole * share // 100
    yield from MEASURES


def _operands(word: str, number: int, rng: random.Random) -> tuple[int, int, int]:
    """Small numbers in the first half, larger ones in the second."""
    most = 9 if number % 2 == 0 else 12 if word in ("times", "divided by") else 60
    a, b = rng.randint(2, most), rng.randint(2, most)
    if word == "plus":
        return a, b, a + b
    if word == "minus":
        return a + b, b, a
    return (a, b, a * b) if word == "times" else (a * b, b, a)


def _picks(rng: random.Random) -> Iterator[tuple[str, str, Sequence[str]]]:
    """(question, right answer, wrong ones) where there are two answers only."""
    for most in (9, 20, 50, 100, 500, 1000):
        low, high = sorted(rng.sample(range(1, most), 2))
        first, second = rng.sample((low, high), 2)
        yield (
            f"Which is larger, {first} or {second}?",
            f"{high} is larger than {low}.",
            [f"{low} is larger than {high}."],
        )
    for number in rng.sample(range(10, 60), 4):
        right, wrong = ("odd", "even") if number % 2 else ("even", "odd")
        yield (
            f"Is {number} an even or an odd number?",
            f"{number} is an {right} number.",
            [f"{number} is an {wrong} number."],
        )


def _row(question: str, answer: str, value: int, rng: random.Random, *, choices: bool) -> Row:
    row: Row = {"question": question, "answer": answer.format(value)}
    if choices:
        near = [other for other in (value - 2, value - 1, value + 1, value + 2, value + 3, value + 10) if other > 0]
        row["choices"] = [answer.format(other) for other in rng.sample(near, 3)]
    return row


def text() -> str:
    """The file's content."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
