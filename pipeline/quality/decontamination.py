"""Decontamination: no training row may give an evaluation item away, or its score measures memory.

A row overlaps with an item that it asks in the same words, of whose own words it covers more than half by shared runs
of 8 (Tulu 3, arXiv 2411.15124), or with which it shares a run of 13 (GPT-3, arXiv 2005.14165). Such rows are dropped;
a set of which too much overlaps fails the build, since what was dropped is then only what could be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.quality.lexical import words

RUN = 8  # words
COVERED = 0.5  # share of an item's own words
LONG_RUN = 13  # words
ALLOWED = 0.02  # share of an evaluation set that may overlap (Tulu 3 removed training sets above it)
FEWEST = 3  # overlapping items that make a set contaminated: one of ten is a chance, not a share
SAME_MEANING = 0.95  # cosine from which on a row is pointed out

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvalItem:
    """A question that a model is judged by. `set`: such as "heldout"; `group`: its leaf or category.

    `cluster`: what stands together, such as a seed example whose pairs share a context; "" where it stands alone.
    """

    id: str
    set: str
    group: str
    question: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A training row that gives an item away. `why`: in words, with the measure."""

    row: str
    leaf: str
    item: EvalItem
    why: str


class EvalIndex:
    """Evaluation items, ready to be looked for in many texts."""

    def __init__(self, items: Sequence[EvalItem], written: Mapping[str, Sequence[str]] | None = None) -> None:
        """`written`: by group, what people wrote there for training.

        Runs of 8, and whole questions, that two examples of a group share are its form, such as a long instruction
        before each text. They give nothing away, and an item's words within them do not count.
        """
        self._items = items
        self._exact: defaultdict[Gram, list[int]] = defaultdict(list)
        self._short: defaultdict[Gram, list[int]] = defaultdict(list)
        self._long: defaultdict[Gram, list[int]] = defaultdict(list)
        self._places: list[dict[Gram, list[int]]] = []
        self._own: list[int] = []
        forms = _forms(items, written or {})
        for number, item in enumerate(items):
            self._add(number, words(item.question), forms.get(item.group, frozenset()))

    def overlaps(self, row: str, leaf: str, question: str, answer: str) -> Iterator[Overlap]:
        """The items that a row gives away, in their order."""
        asked = words(question)
        found = dict.fromkeys(self._exact.get(asked, ()), "it asks the same question") if asked else {}
        shared: defaultdict[int, set[Gram]] = defaultdict(set)
        for said in (asked, words(answer)):
            for gram in grams(said, RUN):
                for number in self._short.get(gram, ()):
                    shared[number].add(gram)
            for gram in grams(said, LONG_RUN) if shared else ():
                for number in self._long.get(gram, ()):
                    found.setdefault(number, f"{LONG_RUN} words in a row are the same")
        for number in sorted(shared):
            share = self._covered(number, shared[number])
            if share > COVERED:
                found.setdefault(number, f"runs of {RUN} words cover {share:.0%} of it")
        for number, why in sorted(found.items()):
            yield Overlap(row, leaf, self._items[number], why)

    def _add(self, number: int, said: Gram, form: frozenset[Gram]) -> None:
        if said not in form:
            self._exact[said].append(number)
        ours = {at + step for at, gram in enumerate(grams(said, RUN)) if gram in form for step in range(RUN)}
        places: defaultdict[Gram, list[int]] = defaultdict(list)
        for size, index in ((RUN, self._short), (LONG_RUN, self._long)):
            for at, gram in enumerate(grams(said, size)):
                if ours.isdisjoint(range(at, at + size)):
                    index[gram].append(number)
                    if size == RUN:
                        places[gram].append(at)
        self._places.append(dict(places))
        self._own.append(len(said) - len(ours))

    def _covered(self, number: int, shared: Iterable[Gram]) -> float:
        starts = (at for gram in shared for at in self._places[number][gram])
        return len({at + step for at in starts for step in range(RUN)}) / self._own[number]


def contaminated(overlaps: Iterable[Overlap], items: Sequence[EvalItem], allowed: float = ALLOWED) -> list[str]:
    """A message for each evaluation set of which more than the `allowed` share overlaps: what, where, what to do."""
    by_item: defaultdict[str, defaultdict[str, list[Overlap]]] = defaultdict(lambda: defaultdict(list))
    for overlap in overlaps:
        by_item[overlap.item.set][overlap.item.id].append(overlap)
    messages = []
    for name in sorted(by_item):
        hit, size = by_item[name], sum(item.set == name for item in items)
        if len(hit) >= FEWEST and len(hit) > allowed * size:
            messages.append(_message(name, hit, size, allowed))
    return messages


def _message(name: str, hit: Mapping[str, Sequence[Overlap]], size: int, allowed: float) -> str:
    worst = sorted(hit.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:3]
    lines = (
        f"{item} ({len(found)} rows, in {', '.join(sorted({o.leaf or 'the anchors' for o in found}))}: {found[0].why})"
        for item, found in worst
    )
    return (
        f"the training rows give {len(hit)} of {size} items of the evaluation set {name!r} away "
        f"({len(hit) / size:.1%}; {allowed:.1%} are allowed). The worst: {'; '.join(lines)}. "
        "Take those rows out of their leaves, or the items out of the set; "
        "where the set is meant to be learnt, raise `overlap_allowed` in the recipe"
    )


def grams(said: Gram, size: int) -> Iterator[Gram]:
    """Runs of `size` words, in their order."""
    return (said[at : at + size] for at in range(len(said) - size + 1))


def _forms(items: Sequence[EvalItem], written: Mapping[str, Sequence[str]]) -> dict[str, frozenset[Gram]]:
    """By group, the runs and whole texts that two of its examples share, each counted once for its cluster."""
    texts: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, item in enumerate(items):
        texts[item.group][item.cluster or f"item {number}"].append(item.question)
    for group, others in written.items():
        for number, text in enumerate(others):
            texts[group][f"written {number}"].append(text)
    return {group: _shared(clusters.values()) for group, clusters in texts.items()}


def _shared(clusters: Iterable[Sequence[str]]) -> frozenset[Gram]:
    once: set[Gram] = set()
    twice: set[Gram] = set()
    for texts in clusters:
        own = {gram for text in texts for gram in (words(text), *grams(words(text), RUN))}
        twice |= once & own
        once |= own
    return frozenset(twice)
