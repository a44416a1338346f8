"""One conversation cut into seed examples: each of them must make sense alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from validators.content.texts import lazy, seed_texts
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Finding
from validators.registry import check, declare

CHAT = declare(
    "seed-chat",
    "warning",
    "Every question can be understood without the ones before it.",
    "default",
    "seeds",
    reason="Seed examples are shown to the teacher in any order; a follow-up has lost what it follows.",
    example=Example(
        bad="  - question: And what about the second one?\n    answer: Letterbird, for it flies.\n",
        good="  - question: What is a good name for a post boat?\n    answer: Letterbird, for it flies.\n",
    ),
)

_LONGEST = 140
"""A follow-up is short; longer questions bring what they are about along."""
# How people take up what was said before, in English. Every part is bounded, so that matching is linear.
_FOLLOW_UP = lazy(
    r"""
    (?:(?:ok(?:ay)?|yes|no|thanks?(?:\ you)?|great|perfect|now|and|but|so|then|also|please|well|good|hmm)\b
        [,.!\ ]{1,3}){0,3}+
    (?:
      (?:continue|go\ on|keep\ going|carry\ on|tell\ me\ more|try\ again|again|once\ more|next(?:\ one)?)(?:\ please)?
    | (?:give\ me\ |tell\ me\ )?(?:more|another|one\ more)(?:\ (?:one|example|of\ (?:them|those|these)))?(?:,?\ please)?
    | why|how|why\ not|how\ (?:so|come)|really|are\ you\ sure|(?:what|anything|who)\ else|such\ as|like\ what
    | what\ do\ you\ mean(?:\ by\ (?:that|this|it))?|what\ does\ (?:that|this|it)\ mean
    | (?:why|how|when|where|what|who)\ (?:is|was|are|were|does|did|do)\ (?:that|this|it|they|those|these|he|she)
      (?:\ (?:so|work|happen|mean|called|important|true|different|good|bad|made|used|there|then))?
    | (?:what|how)\ about\ (?:(?:the|a|an|some)\ )?[\w'-]{1,30}(?:\ [\w'-]{1,30})?
    | (?:(?:can|could|would)\ you\ )?(?:please\ )?
      (?:explain|elaborate\ on|expand\ on|clarify|simplify|rephrase|repeat|shorten|summari[sz]e|improve|translate
        |rewrite|make)\ (?:that|this|it|them)\b[^\n:"]{0,40}
    | [^\n:"]{0,60}\b(?:
        the\ (?:first|second|third|fourth|last|other|previous)\ (?:one|option|suggestion|idea)
      | (?:your|the)\ (?:previous|last|earlier|first)\ (?:answer|reply|response|message|suggestion)
      | (?:you|we)\ (?:just\ |already\ )?(?:said|mentioned|told\ me|wrote|suggested|talked\ about|discussed)
      )\b[^\n:"]{0,60}
    )
    [\ ?.!]{0,4}
    """,
    re.VERBOSE | re.IGNORECASE,
)


@check("mapping", CHAT)
def chat(leaf: LeafFile) -> Iterator[Finding]:
    """Follow-up questions. Where a skill's seed example has a context, the question may point at that."""
    for seed in seed_texts(leaf):
        if seed.context and leaf.schema_name != "knowledge":
            continue
        for pair in seed.pairs:
            asked = pair.question
            if asked and len(asked.text) <= _LONGEST and _FOLLOW_UP().fullmatch(asked.text.strip()):
                message = "this question follows on something that was said before"
                remedy = "Write out what it is about; the teacher does not see the other seed examples' order."
                yield CHAT.at(leaf, leaf.span(asked), message, remedy)
