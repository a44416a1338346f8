"""Answers that say nothing, or next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from validators.content.texts import Pair, lazy, seed_texts
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare

ECHO = declare(
    "answer-is-question",
    "warning",
    "An answer says something else than its question.",
    "default",
    "seeds",
    reason="The model learns to repeat what it is asked; such entries are often left over from trying out the format.",
    example=Example(
        bad="  - question: Name a post boat.\n    answer: Name a post boat.\n",
        good="  - question: Name a post boat.\n    answer: Letterbird, because it flies from door to door.\n",
    ),
)
SHORT = declare(
    "answer-too-short",
    "hint",
    "Most answers of a knowledge leaf are whole sentences.",
    "default",
    "seeds",
    reason="The teacher writes its answers like the ones it is shown; from single words the model learns little.",
    example=Example(
        bad="seed_examples:\n"
        + "".join(
            f"  - context: The {name} is painted {colour}, has {masts} and sails from {port}.\n"
            "    questions_and_answers:\n"
            f"      - question: In which colour is the {name} painted?\n        answer: {colour}\n"
            f"      - question: With what does the {name} catch the wind?\n        answer: {masts}\n"
            f"      - question: From where does the {name} sail?\n        answer: {port}\n"
            for name, colour, masts, port in (
                ("Letterbird", "green", "two masts", "Oxmouth"),
                ("Patience", "black", "no sails", "Tarn Skerry"),
                ("Lantern Line", "white", "three masts", "Heatherby"),
                ("Humming Hold", "yellow", "a single mast", "Quillport"),
                ("First Breeze", "blue", "small sails", "Eastern Quay"),
            )
        ),
        good="domain: geography\n",
        base="knowledge",
    ),
)

_WORD = lazy(r"\w+")
_NOTHING = lazy(r"[.…_\s]+|-+|\?+")
_LONGEST_ECHO = 2000
_FEW_WORDS = 2
_LONGEST_SHORT = 40


@check("mapping", ECHO, SHORT)
def answers(leaf: LeafFile) -> Iterator[Finding]:
    """Answers without content; a leaf of knowledge most of whose answers are a word or two."""
    pairs = [pair for seed in seed_texts(leaf) for pair in seed.pairs if pair.answer]
    short = 0
    for pair in pairs:
        if pair.answer and len(pair.answer.text) <= _LONGEST_ECHO:
            short += len(pair.answer.text) <= _LONGEST_SHORT and len(pair.answer.text.split()) <= _FEW_WORDS
            yield from _echo(leaf, pair)
    if leaf.schema_name == "knowledge" and 2 * short > len(pairs) > 1:
        entry = leaf.root.entry("seed_examples") if leaf.root else None
        message = f"{short} of {len(pairs)} answers have only a word or two"
        span = leaf.span(entry[0]) if entry else leaf.top()
        yield SHORT.at(leaf, span, message, "Answer in whole sentences that say what the answer is about.")


def _echo(leaf: LeafFile, pair: Pair) -> Iterator[Finding]:
    if pair.answer is None:
        return
    said = pair.answer.text.strip()
    if _NOTHING().fullmatch(said):
        yield ECHO.at(leaf, leaf.span(pair.answer), f"the answer {said[:20]!r} says nothing", "Write the answer.")
    elif pair.question and abs(len(said) - len(pair.question.text.strip())) <= 8:
        words = _WORD().findall(said.lower())
        if words and words == _WORD().findall(pair.question.text.lower()):
            yield ECHO.at(leaf, leaf.span(pair.answer), "the answer repeats its question", "Write the answer.")
