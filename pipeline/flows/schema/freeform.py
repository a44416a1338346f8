"""Freeform skills with a large teacher: a list of questions, one verdict on the list, then each answer and its verdict.

At full pass a row costs (1 + 1) / 7 + 2 requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.judges import SCHEMA_JUDGE, SCHEMA_PROMPT, judge_stage
from pipeline.flows.model import Draft, Flow, Material, Stage, request
from pipeline.flows.schema import lists
from pipeline.teacher.port import ChatRequest, Completion, Message

NAME = "freeform"
QUESTIONS = 7  # in one list
CHECKS = {
    "answerable": "it can be answered in text alone, and nothing is missing that one would need for that",
    "on_task": "answering it is the task above",
    "safe": "neither it nor a fitting answer harms, insults or exposes anybody",
    "well_formed": "it is clear and complete, it makes sense, and it has the form of the examples",
}


def start(material: Material, root: int) -> Draft:
    """A root's plan: attributes and seeds."""
    return lists.start(material, root, NAME)


def ask_questions(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 1: a list of questions after the root's plan."""
    count = lists.fitting(QUESTIONS, material.questions)
    variables = {**lists.block(material, drafts[0], NAME), "count": count}
    sampling = lists.list_sampling("questions", count, material.questions)
    return request("schema/freeform_questions", material, drafts[0].place, variables, (), sampling)


def take_questions(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """One draft for each question; it repeats neither a seed, nor the task, nor one before it, nor what is held out."""
    children = lists.question_drafts(material, drafts[0], completion, QUESTIONS)
    questions = [child.question for child in children]
    seeds = (*material.questions, material.leaf.task_description)
    for place, child in enumerate(children):
        child.reason = filters.gate_new(child.question, questions[:place], seeds, material.held_questions)
    return children


def ask_about_questions(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 2: four booleans for each question of the list, in one request."""
    questions = [draft.question for draft in drafts]
    prompt = "schema/freeform_question_judge"
    return lists.ask_verdicts(prompt, material, drafts, NAME, CHECKS, questions=questions)


def take_verdicts(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Only what passes every check goes on."""
    lists.take_verdicts(drafts, completion, CHECKS, "question")
    return drafts


def ask_answer(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """Stage 3: the answer, by the leaf's persona."""
    draft = drafts[0]
    variables = {**lists.block(material, draft, NAME), "question": draft.question}
    sampling = lists.answer_sampling(material, draft)
    return request("schema/freeform_answer", material, draft.place, variables, (), sampling)


def take_answer(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """The answer as it came, without a label before it."""
    draft = drafts[0]
    draft.answer = completion.text.strip().removeprefix("Answer:").strip()
    draft.reason = lists.answer_reason(material, draft.answer)
    return drafts


def new_question(material: Material, draft: Draft) -> str:
    """What no earlier root may have asked."""
    return draft.question


def messages(draft: Draft) -> tuple[Message, ...]:
    """The training row: question, answer."""
    return (Message("user", draft.question), Message("assistant", draft.answer))


def prepare(material: Material) -> Material:
    """Nothing to find: the seeds are all there is."""
    return material


def roots(material: Material) -> int | None:
    """As many as wanted."""
    return None


FLOW = Flow(
    kind=NAME,
    form="schema",
    version=2,
    prompts=("schema/freeform_questions", "schema/freeform_question_judge", "schema/freeform_answer", SCHEMA_PROMPT),
    stages=(
        Stage("questions", ask_questions, take_questions),
        Stage("question_judge", ask_about_questions, take_verdicts, "siblings", new=new_question),
        Stage("answer", ask_answer, take_answer),
        judge_stage(SCHEMA_JUDGE),
    ),
    prepare=prepare,
    start=start,
    roots=roots,
    messages=messages,
    per_root=QUESTIONS,
    expected=1.0,  # a row that is lost is made up for at once; one too many costs as much as a kept one
    judge=SCHEMA_JUDGE,
)
