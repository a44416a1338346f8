"""Passages: pieces of a text that a question can be asked about, with the place that they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.reading.markup import plain

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)|\n(?=#)")
_NOT_PROSE = re.compile(r"^\s*(!\[|<|\$\$|[-=*_]{3,}\s*$)")
_HEADING = re.compile(r"^\s*#{1,6}\s+(.*?)\s*#*\s*$")
MIN_WORDS, MAX_WORDS = 5, 60
MAX_CHARACTERS = 2000  # of a piece; the markup patterns take time quadratic in it
_LEANS_BACK = re.compile(r"(it|its|they|their|he|his|she|her|this|these|those|such|both|there)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence to ask about (`focus`), and what makes it clear (`fact`): its heading, and, where it starts with a
    pronoun, the sentence before.

    `quote`: the fact without its heading. `start`, `end`: the characters of its source that `quote` spans. `source`:
    `repo@commit:path`, or "" for a seed context. `seed`: index of the seed whose context it is, -1 for a document.
    """

    fact: str
    focus: str
    start: int
    end: int
    source: str = ""
    seed: int = -1
    heading: str = ""

    @property
    def quote(self) -> str:
        """The fact without its heading."""
        return self.fact.removeprefix(f"{self.heading}: ") if self.heading else self.fact


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence without markup, the heading above it, and its characters in the source."""

    text: str
    heading: str
    start: int
    end: int


def sentences(text: str) -> list[Sentence]:
    """The prose sentences of a plain or Markdown text; tables, code and pictures are left out."""
    found: list[Sentence] = []
    heading = ""
    masked = _without_blocks(text)
    for start, end in _pieces(masked):
        raw = masked[start:end]
        if len(raw) > MAX_CHARACTERS:
            continue
        title = _HEADING.match(raw)
        if title:
            heading = plain(title.group(1))
        elif not _NOT_PROSE.match(raw):
            found.append(Sentence(plain(raw), heading, start, end))
    return found


def _without_blocks(text: str) -> str:
    """`text` with code blocks and table rows blanked out, each character in its place."""
    lines, fence = [], ""
    for line in text.splitlines(keepends=True):
        mark = line.lstrip()[:3]
        closing = bool(fence) and mark == fence
        if fence or mark in ("```", "~~~") or mark.startswith("|"):
            fence = "" if closing else fence or (mark if mark in ("```", "~~~") else "")
            ending = line[len(line.rstrip("\r\n")) :]
            line = " " * (len(line) - len(ending)) + ending
        lines.append(line)
    return "".join(lines)


def passages(text: str, *, source: str = "", seed: int = -1) -> list[Passage]:
    """One passage for each sentence of `text` that is worth a question, in the order of the text."""
    all_of = sentences(text)
    return [
        _window(all_of, at, source, seed)
        for at, sentence in enumerate(all_of)
        if MIN_WORDS <= len(sentence.text.split()) <= MAX_WORDS and not sentence.text.endswith((":", "?"))
    ]


def _window(all_of: list[Sentence], at: int, source: str, seed: int) -> Passage:
    first = own = all_of[at]
    if at and _LEANS_BACK.match(own.text) and all_of[at - 1].heading == own.heading:
        first = all_of[at - 1]
    body = own.text if first is own else f"{first.text} {own.text}"
    fact = f"{own.heading}: {body}" if own.heading else body
    return Passage(fact, own.text, first.start, own.end, source, seed, own.heading)


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for match in _END.finditer(text):
        yield from _trimmed(text, at, match.start())
        at = match.end()
    yield from _trimmed(text, at, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + piece.index(stripped[0])
        yield begin, begin + len(stripped)
