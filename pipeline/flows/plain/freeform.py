"""Freeform skills: a new question in the manner of the seeds, then its answer."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.flows import filters
from pipeline.flows.judges import PLAIN_JUDGE, judge_stage
from pipeline.flows.model import Draft, Flow, Material, one_line, request, tidy, tokens_for
from pipeline.flows.plain.stage import plain_stage, shown_pairs
from pipeline.teacher.port import ChatRequest, Message, Sampling

EXAMPLES = 4
MIN_TAKEN_UP = 0.5  # share of a question's own words; less where the seeds' answers take up less
SHORT_ANSWER = 3  # words
ECHO = 0.8  # an answer this near to its question only says it again


def ask_question(material: Material, draft: Draft) -> ChatRequest:
    """Stage 1: a question, sampled warm so that drafts differ."""
    shown = [{"question": pair.question} for _, pair in shown_pairs(material, draft, EXAMPLES, "question")]
    stop = ("\n",) if one_line(material.questions) else ()
    sampling = Sampling(0.7, 0.9, tokens_for(material.questions), stop)
    task = material.leaf.task_description
    return request("plain/freeform_question", material, draft.place, {"task": task}, shown, sampling)


def read_question(material: Material, draft: Draft, text: str) -> str | None:
    """A well-formed question that is neither a seed nor near to a held-out one."""
    draft.question = tidy(text, single_line=one_line(material.questions))
    seeds = material.questions
    draft.scores["nearest_seed_rouge_l"] = nearest(draft.question, seeds)
    reason = filters.gate_question(draft.question, seeds) or filters.gate_new(
        draft.question, (), seeds, material.held_questions
    )
    if reason:
        return reason
    if filters.duplicate(draft.question, material.leaf.task_description, filters.common_words(seeds)):
        return "it repeats the task description"
    if filters.form_kept(draft.question, seeds) < filters.MIN_FORM:
        return "it does not keep the form that the seeds share"
    return None


def ask_answer(material: Material, draft: Draft) -> ChatRequest:
    """Stage 2: the answer, sampled cool."""
    pairs = shown_pairs(material, draft, EXAMPLES, "answer")
    shown = [{"question": pair.question, "answer": pair.answer} for _, pair in pairs]
    stop = ("\n",) if one_line(material.answers) else ()
    sampling = Sampling(0.2, 0.9, tokens_for(material.answers), stop)
    variables: dict[str, object] = {"task": material.leaf.task_description, "question": draft.question}
    return request("plain/freeform_answer", material, draft.place, variables, shown, sampling)


def read_answer(material: Material, draft: Draft, text: str) -> str | None:
    """A plain answer of its own: no seed's answer, no echo of its question."""
    draft.answer = tidy(text, single_line=one_line(material.answers))
    draft.scores["answer_repetition"] = round(filters.repetition(draft.answer), 4)
    draft.scores["question_words_in_answer"] = round(_taken_up(material, draft.question, draft.answer), 4)
    reason = filters.gate_text(draft.answer, material.answers) or pair_reason(material, draft)
    return f"answer: {reason}" if reason else None


def read_formed_answer(material: Material, draft: Draft, text: str) -> str | None:
    """As `read_answer`, and in the form that the seeds' answers share: it is half of what a freeform leaf teaches."""
    reason = read_answer(material, draft, text)
    draft.scores["answer_form_kept"] = round(filters.form_kept(draft.answer, material.answers), 4)
    if reason is None and draft.scores["answer_form_kept"] < filters.MIN_FORM:
        reason = "answer: it does not keep the form that the seeds share"
    return reason


def pair_reason(material: Material, draft: Draft) -> str | None:
    """What question and answer must be next to each other and to the seeds."""
    common = filters.common_words([*material.answers, *material.held_answers])
    if filters.leaks(draft.answer, material.held_answers, common):
        return "it is too close to a held-out seed example"
    if filters.near(draft.answer, draft.question, ECHO):
        return "it only repeats the question"
    if not filters.content_words(draft.answer) - filters.content_words(draft.question):
        return "it says nothing beyond the question"
    lacking = filters.unanswered(draft.question, draft.answer)
    if lacking:
        return lacking
    if any(filters.words(draft.answer) == filters.words(seed) for seed in material.answers):
        return "it is a seed's answer word for word"
    usual = min(_taken_up(material, pair.question, pair.answer) for _, pair in material.pairs)
    if draft.scores["question_words_in_answer"] < min(MIN_TAKEN_UP, usual):
        return "it takes up too little of what was asked"
    return None


def _taken_up(material: Material, question: str, answer: str) -> float:
    """Share of what is particular to a question that its answer takes up; judged next to what seed answers do."""
    asked = filters.content_words(question) - filters.common_words([*material.questions, *material.held_questions])
    return len(asked & filters.content_words(answer)) / len(asked) if asked else 1.0


def nearest(text: str, seeds: Sequence[str]) -> float:
    """Highest ROUGE-L of `text` against `seeds`."""
    return round(max((filters.rouge_l(text, seed) for seed in seeds), default=0.0), 4)


def messages(draft: Draft) -> tuple[Message, ...]:
    """The training row: question, answer."""
    return (Message("user", draft.question), Message("assistant", draft.answer))


def prepare(material: Material) -> Material:
    """Nothing to find: the seeds are all there is."""
    return material


def start(material: Material, root: int) -> Draft:
    """An empty draft."""
    return Draft((root,))


def any_number(material: Material) -> int | None:
    """There can be as many roots as are wanted."""
    return None


def long_answer(material: Material, draft: Draft) -> str:
    """An answer that must be new: one of a few words may well be the answer to many questions."""
    return draft.answer if len(filters.words(draft.answer)) > SHORT_ANSWER else ""


FLOW = Flow(
    kind="freeform",
    form="plain",
    version=3,
    prompts=("plain/freeform_question", "plain/freeform_answer", "plain/judge_pair"),
    stages=(
        plain_stage("question", ask_question, read_question, new=lambda material, draft: draft.question),
        plain_stage("answer", ask_answer, read_formed_answer, new=long_answer),
        judge_stage(PLAIN_JUDGE),
    ),
    prepare=prepare,
    start=start,
    roots=any_number,
    messages=messages,
    per_root=1,
    expected=0.5,
    judge=PLAIN_JUDGE,
)
