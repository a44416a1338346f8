"""Whether the seed examples are many and varied enough to generate from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from validators.content.placeholders import MARK
from validators.content.texts import SeedTexts, seed_texts, words
from validators.examples import SKILL, Example
from validators.leaffile import LeafFile
from validators.model import Finding, LintConfig, Span
from validators.registry import check, declare
from validators.yamltree import Node

_GROUPS = ("default", "seeds")
_ENOUGH = 5
"""So many seed examples the contract asks for since version 2."""
_OLD = "version: 1\n" + SKILL.split("\n", 1)[1]

HOLD_OUT = declare(
    "too-few-to-hold-out",
    "warning",
    "At least two seed examples.",
    *_GROUPS,
    reason="One seed example is kept back to measure the model with; if it is the only one, nothing is generated.",
    example=Example(
        bad={"compositional_skills/writing/ship_names/qna.yaml": "\n".join(_OLD.split("\n")[:6]) + "\n"},
        good={"compositional_skills/writing/ship_names/qna.yaml": _OLD},
        config=LintConfig(schema="declared"),
    ),
)
FEW = declare(
    "few-seeds",
    "warning",
    f"At least {_ENOUGH} seed examples, also where the contract's old version takes fewer.",
    *_GROUPS,
    reason="The teacher writes variations of what it is shown; from few examples it makes the same few over and over.",
    example=Example(
        bad={"compositional_skills/writing/ship_names/qna.yaml": "\n".join(_OLD.split("\n")[:8]) + "\n"},
        good={"compositional_skills/writing/ship_names/qna.yaml": _OLD},
        config=LintConfig(schema="declared"),
    ),
)
NEAR = declare(
    "seed-near-duplicate",
    "warning",
    "No two seed examples ask the same thing in almost the same words.",
    *_GROUPS,
    reason="A repeat teaches nothing new, and if one of the two is kept back for the test, the other gives it away.",
    example=Example(
        bad="  - question: Please suggest something for the boat full of beehives!\n"
        "    answer: Buzzing Barge tells everyone to keep away.\n",
        good="  - question: What do I call a raft that carries sheep?\n"
        "    answer: Woolgather, for it drifts and bleats.\n",
    ),
)
TEMPLATE = declare(
    "seed-one-template",
    "hint",
    "The questions are not all built after one pattern.",
    *_GROUPS,
    reason="The teacher keeps to the pattern, so the model learns to answer that sentence and stumbles over any other.",
    example=Example(
        bad="seed_examples:\n"
        + "".join(
            f"  - question: Give me a good name for a boat that carries {cargo}.\n    answer: {name} would do.\n"
            for cargo, name in (
                ("post", "Letterbird"),
                ("barges", "Patience"),
                ("night watchmen", "Lantern Line"),
                ("beehives", "The Humming Hold"),
                ("schoolchildren", "First Breeze"),
            )
        ),
        good=SKILL[SKILL.index("seed_examples:") :],
    ),
)

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_SIGN = re.compile(r"""[^\w\s,;:!'"’‘“”()]""")
# Words that a question can lose or gain and stay the same question.
_FILLERS = frozenset(
    words(
        "a an the of is are was were be been do does did to in on for at by it its please can could would will "
        "you me my i and some any there this that what's"
    )
)
_ENDINGS = (("please",), ("for", "me"))
"""What a question can end with and stay the same question."""
_COMPARISONS = 3_000
"""So many pairs of questions are compared in one file; after that only equal ones are found."""
_READ = 2000
"""Characters of a question that are looked at."""
_TYPO_LENGTH = 8
_PATTERN_SHARE = 0.6
_PATTERN_QUESTIONS = 4


class _Asked(NamedTuple):
    """A question in the form in which it is compared."""

    node: Node
    context: str
    answer: str
    words: tuple[str, ...]
    different: frozenset[str]


@check("mapping", HOLD_OUT, FEW, NEAR, TEMPLATE)
def variety(leaf: LeafFile) -> Iterator[Finding]:
    """Too few seed examples, and too much of the same in them."""
    seeds = seed_texts(leaf)
    if len(seeds) == 1:
        message = "one seed example is kept back for evaluation, so none is left to generate from"
        span = leaf.source.line_span(seeds[0].node.start)
        yield HOLD_OUT.at(leaf, span, message, f"Add more, {_ENOUGH} in all.")
    elif 1 < len(seeds) < _ENOUGH and leaf.version <= 1:
        message = f"{len(seeds)} seed examples are few to generate from"
        yield FEW.at(leaf, _heading(leaf), message, f"Add {_ENOUGH - len(seeds)} more.")
    yield from _near_duplicates(leaf, seeds)
    if leaf.schema_name != "knowledge":
        yield from _one_template(leaf, seeds)


def _heading(leaf: LeafFile) -> Span:
    """The place of the key `seed_examples`."""
    entry = leaf.root.entry("seed_examples") if leaf.root else None
    return leaf.span(entry[0]) if entry else leaf.top()


def _near_duplicates(leaf: LeafFile, seeds: list[SeedTexts]) -> Iterator[Finding]:
    asked = [
        _asked(pair.question, seed.context.text if seed.context else "", pair.answer.text if pair.answer else "")
        for seed in seeds
        for pair in seed.pairs
        if pair.question
    ]
    same: dict[tuple[str, tuple[str, ...]], _Asked] = {}
    unlike: dict[tuple[str, int], list[_Asked]] = {}
    left = _COMPARISONS
    for later in asked:
        first: _Asked | None = same.setdefault((later.context, later.words), later)
        if first is later:
            others = unlike.setdefault((later.context, len(later.words)), [])
            first = next((other for other in others[: max(0, left)] if _alike_but_one(other, later)), None)
            left -= len(others)
            others.append(later)
        if first and later.words and not (leaf.version > 1 and first.answer == later.answer):  # else the schema speaks
            line, _ = leaf.source.position(first.node.start)
            message = f"this asks the same as the question on line {line}"
            remedy = "Ask something else, or delete one of the two."
            yield NEAR.at(leaf, leaf.span(later.node), message, remedy)


def _asked(question: Node, context: str, answer: str) -> _Asked:
    text = question.text[:_READ]
    words = _WORD.findall(text.lower())
    for ending in _ENDINGS:
        if tuple(words[-len(ending) :]) == ending:
            del words[-len(ending) :]
    kept = [word for word in words[:-1] if word not in _FILLERS]  # the last word is often what it is about: "letter a"
    signs = sorted(_SIGN.findall(text.rstrip("?.! \n")))  # "G" and "G#" are not the same
    content = (*kept, *words[-1:], *signs)
    return _Asked(question, context, answer, content, frozenset(content))


def _alike_but_one(one: _Asked, other: _Asked) -> bool:
    """Whether two questions of equal length differ in an ending or a slip of the pen alone."""
    odd = one.different ^ other.different
    if len(odd) != 2 or len(one.different - other.different) != 1 or len(one.different) < 3:
        return False
    return _alike(*odd)


def _alike(one: str, other: str) -> bool:
    """Two forms or spellings of a word: another ending, or one letter wrong in a long word."""
    shorter, longer = sorted((one, other), key=len)
    if longer.isdigit() or len(shorter) < 4:
        return False
    if longer.startswith(shorter):
        return longer[len(shorter) :] in ("s", "es", "d", "ed", "ing", "'s", "’s")
    start, end = _shared((one, other))
    return len(longer) >= _TYPO_LENGTH and start >= 2 and start + end >= len(longer) - 1


def _one_template(leaf: LeafFile, seeds: list[SeedTexts]) -> Iterator[Finding]:
    """Questions that share most of their words at the start and the end; with contexts, the same question each time."""
    questions = [pair.question.text[:_READ].lower() for seed in seeds for pair in seed.pairs[:1] if pair.question]
    if len(questions) < _PATTERN_QUESTIONS or not _may_share(questions) or MARK.lower() in questions[0]:
        return  # too few to tell, or not written yet
    asked = [_TOKEN.findall(question) for question in questions]
    shared, usual = sum(_shared(asked)), sum(map(len, asked)) / len(asked)
    if all(seed.context for seed in seeds):
        if shared == usual:
            message = f"all {len(asked)} questions are the same sentence"
            yield TEMPLATE.at(leaf, _heading(leaf), message, "Word the question in several ways, as people would.")
    elif shared >= _PATTERN_SHARE * usual and shared > 2:
        message = f"all {len(asked)} questions are built after one pattern"
        yield TEMPLATE.at(leaf, _heading(leaf), message, "Word them in several ways, as people would.")


def _may_share(questions: list[str]) -> bool:
    """Whether the texts share enough at both ends to look at their words."""
    shared = sum(_shared([question.rstrip() for question in questions]))
    return shared >= _PATTERN_SHARE * min(map(len, questions)) / 2


def _shared(sequences: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many items all of the sequences have in common at their start, and behind that at their end."""
    start = min(_run(sequences[0], sequence) for sequence in sequences)
    turned = [sequence[start:][::-1] for sequence in sequences]
    return start, min(_run(turned[0], sequence) for sequence in turned)


def _run(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
