"""Knowledge for large teachers: facts of each chunk of the document, questions about them, answers, and a strict judge.

A root is a chunk in a turn. Its draft becomes several: one for each type of question, and in the first turn also a
summary, a list of facts, and exam items about the facts that no question may touch. All requests begin with the chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.chunks import chunk_document, chunk_seeds
from pipeline.documents import Document
from pipeline.flows import filters
from pipeline.flows.model import Draft, Flow, Material, Stage, number
from pipeline.flows.schema import auxiliary, choices, chunk_judge, chunked, facts, questions
from pipeline.teacher.port import Completion, Message

FEWEST_WORDS = 8  # of a chunk worth a root


def prepare(material: Material) -> Material:
    """Cut the document into chunks, or the open seeds' contexts where no document is at hand; in an order by hash.

    So a few roots sample the whole document, and an edit to one part of it does not reshuffle the others.
    """
    document, count = material.document, material.count_tokens
    found = chunk_document(document, count) if isinstance(document, Document) else chunk_seeds(material.open, count)
    distinct = {chunked.shown(chunk): chunk for chunk in reversed(found) if _worth_a_root(chunk.text)}
    path = material.leaf.path
    ordered = sorted(distinct.items(), key=lambda item: (number(path, "chunk", item[0]), item[0]))
    return replace(material, chunks=tuple(chunk for _, chunk in ordered))


def start(material: Material, root: int) -> Draft:
    """The draft of a chunk in a turn."""
    chunk = material.chunks[root % len(material.chunks)]
    return Draft((root,), chunk=chunk, context=chunked.shown(chunk))


def roots(material: Material) -> int:
    """Each chunk once for each set of question types."""
    return questions.TURNS * len(material.chunks)


def take_facts(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """The facts, and what is made of them."""
    draft = drafts[0]
    facts.take(material, draft, completion)
    if draft.reason:
        return drafts
    turn = draft.root // len(material.chunks)
    made: list[Draft | None] = [
        draft.child(at, attributes={"type": name}) for at, name in enumerate(questions.types_of(draft, turn))
    ]
    if turn == 0:  # a place for each, whatever the others come to
        at = len(made)
        made += [auxiliary.summary_draft(draft, at), auxiliary.facts_draft(draft, at + 1)]
        made += [choices.choice_draft(draft, at + 2)]
    return [one for one in made if one is not None]


def messages(draft: Draft) -> tuple[Message, ...]:
    """The training row: question, answer. The question of an auxiliary task holds its chunk."""
    return (Message("user", draft.question), Message("assistant", draft.answer))


def _worth_a_root(text: str) -> bool:
    return len(filters.words(text)) >= FEWEST_WORDS


FLOW = Flow(
    kind="knowledge",
    form="schema",
    version=1,
    prompts=(
        facts.PROMPT,
        questions.QUESTION_PROMPT,
        questions.ANSWER_PROMPT,
        chunk_judge.PROMPT,
        auxiliary.PROMPT,
        choices.PROMPT,
        choices.OPEN_PROMPT,
        choices.CLOSED_PROMPT,
    ),
    stages=(
        Stage("facts", facts.ask, take_facts),
        Stage("questions", questions.ask_questions, questions.take_questions, new=questions.asked),
        Stage("answer", questions.ask_answer, questions.take_answer),
        Stage("pair_judge", chunk_judge.ask_of, chunk_judge.take, judges=True),
        Stage("summary", auxiliary.ask_summary, auxiliary.take_summary, tasks=("summary",)),
        Stage("choices", choices.ask_choices, choices.take_choices, tasks=("choice",)),
        Stage("choices_open", choices.ask_open, choices.take_open, scope="siblings", tasks=("choice",)),
        Stage("choices_closed", choices.ask_closed, choices.take_closed, scope="siblings", tasks=("choice",)),
    ),
    prepare=prepare,
    start=start,
    roots=roots,
    messages=messages,
    per_root=questions.TYPES_A_TURN * questions.MOST,
    expected=0.7,
    judge=chunk_judge.JUDGE,
)
