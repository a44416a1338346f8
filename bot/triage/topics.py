"""Words of topics that a person must look at. They are no verdict: a leaf on first aid is welcome, and is read twice.

English only, and whole words only; what is said without these words is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

WORDS = {
    "medicine": "dosage dose diagnosis diagnose prescription symptom symptoms medication antibiotic antibiotics "
    "vaccine vaccines chemotherapy overdose",
    "money": "invest investing investment investments stocks cryptocurrency bitcoin mortgage loan loans tax taxes",
    "law": "lawsuit attorney lawyer plaintiff defendant litigation custody",
    "politics": "election elections referendum abortion republican republicans democrat democrats communism fascism "
    "immigration immigrants",
    "religion": "god allah jesus muhammad bible quran torah heresy blasphemy infidel",
    "violence": "kill killing murder torture bomb bombs explosive explosives weapon weapons gun guns rifle massacre "
    "genocide suicide",
    "sexuality": "sex sexual porn pornography erotic nude nudity rape",
    "discrimination": "racist racism slur slurs antisemitic antisemitism supremacist homophobic misogyny",
    "drugs": "cocaine heroin methamphetamine cannabis marijuana opioid opioids gambling casino betting",
    "safety": "jailbreak jailbreaks guardrail guardrails exploit exploits malware ransomware phishing",
}


def sensitive(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of topic and the first word of it that was found, in the order of the table."""
    words = {word for text in texts for word in re.findall(r"[a-z]+", text.casefold())}
    found = ((topic, sorted(words & wanted)) for topic, wanted in _sets().items())
    return [(topic, hits[0]) for topic, hits in found if hits]


@cache
def _sets() -> dict[str, frozenset[str]]:
    return {topic: frozenset(words.split()) for topic, words in WORDS.items()}
