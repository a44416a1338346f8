"""Good and bad pairs to try a judge with: a leaf's own seeds, and what is made of them by spoiling one thing.

Only open seeds are used. Each kind of corruption is a fault that teachers show: an answer to something else, a claim
that the context does not hold, a wrong particular, the opposite, half an answer, none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.flows import filters
from pipeline.flows.attributes import usable
from pipeline.flows.model import Material, chosen, number

GOOD, BAD = 4, 8  # most pairs of a leaf that are asked about
SHORT = 60  # words of an answer in which one changed word counts
LEAST_TO_CUT = 6  # words of an answer that has a half worth the name


class Pair(NamedTuple):
    """A pair to judge: context ("" where there is none), question, answer, and "seed" or how it was corrupted."""

    context: str
    question: str
    answer: str
    kind: str


def seed_pairs(material: Material) -> list[Pair]:
    """At most 4 pairs of the open seeds, by hash."""
    return chosen(_known(material), GOOD, material.leaf.path, "calibration")


def corruptions(material: Material) -> list[Pair]:
    """At most 8 bad pairs made of `seed_pairs`: one of each kind, the hardest to see first, then a second of each.

    None of them says what a seed says.
    """
    good, known = seed_pairs(material), _known(material)
    sound = {_said(pair) for pair in known}
    made: dict[str, list[Pair]] = {}
    for turn, (kind, corrupt) in enumerate(CORRUPTIONS.items()):
        rotated = [*good[turn % len(good) :], *good[: turn % len(good)]] if good else []
        found = (corrupt(material.leaf.path, pair, known) for pair in rotated)
        bad = [pair._replace(kind=kind) for pair in found if pair is not None]
        made[kind] = [pair for pair in bad if filters.words(pair.answer) and _said(pair) not in sound]
    rounds = [bad[turn] for turn in range(len(good)) for bad in made.values() if turn < len(bad)]
    return rounds[:BAD]


def _other_answer(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """The answer to another question."""
    common = filters.common_words([other.answer for other in known])
    others = [
        other
        for other in known
        if filters.words(other.question) != filters.words(pair.question)
        and not filters.duplicate(other.answer, pair.answer, common)
    ]
    return next((pair._replace(answer=other.answer) for other in chosen(others, 1, path, "answer", pair)), None)


def _other_context(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """The right answer beside a context that does not hold it."""
    added = filters.content_words(pair.answer) - filters.content_words(pair.question)
    contexts = sorted({other.context for other in known if other.context} - {pair.context})
    strange = [text for text in contexts if 2 * len(added & filters.content_words(text)) < len(added)]
    if not pair.context or not strange:
        return None
    return pair._replace(context=chosen(strange, 1, path, "context", pair)[0])


def _other_particulars(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """Other numbers, days, months, and names from elsewhere in the leaf."""
    if len(filters.words(pair.answer)) > SHORT:
        return None  # one word of many may well be changed and the answer still be good
    shift = number(path, "particulars", pair)
    answer = _DIGIT.sub(lambda found: found[1] or str((int(found[0]) + shift % 8) % 9 + 1), pair.answer)
    answer = re.sub(r"\w+", lambda word: _next_in_cycle(word[0], shift), answer)
    if answer == pair.answer:
        answer = _with_other_names(pair, known, shift)
    return pair._replace(answer=answer) if answer != pair.answer else None


def _with_other_names(pair: Pair, known: Sequence[Pair], shift: int) -> str:
    own = f"{pair.context} {pair.question} {pair.answer}"
    strange = sorted({name for other in known for name in _NAME.findall(other.answer) if name not in own})
    names = [name for name in dict.fromkeys(_NAME.findall(pair.answer)) if name not in pair.question]
    if not strange:
        return pair.answer
    instead = {name: strange[(shift + place) % len(strange)] for place, name in enumerate(names)}
    return _NAME.sub(lambda name: instead.get(name[0], name[0]), pair.answer)


def _negated(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """Yes for no, or a "not" more or less."""
    if len(filters.words(pair.answer)) > SHORT:
        return None
    for pattern, instead in _NEGATIONS:
        if pattern.search(pair.answer):
            return pair._replace(answer=pattern.sub(instead, pair.answer, count=1))
    return None


def _cut_off(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """The first half."""
    pieces = re.findall(r"\S+\s*", pair.answer)
    if len(pieces) < LEAST_TO_CUT:
        return None
    return pair._replace(answer="".join(pieces[: len(pieces) // 2]).rstrip().rstrip(".,;:!?"))


def _echo(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """The question once more."""
    return pair._replace(answer=pair.question)


def _refusal(path: str, pair: Pair, known: Sequence[Pair]) -> Pair | None:
    """Polite words that answer nothing."""
    return pair._replace(answer=_REFUSALS[number(path, "refusal", pair) % len(_REFUSALS)])


Corrupt = Callable[[str, Pair, Sequence[Pair]], Pair | None]
CORRUPTIONS: dict[str, Corrupt] = {
    "another answer": _other_answer,
    "another context": _other_context,
    "other names and numbers": _other_particulars,
    "negated": _negated,
    "cut off": _cut_off,
    "echo": _echo,
    "refusal": _refusal,
}
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][^\W\d_]+")
_DIGIT = re.compile(r"^(\s*\d+[.)]\s)|\d", re.MULTILINE)  # the number of a list's item is no particular
_CYCLES = [
    cycle.split()
    for cycle in (
        "two three four five six seven eight nine ten eleven twelve",
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April June July August September October November December",
        "first second third fourth fifth sixth seventh eighth ninth tenth",
    )
]
_AUXILIARY = r"\b(is|are|was|were|can|could|will|would|should|must|has|have|had|does|do|did)\b"
_NEGATIONS = (
    (re.compile(r"^yes\b", re.IGNORECASE), "No"),
    (re.compile(r"^no\b", re.IGNORECASE), "Yes"),
    (re.compile(_AUXILIARY + r" not\b"), r"\1"),
    (re.compile(_AUXILIARY), r"\1 not"),
)
_REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "As an AI language model, I am not able to answer this question.",
    "I don't know. Please ask somebody else.",
)


def _next_in_cycle(word: str, shift: int) -> str:
    for cycle in _CYCLES:
        if word in cycle:
            return cycle[(cycle.index(word) + 1 + shift % (len(cycle) - 1)) % len(cycle)]
    return word


def _known(material: Material) -> list[Pair]:
    return [
        Pair(seed.context.strip(), pair.question.strip(), pair.answer.strip(), "seed")
        for seed in usable(material)
        for pair in seed.pairs
    ]


def _said(pair: Pair) -> tuple[tuple[str, ...], ...]:
    return filters.words(pair.context), filters.words(pair.question), filters.words(pair.answer)
