"""Multiple-choice items as rows: question and lettered options in the user's turn, the right letter after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTERS = ("A", "B", "C", "D")
_OPTIONS = re.compile(
    r"\A(?P<question>.+)\n\n" + "\n".join(rf"{letter}\. (?P<{letter}>[^\n]+)" for letter in LETTERS) + r"\Z", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One item: four different options of one line each, of which `right` (0 to 3) is right."""

    question: str
    options: tuple[str, ...]
    right: int

    @property
    def letter(self) -> str:
        """The right letter: the row's answer."""
        return LETTERS[self.right]

    @property
    def text(self) -> str:
        """Question and options as a row's user turn holds them."""
        return "\n".join(
            [self.question, "", *(f"{letter}. {one}" for letter, one in zip(LETTERS, self.options, strict=True))]
        )


def parse_choice(text: str, letter: str) -> Choice:
    """The item of a row that `Choice.text` and `Choice.letter` made. Raises `ValueError` for another row."""
    match = _OPTIONS.match(text)
    if match is None or letter not in LETTERS:
        raise ValueError(f"not a question with the options A to D and one of these letters: {text[:60]!r}, {letter!r}")
    return Choice(match["question"], tuple(match[one] for one in LETTERS), LETTERS.index(letter))
