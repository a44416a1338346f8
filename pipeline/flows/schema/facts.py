"""Knowledge, first stage: what a chunk says, as facts with a quote each. Some are kept back for exams."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.model import Draft, Material, Unparsable, chosen
from pipeline.flows.schema import chunked
from pipeline.flows.schema.quotes import FOUND, quoted
from pipeline.flows.schema.replies import STRING, array, field, read, record, schema_text
from pipeline.teacher.port import ChatRequest, Completion, Sampling

PROMPT = "schema/knowledge_facts"
MOST = 12
RESERVED_SHARE = 4  # every fourth fact is for exams
_TOKENS_A_FACT = 40  # of a chunk: a shorter one has fewer facts to ask for
_LENGTHS = range(10, 401)  # characters


def ask(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """One request a chunk; a second turn over the chunks asks the same, and so costs nothing."""
    draft = drafts[0]
    most = _most(material, draft)
    one = record(fact=STRING, quote=STRING)
    schema = schema_text(record(facts=array(one, 1, most)))
    sampling = Sampling(0.2, 0.95, 128 * most + 64, schema=schema)
    return chunked.ask(PROMPT, material, draft, {"most": most}, sampling)


def take(material: Material, draft: Draft, completion: Completion) -> None:
    """Put the facts into the draft: different ones, each with a quote that stands in the raw text of the chunk.

    Scores: `facts` and `facts_dropped`. A reason where none is left.
    """
    items = field(read(completion), "facts", list)[: _most(material, draft)]
    if not items:
        raise Unparsable('"facts" is empty')
    found: list[str] = []
    for item in items:
        if not isinstance(item, dict):
            raise Unparsable('"facts" does not hold objects alone')
        fact = " ".join(filters.strip_control(field(item, "fact", str)).split())
        if _sound(fact, field(item, "quote", str), draft) and not any(filters.duplicate(fact, one) for one in found):
            found.append(fact)
    draft.facts = tuple(found)
    draft.scores |= {"facts": float(len(found)), "facts_dropped": float(len(items) - len(found))}
    if not found:
        draft.reason = "no fact that the teacher named stands in the chunk"


def reserved(draft: Draft) -> list[tuple[int, str]]:
    """The facts, by number from 1, that no question for training may ask about: every fourth, by hash."""
    numbered = list(enumerate(draft.facts, start=1))
    picked = chosen(numbered, len(numbered) // RESERVED_SHARE, "reserved", key=lambda item: item[1])
    return sorted(picked)


def usable(draft: Draft) -> list[tuple[int, str]]:
    """The other facts, by number from 1."""
    kept_back = {number for number, _ in reserved(draft)}
    return [(number, fact) for number, fact in enumerate(draft.facts, start=1) if number not in kept_back]


def gives_away(draft: Draft, text: str) -> bool:
    """Whether `text` tells nearly all that one of the reserved facts says beyond what the others say, too."""
    known = filters.content_words(" ".join([draft.chunk.heading if draft.chunk else "", *_facts(usable(draft))]))
    said = filters.content_words(text)
    for fact in _facts(reserved(draft)):
        own = filters.content_words(fact) - known
        if len(own) > 1 and len(own & said) >= 0.8 * len(own):
            return True
    return False


def _most(material: Material, draft: Draft) -> int:
    """4 to 12, as long as the chunk is."""
    return max(4, min(MOST, material.count_tokens(draft.context) // _TOKENS_A_FACT))


def _sound(fact: str, quote: str, draft: Draft) -> bool:
    text = draft.chunk.text if draft.chunk else ""
    return len(fact) in _LENGTHS and quoted(quote, text) >= FOUND


def _facts(numbered: Sequence[tuple[int, str]]) -> list[str]:
    return [fact for _, fact in numbered]
