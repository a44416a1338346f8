"""The gate on verbatim leaks: a row that is mostly a copy teaches to recite, and carries the copied work's licence."""

from __future__ import annotations

from functools import lru_cache

from pipeline.quality.lexical import words
from pipeline.quality.rows import Row, SeedTexts

# Carlini et al. (arXiv 2202.07646) call 50 tokens in a row memorised; so do we with words, which is the milder bound.
MOST_WORDS = 50
RUN = 8  # words by which the beginning of a copy is looked up
MOST_CHARACTERS = 300  # for scripts and terms in which words are long


def copied(row: Row) -> str | None:
    """The longest run of words that a text shares with the document, or a grounded row with a seed's context.

    What the leaf's own seeds copy as long is its form: reciting is what it is about, or its texts begin alike.
    """
    grounded = row.flow.kind == "grounded"
    sources = row.seeds.contexts if grounded else (row.source,)
    what = "a seed example's context" if grounded else "the document"
    for part, text in row.parts:
        size = copied_words(text, sources)
        if size > _usual(part, row.seeds):
            return f"{part}: it copies {size} words of {what}"
    return None


def copied_words(text: str, sources: tuple[str, ...]) -> int:
    """Words of the longest run of over 50 words or 300 characters that stands in one of `sources`; 0 without one."""
    said = words(text)
    if len(said) <= MOST_WORDS and len(" ".join(said)) <= MOST_CHARACTERS:
        return 0
    return max((_longest(said, f" {_joined(source)} ") for source in sources if source), default=0)


def _longest(said: tuple[str, ...], source: str) -> int:
    best, known = 0, _runs(source)
    for start in range(len(said)):
        end = max(start + best + 1, _end(said, start))
        if end - start >= RUN and said[start : start + RUN] not in known:
            continue  # what begins otherwise is no copy: most texts are through here
        while end <= len(said) and f" {' '.join(said[start:end])} " in source:
            best, end = end - start, end + 1
    return best


def _end(said: tuple[str, ...], start: int) -> int:
    """Where the shortest run from `start` ends that is too long to be copied; behind the text where none is."""
    size = 0
    for end in range(start, min(len(said), start + MOST_WORDS + 1)):
        size += len(said[end]) + 1
        if size - 1 > MOST_CHARACTERS or end - start == MOST_WORDS:
            return end + 1
    return len(said) + 1


@lru_cache(maxsize=64)
def _usual(part: str, texts: SeedTexts) -> int:
    """The longest run that a seed's own `part` copies from its context; of contexts, from another seed's."""
    if part == "context":
        contexts = sorted({seed.context for seed in texts.seeds if seed.context})
        return max(
            (copied_words(text, tuple(other for other in contexts if other != text)) for text in contexts), default=0
        )
    pairs = [(getattr(pair, part), seed.context) for seed in texts.seeds for pair in seed.pairs]
    return max((copied_words(text, (context,)) for text, context in pairs if context), default=0)


@lru_cache(maxsize=64)
def _runs(source: str) -> frozenset[tuple[str, ...]]:
    said = source.split()
    return frozenset(tuple(said[at : at + RUN]) for at in range(len(said) - RUN + 1))


@lru_cache(maxsize=256)
def _joined(text: str) -> str:
    return " ".join(words(text))
