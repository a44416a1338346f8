"""Which passage of a document answers a question: lexical overlap, weighted by how rare each word is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log

PAIRS = 3
"""Fewest pairs that version 3 takes for a context."""
_MOST_PAIRS = 5
CONTEXTS = 5
"""Fewest contexts that version 3 takes."""
_WORDS = 300
"""Longest passage: stays below the 500 tokens that a context may have."""
_SHORT = 8
"""A paragraph of fewer words is a heading or a lead: it goes with what follows."""
_POSTINGS = 64
"""A word that stands in more passages tells nothing; ignoring it keeps the work linear."""
_SUPPORT = 0.2
"""Least share of a pair's word weights that its passage must hold."""
_STEM = 6

_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
# What YAML cannot hold, and marks that only say how bytes were ordered.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Found:
    """A passage, as it stands in the document, and the pairs that it answers, by index."""

    passage: str
    pairs: list[int]


def passages(document: str) -> list[str]:
    """The document cut at empty lines; headings go with their text, long paragraphs are cut at sentences."""
    text = _UNPRINTABLE.sub("", "\n".join(line.rstrip() for line in document.splitlines())).strip("\n")
    cut: list[str] = []
    start = last = words = 0
    for match in [*_BLANK.finditer(text), None]:
        end = match.start() if match else len(text)
        words += len(_WORD.findall(text, last, end))
        last = end
        if words >= _SHORT or (match is None and words):
            cut += _pieces(text[start:end].strip("\n"))
            start, words = end, 0
    return cut


def _pieces(paragraph: str) -> Iterator[str]:
    """A paragraph in pieces of at most about _WORDS words, each as it stands."""
    start = words = last = 0
    for match in [*_SENTENCE.finditer(paragraph), None]:
        end = match.start() if match else len(paragraph)
        count = len(_WORD.findall(paragraph, last, end))
        if words and words + count > _WORDS:
            yield paragraph[start:last].rstrip()
            start, words = last, 0
        words += count
        last = match.end() if match else end
    yield paragraph[start:]


def find(pairs: Sequence[tuple[str, str]], document: str) -> tuple[list[Found], list[int]]:
    """(passages with their pairs, in the order of the document; pairs that no passage answers).

    Each passage has at most five pairs, and three or more where neighbours could be joined without going below five
    contexts. Same inputs, same result; linear in pairs and document.
    """
    parts = passages(document)
    homes = _homes(pairs, parts)
    by_part: dict[int, list[int]] = {}
    for pair, home in enumerate(homes):
        if home is not None:
            by_part.setdefault(home, []).append(pair)
    runs = [(part, part, members) for part, members in sorted(by_part.items())]
    found = [
        Found("\n\n".join(parts[first : last + 1]), few)
        for first, last, members in _joined(runs, parts)
        for few in _portions(members)
    ]
    return found, [pair for pair, home in enumerate(homes) if home is None]


def _homes(pairs: Sequence[tuple[str, str]], parts: Sequence[str]) -> list[int | None]:
    """For each pair the passage that answers it best, or None."""
    stems = [set(_stems(part)) for part in parts]
    postings: dict[str, list[int]] = {}
    for index, found in enumerate(stems):
        for stem in sorted(found):
            postings.setdefault(stem, []).append(index)
    mean = sum(map(len, stems)) / max(len(stems), 1) or 1.0
    # Of two passages that say the same, the shorter says it more plainly.
    handicap = [0.75 + 0.25 * len(found) / mean for found in stems]
    return [_home(pair, postings, handicap) for pair in pairs]


def _home(pair: tuple[str, str], postings: dict[str, list[int]], handicap: Sequence[float]) -> int | None:
    held: dict[int, float] = {}
    total = 0.0
    for stem in sorted(set(_stems(" ".join(pair)))):
        places = postings.get(stem, ())
        if len(places) > _POSTINGS:
            continue
        weight = log(1 + len(handicap) / (len(places) + 0.5))
        total += weight
        for place in places:
            held[place] = held.get(place, 0.0) + weight
    if not held:
        return None
    best = min(held, key=lambda place: (-held[place] / handicap[place], place))
    return best if held[best] >= _SUPPORT * total else None


def _stems(text: str) -> Iterable[str]:
    """Words without case and endings: the first letters; numbers whole."""
    for word in _WORD.findall(text.casefold()):
        yield word if word.isdigit() else word[:_STEM]


def _joined(runs: list[tuple[int, int, list[int]]], parts: Sequence[str]) -> list[tuple[int, int, list[int]]]:
    """Neighbouring passages made one where that brings a context to three pairs and leaves five contexts."""
    spare = len(runs) - CONTEXTS
    kept: list[tuple[int, int, list[int]]] = []
    for index, run in enumerate(runs):
        before = kept[-1] if kept else None
        few = before is not None and (len(before[2]) < PAIRS or (index == len(runs) - 1 and len(run[2]) < PAIRS))
        if before and few and spare > 0 and _fit(before, run, parts):
            kept[-1] = (before[0], run[1], before[2] + run[2])
            spare -= 1
        else:
            kept.append(run)
    return kept


def _fit(left: tuple[int, int, list[int]], right: tuple[int, int, list[int]], parts: Sequence[str]) -> bool:
    """Whether two runs of passages, with what stands between them, may be one context."""
    if len(left[2]) + len(right[2]) > _MOST_PAIRS or right[1] - left[0] > 2 * _MOST_PAIRS:
        return False
    return sum(len(_WORD.findall(part)) for part in parts[left[0] : right[1] + 1]) <= _WORDS


def _portions(members: list[int]) -> Iterator[list[int]]:
    """At most five pairs each, as even as can be."""
    count = -(-len(members) // _MOST_PAIRS)
    for index in range(count):
        yield sorted(members)[index * len(members) // count : (index + 1) * len(members) // count]
