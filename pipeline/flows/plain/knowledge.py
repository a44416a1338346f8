"""Knowledge: a question about each fact of a document or seed context, answered from the passage around it.

The training row asks without the passage, so a question must name its subject: where the teacher forgot to, the
subject is put before it. An answer must stand in the fact: where the teacher's does not, the fact itself is quoted.
Small teachers do both often; the scores `subject_added` and `answer_quoted` say when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from pipeline.documents import Document
from pipeline.flows import filters
from pipeline.flows.judges import PLAIN_JUDGE, judge_stage
from pipeline.flows.model import Draft, Flow, Material, chosen, number, one_line, request, tidy, tokens_for, topic_of
from pipeline.flows.passages import Passage, passages
from pipeline.flows.plain import freeform
from pipeline.flows.plain.stage import plain_stage
from pipeline.teacher.port import ChatRequest, Sampling
from validators import QA, Seed

QUESTION_EXAMPLES, ANSWER_EXAMPLES = 5, 3
TURNS = 12
MIN_QUESTION_SUPPORT = 0.6  # share of a question's own content words that stand in the fact
MIN_ANSWER_SUPPORT = 0.8  # share of the content words that an answer adds to its question


# What a question asks for; these words need not stand in the fact that answers it.
_ASKING = filters.content_words(
    "age amount called color colour cost current date day depth distance far happen happens height high kind length "
    "location long main many name number old place price process purpose reason role size tall time type wide "
    "width year"
)


def prepare(material: Material) -> Material:
    """Cut the document into passages, or the open seeds' contexts where no document is at hand."""
    document = material.document
    if isinstance(document, Document):
        origin = f"{document.repo}@{document.commit}"
        found = [item for file in document.files for item in passages(file.text, source=f"{origin}:{file.path}")]
    else:
        found = [item for seed in material.open for item in passages(seed.context, seed=seed.index)]
    distinct = {item.focus: item for item in reversed(found)}
    path = material.leaf.path
    ordered = sorted(distinct.values(), key=lambda item: (number(path, "passage", item.focus), item.focus))
    return replace(material, passages=tuple(ordered))


def ask_question(material: Material, draft: Draft) -> ChatRequest:
    """Stage 1: the question that one fact answers. Drafts go round the passages, warmer each time."""
    turn, place = divmod(draft.root, len(material.passages))
    draft.passage = passage = material.passages[place]
    draft.context = passage.fact
    others = [(seed, pair) for seed, pair in _naming_subject(material) if _fact(seed, pair).focus != passage.focus]
    shown = _shown(draft, chosen(others, QUESTION_EXAMPLES, material.leaf.path, "question", passage.focus, turn))
    stop = ("\n",) if one_line(material.questions) else ()
    sampling = Sampling(min(0.9, 0.2 + 0.3 * turn), 0.9, tokens_for(material.questions), stop)
    variables = {"subject": subject_of(material), "fact": passage.fact}
    return request("plain/knowledge_question", material, _spot(material, draft), variables, shown, sampling)


def read_question(material: Material, draft: Draft, text: str) -> str | None:
    """Well formed, no seed's, about the fact, and clear without it."""
    draft.question = tidy(text, single_line=one_line(material.questions))
    subject = topic_words(material)
    own = filters.content_words(draft.question) - subject - _ASKING
    known = filters.content_words(draft.context)
    draft.scores["question_words_in_fact"] = round(len(own & known) / len(own) if own else 1.0, 4)
    reason = filters.gate_question(draft.question, material.questions)
    if reason is None:
        unnamed = 2 * len(subject & filters.content_words(draft.question)) < len(subject)
        draft.scores["subject_added"] = float(unnamed)
        draft.question = f"About {subject_of(material)}: {draft.question}" if unnamed else draft.question
        reason = filters.gate_new(draft.question, (), material.questions, material.held_questions)
    if reason:
        return reason
    if draft.scores["question_words_in_fact"] < MIN_QUESTION_SUPPORT:
        return "too few of its words stand in the fact that it should ask about"
    if filters.invented(draft.question, f"{draft.context} {subject_of(material)} {' '.join(material.questions)}"):
        return "it names what stands neither in the fact nor in the seed examples"
    return None


def ask_answer(material: Material, draft: Draft) -> ChatRequest:
    """Stage 2: the answer, from the fact."""
    pairs = chosen(_naming_subject(material), ANSWER_EXAMPLES, material.leaf.path, "answer", draft.context)
    stop = ("\n",) if one_line(material.answers) else ()
    sampling = Sampling(0.0, 1.0, tokens_for(material.answers), stop)
    variables = {"subject": subject_of(material), "fact": draft.context, "question": draft.question}
    return request(
        "plain/knowledge_answer", material, _spot(material, draft), variables, _shown(draft, pairs), sampling
    )


