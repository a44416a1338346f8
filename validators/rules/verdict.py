"""Whether a leaf has seed examples enough that the nightly build can judge it alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

from validators.content.placeholders import MARK
from validators.content.texts import SeedTexts, seed_texts
from validators.examples import KNOWLEDGE, Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare

HELD_SHARE = 4
"""One seed example of so many is held out, at least one (`pipeline/leafkeys.py`, which this room may not import)."""
INFORMING_BELOW = 6
"""Questions for the gate below which a leaf is informing only (`pipeline/splits.py`)."""

_MORE = KNOWLEDGE[KNOWLEDGE.index("seed_examples:") :] + "".join(
    f"  - context: {context}\n    questions_and_answers:\n"
    + "".join(f"      - question: {question}\n        answer: {answer}\n" for question, answer in pairs)
    for context, pairs in (
        (
            "The school of Tarn Skerry has eleven pupils, and a bell that was cast from an old anchor.",
            (
                ("How many pupils has the school?", "The school has eleven pupils."),
                ("What was the bell cast from?", "The bell was cast from an old anchor."),
                ("Where do eleven pupils go to school?", "They go to school on Tarn Skerry."),
            ),
        ),
        (
            "Sheep graze on the western slopes, and their wool is dyed red with lichen from the rocks.",
            (
                ("Which animals graze in the west?", "Sheep graze there."),
                ("Which colour does the wool get?", "The wool becomes red."),
                ("What is it dyed with?", "It is dyed with lichen from the rocks."),
            ),
        ),
        (
            "A spring below the chapel gives fresh water all year, even when the cisterns are dry.",
            (
                ("Where does the spring rise?", "It rises below the chapel."),
                ("When does the spring give water?", "It gives water all year."),
                ("What may run dry?", "The cisterns may run dry."),
            ),
        ),
        (
            "Each May the islanders row around the skerry, and whoever comes last cooks for all.",
            (
                ("In which month do they row?", "They row in May."),
                ("What do they row around?", "They row around the skerry."),
                ("Who cooks after the race?", "Whoever comes last cooks for all."),
            ),
        ),
    )
)

INFORMING = declare(
    "informing-only",
    "hint",
    "The leaf has seed examples enough for a verdict of its own.",
    "verdict",
    "default",
    reason="One seed example of four is held out, and the nightly build asks about those alone. With few questions, no "
    "change can be told from chance: the leaf's result is then shown, and counts with those of its branch.",
    example=Example(base="knowledge", bad=KNOWLEDGE[KNOWLEDGE.index("seed_examples:") :], good=_MORE),
)


@check("mapping", INFORMING)
def informing(leaf: LeafFile) -> Iterator[Finding]:
    """Fewer questions for the gate than a verdict takes. How many there are exactly, a hash decides."""
    seeds = seed_texts(leaf)
    if len(seeds) < 2 or any(MARK in pair.question.text for seed in seeds for pair in seed.pairs if pair.question):
        return  # one alone is another rule's matter, or it is not written yet
    pairs = sum(len(seed.pairs) for seed in seeds) / len(seeds)
    asked, wanted = round(_gate_seeds(len(seeds)) * pairs), _seeds_wanted(pairs)
    if len(seeds) >= wanted:
        return
    entry = leaf.root.entry("seed_examples") if leaf.root else None
    message = (
        "the build will judge this leaf together with its branch: it holds back and asks about "
        f"{max(1, asked)} of the leaf's questions, and a verdict of its own takes {INFORMING_BELOW}"
    )
    yield INFORMING.at(leaf, leaf.span(entry[0]) if entry else leaf.top(), message, _help(leaf, seeds, wanted))


def _help(leaf: LeafFile, seeds: list[SeedTexts], wanted: int) -> str:
    also = "; multiple-choice questions on its document count as well" if leaf.schema_name == "knowledge" else ""
    return f"For a verdict of its own, add about {wanted - len(seeds)} seed examples{also}. Else leave it as it is."


def _held(seeds: int) -> int:
    """How many seed examples are held out."""
    return -(-seeds // HELD_SHARE)


def _gate_seeds(seeds: int) -> float:
    """How many of those the gate gets on average: the first, and half of the others."""
    return 1 + (_held(seeds) - 1) / 2


def _seeds_wanted(pairs: float) -> int:
    """Seed examples with `pairs` questions each that give the gate enough on average."""
    held = max(1, math.ceil(2 * INFORMING_BELOW / pairs - 1))
    return HELD_SHARE * (held - 1) + 1
