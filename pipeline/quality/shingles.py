"""Near-duplicates by the 5-grams that two texts share: MinHash finds candidates, and their sets are then compared.

MinHash with locality-sensitive hashing (Broder 1997, Indyk and Motwani 1998) looks at a few texts instead of all. The
library is rensa: datasketch does the same, but brings scipy, and its import alone takes seconds.
"""

from __future__ import annotations

from rensa import RMinHash, RMinHashLSH

from pipeline.quality.lexical import words

SIZE = 5  # words of a shingle
NEAR = 0.8  # Jaccard of the shingles from which on two texts are one, as in SlimPajama (0.8) and FineWeb (0.75)
_PERMUTATIONS, _BANDS, _SEED = 128, 32, 1  # 32 bands of 4: a pair at 0.8 is missed once in ten million

Shingle = tuple[str, ...]


def shingles(text: str) -> frozenset[Shingle]:
    """Runs of five words; the whole of a shorter text."""
    said = words(text)
    return frozenset(said[at : at + SIZE] for at in range(max(1, len(said) - SIZE + 1))) if said else frozenset()


class Shingles:
    """Texts that can be asked for the one which is nearest to another by Jaccard."""

    def __init__(self) -> None:
        self._index = RMinHashLSH(threshold=NEAR, num_perm=_PERMUTATIONS, num_bands=_BANDS)
        self._sets: list[frozenset[Shingle]] = []

    def near(self, text: str) -> list[tuple[int, float]]:
        """(number, Jaccard) of the texts added that reach `NEAR`, the nearest first."""
        own = shingles(text)
        if not own:
            return []
        near = ((number, _jaccard(own, self._sets[number])) for number in set(self._index.query(_sketch(own))))
        return sorted((hit for hit in near if hit[1] >= NEAR), key=lambda hit: (-hit[1], hit[0]))

    def add(self, text: str) -> None:
        """Add a text; its number is how many were added before."""
        own = shingles(text)
        if own:
            self._index.insert(len(self._sets), _sketch(own))
        self._sets.append(own)


def _sketch(own: frozenset[Shingle]) -> RMinHash:
    sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    sketch.update([" ".join(shingle).encode(errors="backslashreplace") for shingle in own])
    return sketch


def _jaccard(left: frozenset[Shingle], right: frozenset[Shingle]) -> float:
    return len(left & right) / len(left | right)