def read_answer(material: Material, draft: Draft, text: str) -> str | None:
    """As for freeform, and what it adds to the question must stand in the fact, each name and number above all."""
    text = tidy(text, single_line=one_line(material.answers))
    strays = filters.gate_text(text, material.answers) or _strays(material, draft, text)
    quoted = strays is not None and draft.passage is not None
    draft.scores["answer_quoted"] = float(quoted)
    reason = freeform.read_answer(material, draft, draft.passage.quote if quoted and draft.passage else text)
    return reason or _strays(material, draft, draft.answer)


def _strays(material: Material, draft: Draft, answer: str) -> str | None:
    """Why an answer is not the fact's."""
    added = filters.content_words(answer) - filters.content_words(draft.question) - topic_words(material)
    known = filters.content_words(draft.context)
    draft.scores["answer_words_in_fact"] = round(len(added & known) / len(added) if added else 0.0, 4)
    if not added:
        return "answer: it says nothing beyond the question"
    if draft.scores["answer_words_in_fact"] < MIN_ANSWER_SUPPORT:
        return "answer: too few of its words stand in the fact"
    strange = filters.invented(answer, f"{draft.context} {draft.question} {subject_of(material)}")
    return f"answer: the fact does not hold {', '.join(sorted(strange))}" if strange else None


def topic_words(material: Material) -> frozenset[str]:
    """Content words of the subject's name; a question must hold half of them."""
    return filters.content_words(subject_of(material))


def subject_of(material: Material) -> str:
    """What the leaf is about: the longest run of words in half of the seed questions, else its folder or domain."""
    found = _longest_run(material.questions)
    if found:
        return found
    asked = frozenset[str]().union(*(filters.content_words(question) for question in material.questions))
    folder = topic_of(material.leaf)
    return folder if filters.content_words(folder) & asked else material.leaf.domain or folder


@lru_cache(maxsize=1024)
def _longest_run(questions: tuple[str, ...]) -> str:
    counts: Counter[tuple[str, ...]] = Counter()
    for question in questions:
        said = question.rstrip(" ?.!").split()
        runs = {tuple(said[at:end]) for at in range(1, len(said)) for end in range(at + 1, min(len(said), at + 6) + 1)}
        counts.update(run for run in runs if filters.content_words(run[0]) or run[0].lower() in ("the", "a", "an"))
    wanted = max(2, -(-len(questions) // 2))
    found = [
        run for run, count in counts.items() if count >= wanted and filters.content_words(run[-1]) and run[-1].isalnum()
    ]
    if not found:
        return ""
    longest = max(found, key=lambda run: (len(run), counts[run], run))
    return " ".join(longest)


def _naming_subject(material: Material) -> tuple[tuple[Seed, QA], ...]:
    """The pairs whose question names the subject, as the new ones should; all where fewer than three do."""
    subject = topic_words(material)
    naming = tuple(item for item in material.pairs if subject & filters.content_words(item[1].question))
    return naming if len(naming) >= ANSWER_EXAMPLES else material.pairs


def _spot(material: Material, draft: Draft) -> tuple[int, int]:
    """What the seed of a request follows: turn and passage, so that a passage that comes or goes moves no other."""
    passage = draft.passage
    return draft.root // len(material.passages), number(passage.focus) if passage else 0


def _shown(draft: Draft, pairs: Sequence[tuple[Seed, QA]]) -> list[dict[str, object]]:
    draft.seeds = tuple(sorted({*draft.seeds, *(seed.index for seed, _ in pairs)}))
    return [{"fact": _fact(seed, pair).fact, "question": pair.question, "answer": pair.answer} for seed, pair in pairs]


@lru_cache(maxsize=4096)
def _fact(seed: Seed, pair: QA) -> Passage:
    """The sentence of a seed's context that holds most of the answer's words."""
    found = passages(seed.context, seed=seed.index)
    if not found:
        return Passage(seed.context, seed.context, 0, len(seed.context), seed=seed.index)
    wanted = f"{pair.answer} {pair.question}"
    return max(found, key=lambda item: (filters.support(wanted, item.focus), -item.start))


def most_turns(material: Material) -> int | None:
    """Each turn round the passages is warmer; after a few, nothing new comes."""
    return TURNS * len(material.passages)


FLOW = Flow(
    kind="knowledge",
    form="plain",
    version=2,
    prompts=("plain/knowledge_question", "plain/knowledge_answer", "plain/judge_pair"),
    stages=(
        plain_stage("question", ask_question, read_question, new=lambda material, draft: draft.question),
        plain_stage("answer", ask_answer, read_answer),  # many questions may have one answer
        judge_stage(PLAIN_JUDGE),
    ),
    prepare=prepare,
    start=freeform.start,
    roots=most_turns,
    messages=freeform.messages,
    per_root=1,
    expected=0.5,
    judge=PLAIN_JUDGE,
)
