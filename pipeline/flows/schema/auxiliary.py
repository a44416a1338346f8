"""Knowledge: tasks beside question and answer, one summary and one list of facts for each chunk.

They are asked with the chunk at hand, so their question holds it: a model learns to read the document, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.model import Draft, Material, chosen
from pipeline.flows.schema import chunked, facts
from pipeline.flows.schema.quotes import numbers
from pipeline.teacher.port import ChatRequest, Completion, Sampling

PROMPT = "schema/knowledge_summary"
SUMMARY_WORDS = 80
FEWEST_WORDS = 60  # of a chunk; a shorter one is its own summary
FEWEST_SUMMARY_WORDS = 10
FEWEST_FACTS = 3
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SUMMARY = (
    "Summarise the text above.",
    "What does the text above say, in short?",
    "Give the gist of the text above in a few sentences.",
    "Write a short summary of the text above.",
)
_FACTS = (
    "List the key facts of the text above.",
    "Which facts does the text above state? Write them as a list.",
    "Take the main facts out of the text above, one a line.",
    "Break the text above down into single facts.",
)


def summary_draft(draft: Draft, place: int) -> Draft | None:
    """The summary to ask for; None for a short chunk."""
    if draft.chunk is None or len(filters.words(draft.chunk.text)) < FEWEST_WORDS:
        return None
    return draft.child(place, task="summary", question=_instruction(draft, _SUMMARY))


def facts_draft(draft: Draft, place: int) -> Draft | None:
    """The list of facts, without those that are kept back for the exam; None where there are too few."""
    numbered = facts.usable(draft)
    if len(numbered) < FEWEST_FACTS:
        return None
    listed = "\n".join(f"- {fact}" for _, fact in numbered)
    return draft.child(place, task="facts", question=_instruction(draft, _FACTS), answer=listed)


def ask_summary(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """The summary, from the raw text."""
    sampling = Sampling(0.2, 0.95, chunked.tokens_of(SUMMARY_WORDS))
    return chunked.ask(PROMPT, material, drafts[0], {"words": SUMMARY_WORDS}, sampling)


def take_summary(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Prose, shorter than its chunk, with no number or name of its own: no judge looks at it."""
    draft = drafts[0]
    draft.answer = filters.strip_control(completion.text).strip()
    reason = _fault(draft.answer, f"{draft.context} {chunked.outline(material)}")
    draft.reason = f"summary: {reason}" if reason else None
    return drafts


def _fault(text: str, source: str) -> str | None:
    unfit = filters.gate_text(_SENTENCE.split(text, maxsplit=1)[0], ())
    if unfit:
        return unfit
    if filters.repetition(text) > filters.MAX_REPETITION:
        return "it repeats itself"
    size, whole = len(filters.words(text)), len(filters.words(source))
    if not FEWEST_SUMMARY_WORDS <= size < whole:
        return f"its length of {size} words is no summary's of {whole} words"
    strange = (numbers(text) - numbers(source)) | filters.invented(text, source)
    return f"the chunk does not hold {', '.join(sorted(strange))}" if strange else None


def _instruction(draft: Draft, wordings: Sequence[str]) -> str:
    return f"{draft.context}\n\n{chosen(wordings, 1, 'instruction', draft.context)[0]}"
