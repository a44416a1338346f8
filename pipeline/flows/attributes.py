"""The attribute plan: what each root of a leaf is asked to be like, and which seeds it is shown, all by hash.

Every root draws on its own: root 7 of a leaf is the same whether 10 or 1,000 are grown. Large teachers vary little when
they are asked the same thing again; what is asked must vary (LAB, arXiv 2403.01081; Self-Instruct, arXiv 2212.10560).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from pipeline.flows import filters
from pipeline.flows.model import Material, chosen, number
from validators import Seed

Persona = Literal["creative", "precise"]

MAX_SEEDS = 3  # shown to one root
TEMPERATURES: dict[Persona, float] = {"creative": 0.7, "precise": 0.2}  # of answers, as in LAB

# Names are stored with each sample; the words behind them are what a prompt says.
DIFFICULTIES = {
    "easy": "low, a beginner in the subject can answer",
    "medium": "medium, one has to think for a moment",
    "hard": "high, it takes care, several steps or expert knowledge",
}
FORMATS = {
    "direct": "short and direct",
    "situation": "set in a concrete situation, told in a sentence or two",
    "constraint": "with one condition that the answer has to respect",
    "particular": "about particulars: names, places, times or quantities",
}
ANGLES = {
    "everyday": "everyday life at home",
    "work": "work and trade",
    "nature": "nature and the outdoors",
    "learning": "school and learning",
    "travel": "travel and other places",
    "history": "the past",
    "technology": "machines and technology",
    "people": "people and how they get along",
    "health": "food and health",
    "arts": "arts, games and sport",
    "mistakes": "a mistake that people often make",
    "unusual": "an unusual case that is easily forgotten",
}
PERSONAS: dict[Persona, str] = {
    "creative": "You are an imaginative writer with a voice of your own. You surprise, and still do what is asked.",
    "precise": "You are a careful expert. You are exact, state only what you know is right, and add nothing beside it.",
}
_CREATIVE = re.compile(
    r"\b(poems?|poetry|verses?|haikus?|limericks?|sonnets?|rhym(e|es|ing)|raps?|lyrics?|songs?|stor(y|ies)|tales?|fables?|"
    r"fiction|plots?|scenes?|dialogues?|monologues?|screenplays?|jokes?|puns?|humou?r(ous)?|funny|witty|sarcas(m|tic)|"
    r"role.?play(s|ing)?|pretend|imagin(e|ary|ative)|persona|character|creative(ly)?|invent|slogans?|advert(s|isements?)?|"
    r"brainstorm|blog|essays?|speech(es)?|letters?|emails?|compose|tone|style)\b",
    re.IGNORECASE,
)
_PRECISE = re.compile(
    r"\b(math(s|ematics)?|arithmetic|algebra|geometry|calculat(e|es|ion)|comput(e|es|ing)|solv(e|es|ing)|equations?|proofs?|"
    r"prov(e|es)|physics|chemistry|biology|science|engineering|cod(e|es|ing)|program(s|ming)?|sql|json|yaml|csv|tables?|"
    r"extract(s|ion|ing)?|classif(y|ies|ication)|categori[sz]e|label|list|count(s|ing)?|convert|conversion|translat(e|ion)|"
    r"grammar|spell(ing)?|sort|order|identif(y|ies)|find|names?|define|definitions?|facts?|logic(al)?|reason(ing)?|deduce|"
    r"units?|dates?|numbers?)\b",
    re.IGNORECASE,
)


def plan(material: Material, root: int, flow_name: str) -> tuple[dict[str, str], tuple[Seed, ...]]:
    """The attributes of a root (difficulty, format, angle, persona: names of the tables above), and its 1 to 3 seeds.

    A seed keeps its rank when its text is edited, so an edit re-runs the roots that show it (seeds shown / seeds, on
    average) and no other; a seed added at the end enters some roots and leaves the order of the others alone. The seeds
    carry only those of their pairs that may be shown (`Material.pairs`), in the order of the file.
    """
    path = material.leaf.path
    drawn = {
        name: list(table)[number(path, flow_name, name, root) % len(table)]
        for name, table in (("difficulty", DIFFICULTIES), ("format", FORMATS), ("angle", ANGLES))
    }
    count = 1 + number(path, flow_name, "seeds", root) % MAX_SEEDS
    ranked = chosen(usable(material), count, path, flow_name, "seed", root, key=lambda seed: seed.index)
    return {**drawn, "persona": persona(material)}, tuple(sorted(ranked, key=lambda seed: seed.index))


def wording(attributes: Mapping[str, str]) -> dict[str, object]:
    """What a prompt says for the names of a plan: variables `difficulty`, `format`, `angle`, `persona`."""
    tables: dict[str, dict[str, str]] = {"difficulty": DIFFICULTIES, "format": FORMATS, "angle": ANGLES}
    said: dict[str, object] = {name: table[attributes[name]] for name, table in tables.items() if name in attributes}
    said["persona"] = PERSONAS["creative" if attributes.get("persona") == "creative" else "precise"]
    return said


def persona(material: Material) -> Persona:
    """Creative for writing and roleplay, precise for all that has one right answer (LAB §3.2).

    The words of task description and folder decide: more words of writing than of exact work means creative, fewer
    precise. Where they are even, the seeds' questions vote in the same way, each with one voice. Else precise. So
    an edited seed changes it only in a leaf whose task says nothing.
    """
    leaf = material.leaf
    leaning = _leaning(f"{leaf.task_description} {re.sub('[_/-]', ' ', leaf.path.partition('/')[2])}")
    if leaning == 0:
        voices = (_leaning(pair.question) for seed in usable(material) for pair in seed.pairs)
        leaning = sum((voice > 0) - (voice < 0) for voice in voices)
    return "creative" if leaning > 0 else "precise"


def usable(material: Material) -> tuple[Seed, ...]:
    """The open seeds with those of their pairs that may be shown; seeds without one are left out."""
    return _usable(material.open, material.held)


@lru_cache(maxsize=512)
def _usable(opened: Sequence[Seed], held: Sequence[Seed]) -> tuple[Seed, ...]:
    # As `Material.pairs`, which compares all with all: too much for each request of a leaf.
    secret = [pair.question for seed in held for pair in seed.pairs]
    common = filters.common_words([*secret, *(pair.question for seed in opened for pair in seed.pairs)])
    kept = (
        replace(seed, pairs=tuple(pair for pair in seed.pairs if not filters.leaks(pair.question, secret, common)))
        for seed in opened
    )
    return tuple(seed for seed in kept if seed.pairs)


def _leaning(text: str) -> int:
    return len(_CREATIVE.findall(text)) - len(_PRECISE.findall(text))
