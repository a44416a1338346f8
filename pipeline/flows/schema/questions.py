"""Knowledge: questions of several types about a chunk's facts, and their answers from its raw text."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.model import Draft, Material, Unparsable, chosen, tidy
from pipeline.flows.schema import chunked, facts
from pipeline.flows.schema.replies import INTEGER, STRING, array, field, read, record, schema_text
from pipeline.teacher.port import ChatRequest, Completion, Sampling

QUESTION_PROMPT, ANSWER_PROMPT = "schema/knowledge_questions", "schema/knowledge_answer"
MOST = 6  # questions in one reply; more of them repeat themselves
TYPES_A_TURN = 3
TURNS = 2
# Names are stored with each sample; the words behind them are what the prompt says.
TYPES = {
    "factual": "asks for one exact fact: who, what, which, when, where or how much",
    "explanatory": "asks why or how something is so, and takes a sentence or two to answer",
    "comparison": "asks what two things that the text speaks of have in common, or how they differ",
    "application": "tells of a concrete situation in a sentence, and asks what follows for it from what the text says",
    "definition": "asks what something is, what it is called, or what a term means",
    "combination": "asks for something that takes two or more of the facts together to answer",
}
_QUESTION_WORDS = 40


def types_of(draft: Draft, turn: int) -> list[str]:
    """The types that a chunk is asked for in a turn; the turns share none."""
    order = chosen(list(TYPES), len(TYPES), "types", draft.context)
    return order[turn * TYPES_A_TURN : (turn + 1) * TYPES_A_TURN]


def ask_questions(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """All questions of one type about one chunk. Reserved facts are not shown."""
    draft = drafts[0]
    numbered = facts.usable(draft)
    count = min(MOST, len(numbered))
    one = record(question=STRING, facts=array(INTEGER, 1, 4))
    schema = schema_text(record(questions=array(one, 1, count)))
    words = min(_QUESTION_WORDS, chunked.longest(material.questions))
    variables = {
        "facts": numbered,
        "examples": [pair.question for _, pair in chunked.examples(material, draft)],
        "count": count,
        "words": words,
        "kind": TYPES[draft.attributes["type"]],
    }
    sampling = Sampling(0.7, 0.95, count * chunked.tokens_of(words) + 64, schema=schema)
    return chunked.ask(QUESTION_PROMPT, material, draft, variables, sampling)


def take_questions(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """One draft a question; `attributes["facts"]` are the numbers that it cites."""
    draft = drafts[0]
    items = field(read(completion), "questions", list)[:MOST]
    if not items:
        raise Unparsable('"questions" is empty')
    return [_question(material, draft, at, item) for at, item in enumerate(items)]


def _question(material: Material, draft: Draft, at: int, item: object) -> Draft:
    if not isinstance(item, dict):
        raise Unparsable('"questions" does not hold objects alone')
    text = tidy(filters.strip_control(field(item, "question", str)), single_line=True)
    cited = {one for one in field(item, "facts", list) if isinstance(one, int)}
    known = cited & {place for place, _ in facts.usable(draft)}
    named = ",".join(str(place) for place in sorted(known))
    one = draft.child(at, question=text, attributes={**draft.attributes, "facts": named})
    one.reason = filters.gate_question(text, material.questions) or filters.gate_new(
        text, (), material.questions, material.held_questions
    )
    if one.reason is None and not known:
        one.reason = "the question cites none of the facts that it may ask about"
    return one


def asked(material: Material, draft: Draft) -> str:
    """What must be new among the questions of the leaf."""
    return draft.question


def ask_answer(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """The answer, from the raw text of the chunk: a fact may have lost what a good answer needs."""
    draft = drafts[0]
    words = chunked.longest(material.answers)
    pairs = [(pair.question, pair.answer) for _, pair in chunked.examples(material, draft)]
    variables = {"question": draft.question, "words": words, "examples": pairs}
    return chunked.ask(ANSWER_PROMPT, material, draft, variables, Sampling(max_tokens=chunked.tokens_of(words)))


def take_answer(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """A plain answer that leaves the reserved facts alone; whether it is true is the judge's to say."""
    draft = drafts[0]
    draft.answer = tidy(filters.strip_control(completion.text), single_line=False)
    pair = f"{draft.question} {draft.answer}"
    reason = filters.gate_text(draft.answer, material.answers) or filters.unanswered(draft.question, draft.answer)
    if reason is None and facts.gives_away(draft, pair):
        reason = "it tells a fact that is kept back for the exam"
    draft.reason = f"answer: {reason}" if reason else None
    return drafts
