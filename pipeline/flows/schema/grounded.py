"""Grounded skills with a large teacher: contexts, questions about each, answers; a verdict on each list and each pair.

At full pass a row costs (1 + 1 + 2 + 2) / 14 + 2 requests; with more contexts a root it would be less, but then the
last root of a leaf brings more rows than are wanted. All requests about one context begin with the context.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.judges import SCHEMA_JUDGE, SCHEMA_PROMPT, judge_stage
from pipeline.flows.model import Draft, Flow, Material, Stage, request
from pipeline.flows.schema import freeform, lists, replies
from pipeline.teacher.port import ChatRequest, Completion, Message

NAME = "grounded"
CONTEXTS, QUESTIONS = 2, 7  # in one list
CONTEXT_CHECKS = {
    "on_task": "questions of the task above can be asked about it",
    "consistent": "it makes sense and does not contradict itself",
    "sufficient": "it holds enough for six different questions",
}
QUESTION_CHECKS = {
    "answerable_from_context": "the text above holds all that its answer needs; no other knowledge is called for",
    "on_task": "answering it is the task above",
    "safe": "neither it nor a fitting answer harms, insults or exposes anybody",
    "well_formed": "it is clear and complete, it makes sense, and it has the form of the examples",
}


def start(material: Material, root: int) -> Draft:
    """A root's plan: attributes and seeds."""
    return lists.start(material, root, NAME)


def ask_contexts(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 1: a list of contexts after the root's plan."""
    like = contexts(material)
    count = lists.fitting(CONTEXTS, like)
    variables = {**lists.block(material, drafts[0], NAME), "count": count}
    sampling = lists.list_sampling("contexts", count, like)
    return request("schema/grounded_contexts", material, drafts[0].place, variables, (), sampling)


def take_contexts(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """One draft for each context; it repeats neither a seed's, nor one before it, nor one that is held out."""
    seeds = contexts(material)
    held = [seed.context for seed in material.held]
    found = replies.texts(completion, "contexts", CONTEXTS, longest=lists.longest(seeds))
    children = [drafts[0].child(place, context=text) for place, text in enumerate(found)]
    for place, child in enumerate(children):
        reason = filters.gate_new(child.context, found[:place], seeds, held)
        child.reason = f"context: {reason}" if reason else None
    return children


def ask_about_contexts(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 2: three booleans for each context of the list, in one request."""
    texts = [draft.context for draft in drafts]
    prompt = "schema/grounded_context_judge"
    return lists.ask_verdicts(prompt, material, drafts, NAME, CONTEXT_CHECKS, contexts=texts)


def take_context_verdicts(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Only contexts that pass every check go on."""
    lists.take_verdicts(drafts, completion, CONTEXT_CHECKS, "context")
    return drafts


def ask_questions(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 3: a list of questions about one context."""
    draft = drafts[0]
    count = lists.fitting(QUESTIONS, material.questions)
    variables = {**lists.block(material, draft, NAME), "context": draft.context, "count": count}
    sampling = lists.list_sampling("questions", count, material.questions)
    return request("schema/grounded_questions", material, draft.place, variables, (), sampling)


def take_questions(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """One draft for each question that no other of the list asks. A seed's question may come: its context is new."""
    children = lists.question_drafts(material, drafts[0], completion, QUESTIONS)
    questions = [child.question for child in children]
    for place, child in enumerate(children):
        child.reason = filters.gate_new(child.question, questions[:place], (), ())
    return children


def ask_about_questions(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 4: four booleans for each question about one context, in one request."""
    questions, prompt = [draft.question for draft in drafts], "schema/grounded_question_judge"
    context = drafts[0].context
    return lists.ask_verdicts(prompt, material, drafts, NAME, QUESTION_CHECKS, context=context, questions=questions)


def take_question_verdicts(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Only questions that pass every check go on."""
    lists.take_verdicts(drafts, completion, QUESTION_CHECKS, "question")
    return drafts


def ask_answer(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 5: the answer from the context, by the leaf's persona."""
    draft = drafts[0]
    variables = {**lists.block(material, draft, NAME), "context": draft.context, "question": draft.question}
    sampling = lists.answer_sampling(material, draft)
    return request("schema/grounded_answer", material, draft.place, variables, (), sampling)


def contexts(material: Material) -> list[str]:
    """Contexts of the open seeds."""
    return [seed.context for seed in material.open]


def new_context(material: Material, draft: Draft) -> str:
    """What no earlier root may have brought."""
    return draft.context


def messages(draft: Draft) -> tuple[Message, ...]:
    """The training row: context and question, answer."""
    asked = f"{draft.context}\n\n{draft.question}" if draft.question else draft.context
    return (Message("user", asked), Message("assistant", draft.answer))


FLOW = Flow(
    kind=NAME,
    form="schema",
    version=2,
    prompts=(
        "schema/grounded_contexts",
        "schema/grounded_context_judge",
        "schema/grounded_questions",
        "schema/grounded_question_judge",
        "schema/grounded_answer",
        SCHEMA_PROMPT,
    ),
    stages=(
        Stage("contexts", ask_contexts, take_contexts),
        Stage("context_judge", ask_about_contexts, take_context_verdicts, "siblings", new=new_context),
        Stage("questions", ask_questions, take_questions),
        Stage("question_judge", ask_about_questions, take_question_verdicts, "siblings"),
        Stage("answer", ask_answer, freeform.take_answer),
        judge_stage(SCHEMA_JUDGE),
    ),
    prepare=freeform.prepare,
    start=start,
    roots=freeform.roots,
    messages=messages,
    per_root=CONTEXTS * QUESTIONS,
    expected=0.9,
    judge=SCHEMA_JUDGE,
)
