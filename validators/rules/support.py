"""Whether what an answer states stands in the context that it is asked about: numbers, units and names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from validators.content.facts import Evidence, Number, names, numbers, phrase
from validators.content.secretscan import masked
from validators.content.texts import SeedTexts, lazy, place, seed_texts
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare
from validators.yamltree import Node

SUPPORT = declare(
    "answer-unsupported",
    "warning",
    "Every number and every name of an answer stands in its context or question.",
    "default",
    "seeds",
    reason="The model is taught that the document says so. Where it does not, the model learns to make things up.",
    example=Example(
        bad="  - context: The lamp of Tarn Skerry is lit at dusk and burns for 40 nights on one barrel.\n"
        "    questions_and_answers:\n"
        "      - question: How long does one barrel last?\n        answer: One barrel lasts for 45 nights.\n"
        "      - question: When is the lamp lit?\n        answer: The lamp is lit at dusk.\n"
        "      - question: Where is the lamp?\n        answer: The lamp is on Tarn Skerry.\n",
        good="  - context: The lamp of Tarn Skerry is lit at dusk and burns for 40 nights on one barrel.\n"
        "    questions_and_answers:\n"
        "      - question: How long does one barrel last?\n        answer: One barrel lasts for 40 nights.\n"
        "      - question: When is the lamp lit?\n        answer: The lamp is lit at dusk.\n"
        "      - question: Where is the lamp?\n        answer: The lamp is on Tarn Skerry.\n",
        base="knowledge",
    ),
)
_REMEDY = "Correct the answer, or add the part of the document that says so to the context."

_SMALL = 12
"""Smaller numbers are often counted by the reader: "there are three ferries"."""
_MOST_PAIRS = 200
"""Pairs of one file that are looked at."""
_MOST_READ = 2000
_MOST_NUMBERS = 50
"""Numbers of one answer that are read, and those that are looked up."""
_MOST_NAMES = 8
"""Names of one answer that are looked at."""
_MARK = 12
"""A list's mark stands at most so far to the right."""
_NAMED = 3
"""Words that one message names."""
_YEAR = lazy(r"\b(?:1[5-9]|20)\d\d\b")
_JOINED = ("_", "#", "/", "-")
_ABOUT = ("document_outline", "domain", "task_description")


@check("mapping", SUPPORT)
def support(leaf: LeafFile) -> Iterator[Finding]:
    """Facts of answers that nothing supports.

    Knowledge is held to its context in all of them. A skill may reckon, translate and invent with its context, so
    that only a year which stands nowhere is odd.
    """
    seeds = [seed for seed in seed_texts(leaf) if seed.context]
    about = [node for key in _ABOUT if leaf.root and (node := leaf.root.get(key))]
    everything = Evidence([*about, *(node for seed in seeds for node in _said(seed))])
    left = _MOST_PAIRS
    for seed in seeds:
        near = Evidence([*about, *_said(seed)])
        for pair in islice(seed.pairs, left):
            if pair.answer:
                yield from _judge(leaf, pair.answer, near, everything)
        left = max(0, left - len(seed.pairs))


def _said(seed: SeedTexts) -> Iterator[Node]:
    """What an answer may draw on: the context and the questions."""
    if seed.context:
        yield seed.context
    yield from (pair.question for pair in seed.pairs if pair.question)


def _judge(leaf: LeafFile, answer: Node, near: Evidence, everything: Evidence) -> Iterator[Finding]:
    text = answer.text
    if leaf.schema_name == "knowledge":
        stated = list(islice(_stated(text), _MOST_NUMBERS))
        wrong = next((number for number in stated if near.other_unit(number)), None)
        if wrong:
            yield _unit(leaf, answer, wrong, near.other_unit(wrong))
        odd = [(number.start, number.end) for number in stated if not near.gives(number)]
        odd += [
            (start, end)
            for start, end, name in islice(names(text), _MOST_NAMES)
            if not everything.has(name) and not everything.abbreviates(phrase(text, start, end))
        ]
    else:
        odd = [match.span() for match in islice(_YEAR().finditer(text), _MOST_NAMES) if not near.dates(match.group())]
    if odd:
        words = list(dict.fromkeys(text[start:end] for start, end in sorted(odd)))
        message = f"{_listed(words)} in neither the context nor the question"
        yield SUPPORT.at(leaf, place(leaf, answer, *min(odd)), message, _REMEDY)


def _stated(text: str) -> Iterator[Number]:
    """The numbers of an answer that need support: no list marks, no parts of names, no small counts."""
    for number in islice(numbers(text), _MOST_READ):
        near = text[max(0, number.start - _MARK) : number.start]
        before, line = near[-1:], near.rpartition("\n")[2]
        begins = "\n" in near or number.start <= _MARK
        is_mark = begins and not line.strip(" -*(") and text[number.end : number.end + 1] in (".", ")", ":")
        is_range = before == "-" and near[-2:-1].isdigit()
        free = is_range or not (before.isalpha() or before in _JOINED)
        if free and not is_mark and (max(number.values) > _SMALL or number.unit):
            yield number


def _listed(words: list[str]) -> str:
    shown = [repr(masked(word)[:40]) for word in words[:_NAMED]]
    if len(words) > _NAMED:
        return f"{', '.join(shown)} and {len(words) - _NAMED} more stand"
    return f"{' and '.join(shown)} {'stands' if len(shown) == 1 else 'stand'}"


def _unit(leaf: LeafFile, answer: Node, number: Number, unit: str) -> Finding:
    said = answer.text[number.start : number.end][:40]
    wrong = number.unit[1] if number.unit else ""
    message = f"the answer gives {said} in {wrong}, the context in {unit}"
    return SUPPORT.at(
        leaf, place(leaf, answer, number.start, number.end), message, "Use the context's unit, or convert."
    )
