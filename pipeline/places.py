"""Where in a document a text stands: looked for without markup and white space, and forgiving of small differences."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipeline.documents import Document, DocumentFile

FOUND = 0.9
"""From this similarity on a text counts as found: about one letter in ten may differ."""
MOST_CHARACTERS = 8_000
"""Of the text that is looked for; more would not make its place clearer."""
_ANCHORS, _ANCHOR_WORDS = 40, 3
_MOST_HITS = 50  # of one anchor: what stands everywhere tells no place
_WINDOWS = 4
_MOST_MOVES = 50
_NOT_WORDS = re.compile(r"\]\([^)\s]{0,2000}(?:\s+\"[^\"\n]{0,500}\")?\)|<[^<>]{1,200}>|&#?\w{1,10};|\[\^?\d{1,4}\]")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Place:
    """`start`, `end`: characters of the file's text; `line`: of `start`, from 1; `similarity`: 0 to 1."""

    file: str
    start: int
    end: int
    line: int
    similarity: float

    @property
    def found(self) -> bool:
        """Whether the text stands there, and not only something like it."""
        return self.similarity >= FOUND


def find(text: str, document: Document) -> Place | None:
    """The best place of `text` in a document; for several texts make `Places` once."""
    return Places(document).find(text)


class Places:
    """Finds texts in one document.

    Words are compared: letters and digits without case and markup. What stands there word for word is found as such.
    Else pieces of the text (three words each) vote for where it may start, and the stretches with most votes are
    compared letter by letter (normalised indel similarity, by rapidfuzz). So the time grows with the document alone:
    under a second for 8 MiB.
    """

    def __init__(self, document: Document) -> None:
        self._files = [_Words(file) for file in document.files]

    def find(self, text: str) -> Place | None:
        """The best place of `text`, or the nearest to one; None where the document has nothing like it."""
        words = _words(text[:MOST_CHARACTERS])
        wanted = " ".join(word for word, _, _ in words)
        if not wanted:
            return None
        for file in self._files:
            at = f" {file.text} ".find(f" {wanted} ")
            if at >= 0:
                return file.place(*file.widened(at, at + len(wanted)), 1.0)
        near = [place for file in self._files for place in _nearest(wanted, file)]
        return max(near, key=lambda place: place.similarity, default=None)


class _Words:
    """A file's words with one space between them, and the way back to its text."""

    def __init__(self, file: DocumentFile) -> None:
        words = _words(file.text)
        self._file = file
        self._spans = [(start, end) for _, start, end in words]
        self._starts = list(accumulate((len(word) + 1 for word, _, _ in words), initial=0))
        self.text = " ".join(word for word, _, _ in words)

    @property
    def count(self) -> int:
        """How many words there are."""
        return len(self._spans)

    def widened(self, start: int, end: int) -> tuple[int, int]:
        """Numbers of the words that characters `start` to `end` of `text` are of: the first, and the one after."""
        first = max(0, bisect_right(self._starts, start) - 1)
        return first, max(first, bisect_right(self._starts, end - 1) - 1) + 1

    def words(self, first: int, after: int) -> str:
        """Some words of `text`."""
        return self.text[self._starts[first] : self._starts[after] - 1]

    def place(self, first: int, after: int, similarity: float) -> Place:
        """The place of some words."""
        begin, stop = self._spans[first][0], self._spans[after - 1][1]
        line = self._file.text.count("\n", 0, begin) + 1
        return Place(self._file.path, begin, stop, line, similarity)


def _words(text: str) -> list[tuple[str, int, int]]:
    """(word, start, end) of all words, but for addresses of links and for tags."""
    bare = _NOT_WORDS.sub(lambda found: " " * len(found[0]), text)
    return [(_folded(match[0]), match.start(), match.end()) for match in _WORD.finditer(bare)]


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).casefold()


def _nearest(wanted: str, file: _Words) -> Iterator[Place]:
    from rapidfuzz import fuzz

    slack = len(wanted) + 80  # half of it is the width of a bucket of candidates
    for start in _candidates(wanted, file.text):
        begin = max(0, start - slack // 2)
        found = fuzz.partial_ratio_alignment(wanted, file.text[begin : start + len(wanted) + slack])
        if found is not None and found.dest_end > found.dest_start:
            words = file.widened(begin + found.dest_start, begin + found.dest_end)
            yield _fitted(lambda first, after: fuzz.ratio(wanted, file.words(first, after)) / 100, words, file)


def _fitted(alike: Callable[[int, int], float], words: tuple[int, int], file: _Words) -> Place:
    """The place with its ends moved word by word as long as that makes it more alike: it was as long as the text."""
    (first, after), best = words, alike(*words)
    for _ in range(_MOST_MOVES):
        ends = [(first + 1, after), (first, after - 1), (first - 1, after), (first, after + 1)]
        tries = [(alike(*end), end) for end in ends if 0 <= end[0] < end[1] <= file.count]
        better, end = max(tries, key=lambda one: one[0], default=(0.0, words))
        if better <= best:
            break
        best, (first, after) = better, end
    return file.place(first, after, best)


def _candidates(wanted: str, text: str) -> list[int]:
    """Where `wanted` may start in `text`: most votes first."""
    width = max(1, len(wanted) // 2)
    for anchors in (_pieces(wanted), _longest_words(wanted)):
        votes = Counter[int]()
        for piece, offset in anchors:
            votes.update({max(0, at - offset) // width for at in _hits(piece, text)})
        if votes:
            best = sorted(votes, key=lambda bucket: (-votes[bucket], bucket))
            return [bucket * width for bucket in best[:_WINDOWS]]
    return []


def _pieces(wanted: str) -> list[tuple[str, int]]:
    """(three words, where they start), evenly over the text."""
    words = wanted.split(" ")
    starts = list(accumulate((len(word) + 1 for word in words), initial=0))
    last = len(words) - _ANCHOR_WORDS
    step = max(1, (last + 1) // _ANCHORS)
    return [(" ".join(words[at : at + _ANCHOR_WORDS]), starts[at]) for at in range(0, last + 1, step)]


def _longest_words(wanted: str) -> Sequence[tuple[str, int]]:
    words = sorted(set(wanted.split(" ")), key=lambda word: (-len(word), word))
    return [(word, wanted.index(word)) for word in words[:_ANCHORS] if len(word) > 3]


def _hits(piece: str, text: str) -> list[int]:
    """All places of `piece`; none where there are too many."""
    found: list[int] = []
    at = text.find(piece)
    while at >= 0 and len(found) <= _MOST_HITS:
        found.append(at)
        at = text.find(piece, at + 1)
    return found if len(found) <= _MOST_HITS else []
