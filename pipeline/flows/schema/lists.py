"""What the schema-bound skill flows share: the block that prompts begin with, lists of texts, verdicts on a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.flows import filters
from pipeline.flows.attributes import TEMPERATURES, plan, wording
from pipeline.flows.model import Draft, Material, request, tidy
from pipeline.flows.schema import replies
from pipeline.teacher.port import ChatRequest, Completion, Sampling

TEMPERATURE, TOP_P = 0.9, 0.95  # of lists: what differs between roots is asked for, what differs within one is drawn
LARGEST = 2048  # output tokens of one request
LEAST_TO_LEAK = 5  # words of an answer that can give a held-out one away; many tasks have a handful of short answers
FAILED = {
    "answerable": "cannot be answered in text",
    "answerable_from_context": "cannot be answered from its context alone",
    "consistent": "contradicts itself",
    "on_task": "is off the task",
    "safe": "is not safe",
    "sufficient": "holds too little to ask about",
    "well_formed": "is not well formed",
}


def start(material: Material, root: int, flow_name: str) -> Draft:
    """A root's plan: attributes and seeds."""
    attributes, seeds = plan(material, root, flow_name)
    return Draft((root,), attributes, tuple(seed.index for seed in seeds))


def block(material: Material, draft: Draft, flow_name: str) -> dict[str, object]:
    """What the prompts of a root have in common: task, seeds, plan."""
    shown = [
        {"context": seed.context, "question": pair.question, "answer": pair.answer}
        for seed in plan(material, draft.root, flow_name)[1]
        for pair in seed.pairs
    ]
    return {"task": material.leaf.task_description, "examples": shown, **wording(draft.attributes)}


def question_drafts(material: Material, draft: Draft, completion: Completion, most: int) -> list[Draft]:
    """One draft for each question of the list {"questions": […]}, at most `most`. Raises `Unparsable`."""
    found = replies.texts(completion, "questions", most, longest=longest(material.questions))
    return [draft.child(place, question=tidy(text, single_line=False)) for place, text in enumerate(found)]


def ask_verdicts(
    prompt: str,
    material: Material,
    drafts: Sequence[Draft],
    flow_name: str,
    checks: Mapping[str, str],
    **listed: object,
) -> ChatRequest:
    """One verdict on each of `drafts`, in one request. `listed`: their texts, and what else the prompt shows."""
    variables = {**block(material, drafts[0], flow_name), **listed, "checks": checks}
    sampling = verdict_sampling(checks, len(drafts))
    return request(prompt, material, drafts[0].place[:-1], variables, (), sampling)


def list_sampling(key: str, count: int, like: Sequence[str]) -> Sampling:
    """How to sample a list of `count` texts like those in `like`."""
    schema = replies.texts_schema(key, count)
    return Sampling(TEMPERATURE, TOP_P, room(like, count), schema=schema)


def answer_sampling(material: Material, draft: Draft) -> Sampling:
    """How to sample an answer: warm for writing, cool where there is one right answer (LAB)."""
    creative = draft.attributes.get("persona") == "creative"
    return Sampling(TEMPERATURES["creative" if creative else "precise"], TOP_P, room(material.answers))


def verdict_sampling(checks: Mapping[str, str], count: int) -> Sampling:
    """How to ask for `count` verdicts: greedily, and with room for nothing else."""
    return Sampling(max_tokens=64 * count + 64, schema=replies.verdicts_schema(list(checks), count))


def take_verdicts(drafts: Sequence[Draft], completion: Completion, checks: Mapping[str, str], what: str) -> None:
    """Reject each draft that fails a check, with what is wrong with it. `what`: the word for such a draft's text."""
    for draft, verdict in zip(drafts, replies.verdicts(completion, list(checks), len(drafts)), strict=True):
        failed = [FAILED[check] for check, passed in verdict.items() if not passed]
        draft.scores[f"{what}_checks"] = round(sum(verdict.values()) / len(verdict), 4)
        draft.reason = f"the judge says that the {what} {' and '.join(failed)}" if failed else None


def answer_reason(material: Material, text: str) -> str | None:
    """Why an answer cannot be used whatever its question: it is empty, or gives a held-out one away."""
    if not filters.words(text):
        return "answer: the teacher wrote nothing"
    held = [answer for answer in material.held_answers if len(filters.words(answer)) >= LEAST_TO_LEAK]
    reason = filters.gate_new(text, (), (), held)
    return f"answer: {reason}" if reason else None


def fitting(wanted: int, like: Sequence[str]) -> int:
    """How many texts like those in `like` one reply has room for: `wanted`, or fewer where they are long."""
    return max(1, min(wanted, LARGEST // _tokens(like)))


def room(like: Sequence[str], items: int = 1) -> int:
    """Output tokens to allow for `items` texts like the longest in `like`, within 256 to 2048.

    A power of two, so that an edited seed seldom changes the requests of roots that do not show it.
    """
    return next((size for size in (256, 512, 1024) if size >= items * _tokens(like)), LARGEST)


def longest(like: Sequence[str]) -> int:
    """Characters that one text of a list may have: five times the longest in `like`, at least 600."""
    return max(600, 5 * max((len(text) for text in like), default=0))


def _tokens(like: Sequence[str]) -> int:
    # English has about 1.4 tokens a word; a text may be half as long again as the longest seed
    return 32 + 2 * max((len(filters.words(text)) for text in like), default=40)
