"""Whether a text is new among the earlier texts of its leaf: four looks, from the cheapest to the most thorough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.quality.lexical import names_and_numbers, near, same_subject, words
from pipeline.quality.shingles import Shingles
from pipeline.quality.vectors import Vectors
from pipeline.quality.wording import Wording

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Vectors of unit length for texts, in their order; `pipeline.quality.embedding` has one."""

SAME_MEANING = 0.92  # cosine of all-MiniLM-L6-v2 within a leaf
REPEATS = "it repeats an earlier sample"


class Novelty:
    """The earlier texts of a leaf: the same words, nearly the same 5-grams, the same wording, the same meaning.

    `common`: content words that the leaf's texts share (`lexical.common_words`) and none is known by; texts that have
    only those in common are no duplicates. `embed`: None where no embedding model is at hand; the last look is then
    left out. The reasons depend on the texts and the order of `add` alone.
    """

    def __init__(self, common: frozenset[str] = frozenset(), embed: Embed | None = None) -> None:
        self._common = common
        self._embed = embed
        self._texts: list[str] = []
        self._said: set[tuple[str, ...]] = set()
        self._shingles = Shingles()
        self._wording = Wording(common)
        self._vectors = Vectors()

    def reason(self, text: str) -> str | None:
        """Why `text` is not new, with the measure; None where it is."""
        if words(text) in self._said:
            return f"{REPEATS} (word for word)"
        for number, jaccard in self._shingles.near(text):
            if same_subject(text, self._texts[number], self._common):
                return f"{REPEATS} ({jaccard:.2f} of the 5-word runs are the same)"
        if same := self._wording.duplicate_of(text):
            return f"{REPEATS} (ROUGE-L {same[1]:.2f})"
        if (cosine := self._same_meaning(text)) is not None:
            return f"{REPEATS} (in other words, cosine {cosine:.2f})"
        return None

    def add(self, text: str) -> None:
        """Count `text` among the earlier ones."""
        self._texts.append(text)
        self._said.add(words(text))
        self._shingles.add(text)
        self._wording.add(text)
        if self._embed:
            self._vectors.add(self._embed([text])[0])

    def _same_meaning(self, text: str) -> float | None:
        """The highest cosine from `SAME_MEANING` on; None where there is none that counts.

        "When does the ferry leave?" is near "When does the ferry arrive?" in meaning, too. So texts with other names or
        numbers never mean the same, and where the wording is near, the words have decided already.
        """
        if not self._embed or not self._texts:
            return None
        own = names_and_numbers(text)
        for number, cosine in self._vectors.near(self._embed([text])[0], SAME_MEANING):
            other = self._texts[number]
            if names_and_numbers(other) == own and not near(text, other):
                return cosine
        return None
