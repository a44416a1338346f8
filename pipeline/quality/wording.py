"""Near-duplicates by wording: ROUGE-L of the texts that share enough words, found without looking at all of them."""

from __future__ import annotations

from collections import Counter, defaultdict

from pipeline.quality.lexical import content_words, duplicate, rouge_l


class Wording:
    """Texts that can be asked for one which says the same as another, exactly as `lexical.duplicate` means it.

    Duplicates share half of their words beyond `common`. Those are counted by an inverted index, and ROUGE-L is
    computed for the few texts that remain.
    """

    def __init__(self, common: frozenset[str]) -> None:
        self._common = common
        self._texts: list[str] = []
        self._sizes: list[int] = []
        self._with: defaultdict[str, list[int]] = defaultdict(list)
        self._without: list[int] = []  # texts that have no word beyond `common`

    def duplicate_of(self, text: str) -> tuple[int, float] | None:
        """(number, ROUGE-L) of the first text of those added that `text` repeats."""
        for number in self._candidates(content_words(text) - self._common):
            if duplicate(text, self._texts[number], self._common):
                return number, rouge_l(text, self._texts[number])
        return None

    def add(self, text: str) -> None:
        """Add a text; its number is how many were added before."""
        own, number = content_words(text) - self._common, len(self._texts)
        self._texts.append(text)
        self._sizes.append(len(own))
        for word in own:
            self._with[word].append(number)
        if not own:
            self._without.append(number)

    def _candidates(self, own: frozenset[str]) -> list[int]:
        if not own:
            return self._without
        shared: Counter[int] = Counter()
        for word in own:
            shared.update(self._with.get(word, ()))
        # Half of the union is a third of both sizes together.
        return sorted(number for number, count in shared.items() if 3 * count >= len(own) + self._sizes[number])
