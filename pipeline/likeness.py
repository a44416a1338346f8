"""How like what a leaf teaches is to the questions that were harmed: where blame looks first when nothing is known.

Words in common, rare ones counting more, are no proof; trials are. But harm spreads to what is alike, so the leaf to
blame is mostly found among the first, and each trial that is spared is a training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.quality.lexical import words


def likeness(taught: Mapping[str, Sequence[str]], harmed: Sequence[tuple[str, float]]) -> dict[str, float]:
    """By leaf, the harm of each question times its likeness (0 to 1) to the nearest row of the leaf, summed.

    `taught`: texts of rows by leaf. `harmed`: (question with its answers, harm in nats); what did not get worse does
    not count. Likeness is the cosine of words, each weighted by how few texts hold it (Salton & Buckley, 1988).
    """
    bags = {leaf: [frozenset(words(text)) for text in texts] for leaf, texts in taught.items()}
    asked = [(frozenset(words(text)), harm) for text, harm in harmed if harm > 0]
    every = [bag for of in bags.values() for bag in of] + [bag for bag, _ in asked]
    held = Counter(word for bag in every for word in bag)
    rarity = {word: math.log(len(every) / count) ** 2 for word, count in held.items()}
    lengths: dict[frozenset[str], float] = {}

    def length(bag: frozenset[str]) -> float:
        if bag not in lengths:
            lengths[bag] = math.sqrt(math.fsum(sorted(rarity[word] for word in bag)))
        return lengths[bag]

    def alike(one: frozenset[str], other: frozenset[str]) -> float:
        common = one & other
        product = length(one) * length(other)
        return math.fsum(sorted(rarity[word] for word in common)) / product if common and product else 0.0

    return {
        leaf: round(math.fsum(harm * max((alike(bag, row) for row in rows), default=0.0) for bag, harm in asked), 6)
        for leaf, rows in bags.items()
    }
