"""Grounded skills: a new context in the manner of the seeds, a question about it, an answer that it supports."""

from __future__ import annotations

from pipeline.flows import filters
from pipeline.flows.judges import PLAIN_JUDGE, judge_stage
from pipeline.flows.model import Draft, Flow, Material, one_line, request, tidy, tokens_for
from pipeline.flows.plain import freeform
from pipeline.flows.plain.stage import plain_stage, shown_pairs, shown_seeds
from pipeline.teacher.port import ChatRequest, Message, Sampling

EXAMPLES = 3
MIN_SUPPORT = 0.6  # share of the answer's content words that stand in the context


def ask_context(material: Material, draft: Draft) -> ChatRequest:
    """Stage 1: a context, sampled warm."""
    seeds = shown_seeds(material, draft.root)
    draft.seeds = tuple(sorted(seed.index for seed in seeds))
    contexts = [seed.context for seed in material.open]
    stop = ("\n",) if one_line(contexts) else ()
    sampling = Sampling(0.7, 0.9, tokens_for(contexts), stop)
    shown: list[dict[str, object]] = [{"context": seed.context} for seed in seeds]
    return request(
        "plain/grounded_context", material, draft.place, {"task": material.leaf.task_description}, shown, sampling
    )


def read_context(material: Material, draft: Draft, text: str) -> str | None:
    """Plain, no seed's, and long enough to ask about."""
    contexts = [seed.context for seed in material.open]
    draft.context = tidy(text, single_line=one_line(contexts))
    held = [seed.context for seed in material.held]
    draft.scores["nearest_seed_rouge_l"] = freeform.nearest(draft.context, contexts)
    reason = filters.gate_text(draft.context, contexts) or filters.gate_new(draft.context, (), contexts, held)
    return f"context: {reason}" if reason else None


def ask_question(material: Material, draft: Draft) -> ChatRequest:
    """Stage 2: a question about the context."""
    pairs = shown_pairs(material, draft, EXAMPLES, "question")
    shown: list[dict[str, object]] = [{"context": seed.context, "question": pair.question} for seed, pair in pairs]
    stop = ("\n",) if one_line(material.questions) else ()
    variables: dict[str, object] = {"task": material.leaf.task_description, "context": draft.context}
    sampling = Sampling(0.3, 0.9, tokens_for(material.questions), stop)
    return request("plain/grounded_question", material, draft.place, variables, shown, sampling)


def read_question(material: Material, draft: Draft, text: str) -> str | None:
    """Well formed, and about this context. It may be a seed's question, as the context is new."""
    draft.question = tidy(text, single_line=one_line(material.questions))
    reason = filters.gate_question(draft.question, material.questions)
    if not reason and filters.invented(draft.question, draft.context):
        reason = "it names what does not stand in the context"
    return reason


def ask_answer(material: Material, draft: Draft) -> ChatRequest:
    """Stage 3: the answer from the context."""
    pairs = shown_pairs(material, draft, EXAMPLES, "answer")
    shown: list[dict[str, object]] = [
        {"context": seed.context, "question": pair.question, "answer": pair.answer} for seed, pair in pairs
    ]
    stop = ("\n",) if one_line(material.answers) else ()
    variables: dict[str, object] = {
        "task": material.leaf.task_description,
        "context": draft.context,
        "question": draft.question,
    }
    sampling = Sampling(0.1, 0.9, tokens_for(material.answers), stop)
    return request("plain/grounded_answer", material, draft.place, variables, shown, sampling)


def read_answer(material: Material, draft: Draft, text: str) -> str | None:
    """As for freeform, and the context must hold most of the answer's content words."""
    reason = freeform.read_answer(material, draft, text)
    draft.scores["context_support"] = round(filters.support(draft.answer, draft.context + " " + draft.question), 4)
    if reason:
        return reason
    usual = min(filters.support(pair.answer, f"{seed.context} {pair.question}") for seed, pair in material.pairs)
    if draft.scores["context_support"] < min(MIN_SUPPORT, usual):  # some tasks answer in words of their own
        return "answer: too few of its words stand in the context"
    strange = filters.invented(draft.answer, f"{draft.context} {draft.question}")
    if strange and usual == 1.0:
        return f"answer: the context does not hold {', '.join(sorted(strange))}"
    return None


def messages(draft: Draft) -> tuple[Message, ...]:
    """The training row: context and question, answer."""
    asked = f"{draft.context}\n\n{draft.question}" if draft.question else draft.context
    return (Message("user", asked), Message("assistant", draft.answer))


FLOW = Flow(
    kind="grounded",
    form="plain",
    version=3,
    prompts=("plain/grounded_context", "plain/grounded_question", "plain/grounded_answer", "plain/judge_pair"),
    stages=(
        plain_stage("context", ask_context, read_context, new=lambda material, draft: draft.context),
        plain_stage("question", ask_question, read_question),
        plain_stage("answer", ask_answer, read_answer, new=freeform.long_answer),
        judge_stage(PLAIN_JUDGE),
    ),
    prepare=freeform.prepare,
    start=freeform.start,
    roots=freeform.any_number,
    messages=messages,
    per_root=1,
    expected=0.4,
    judge=PLAIN_JUDGE,
)
