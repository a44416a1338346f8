"""Knowledge: multiple-choice items about the reserved facts, an exam on what no training row asks about.

Each is answered twice by the teacher: with the chunk, where only the right option may win, and without it, which says
how much a model knows before it has learnt anything. Items that fail the first are dropped; the second is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.choices import LETTERS, Choice, parse_choice
from pipeline.flows import filters
from pipeline.flows.model import Draft, Material, Unparsable, chosen, request, tidy
from pipeline.flows.model import number as hashed
from pipeline.flows.schema import chunked, facts
from pipeline.flows.schema.replies import INTEGER, STRING, array, field, one_of, read, record, schema_text
from pipeline.teacher.port import ChatRequest, Completion, Sampling

PROMPT, OPEN_PROMPT, CLOSED_PROMPT = (
    "schema/knowledge_choices",
    "schema/knowledge_choices_open",
    "schema/knowledge_choices_closed",
)
NONE = "none"
_LONGEST_OPTION = 200  # characters


def choice_draft(draft: Draft, place: int) -> Draft | None:
    """The items to ask for, in one request; None where no fact is reserved."""
    return draft.child(place, task="choice") if facts.reserved(draft) else None


def ask_choices(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """One item for each reserved fact of a chunk."""
    numbered = facts.reserved(drafts[0])
    one = record(fact=INTEGER, question=STRING, right=STRING, wrong=array(STRING, 3, 3))
    schema = schema_text(record(items=array(one, 1, len(numbered))))
    sampling = Sampling(0.3, 0.95, 200 * len(numbered) + 64, schema=schema)
    return chunked.ask(PROMPT, material, drafts[0], {"facts": numbered}, sampling)


def take_choices(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """One draft an item; where the right option stands is chance by hash, not the teacher's habit."""
    draft = drafts[0]
    items = field(read(completion), "items", list)[: len(facts.reserved(draft))]
    if not items:
        raise Unparsable('"items" is empty')
    return [_item(material, draft, at, item) for at, item in enumerate(items)]


def _item(material: Material, draft: Draft, at: int, item: object) -> Draft:
    if not isinstance(item, dict):
        raise Unparsable('"items" does not hold objects alone')
    question = _line(field(item, "question", str))
    right, wrong = _line(field(item, "right", str)), [_line(str(one)) for one in field(item, "wrong", list)]
    options = chosen([right, *wrong], 1 + len(wrong), "options", question)
    number = field(item, "fact", int)
    one = draft.child(at, question=question, attributes={**draft.attributes, "facts": str(number)})
    one.reason = _fault(material, draft, number, question, options)
    if one.reason is None:
        choice = Choice(question, tuple(options), options.index(right))
        one.question, one.answer = choice.text, choice.letter
    return one


def _fault(material: Material, draft: Draft, number: int, question: str, options: Sequence[str]) -> str | None:
    if number not in {place for place, _ in facts.reserved(draft)}:
        return "choice: it asks about a fact that is not kept back for the exam"
    unfit = filters.gate_question(question, ())
    if unfit:
        return f"choice: its question: {unfit}"
    plain = {" ".join(filters.words(option)) or option for option in options}
    if len(options) != len(LETTERS) or len(plain) != len(options):
        return "choice: its options are not four different ones"
    if not all(0 < len(option) <= _LONGEST_OPTION for option in options):
        return "choice: an option is empty or too long"
    common = filters.common_words([*material.questions, *material.held_questions])
    if filters.leaks(question, material.held_questions, common):
        return "choice: it is too close to a held-out seed example"
    return None


def ask_open(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """All items of a chunk, with the chunk."""
    sampling = _letters(len(drafts), (*LETTERS, NONE))
    return chunked.ask(OPEN_PROMPT, material, _parent(drafts), {"items": _texts(drafts)}, sampling)


def take_open(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Drop the items whose right option the teacher did not find in the chunk."""
    for draft, letter in zip(drafts, _answers(completion, len(drafts)), strict=True):
        draft.scores["open_book"] = float(letter == draft.answer)
        if letter != draft.answer:
            chosen_one = letter if letter in LETTERS else "none"
            draft.reason = f"choice: with the chunk at hand the teacher chose {chosen_one}, not {draft.answer}"
    return drafts


def ask_closed(material: Material, drafts: Sequence[Draft]) -> ChatRequest:
    """The same items without the chunk."""
    variables = {"outline": chunked.outline(material), "items": _texts(drafts)}
    place = (hashed(drafts[0].context), *_parent(drafts).place[1:])
    return request(CLOSED_PROMPT, material, place, variables, (), _letters(len(drafts), LETTERS))


def take_closed(material: Material, drafts: Sequence[Draft], completion: Completion) -> Sequence[Draft]:
    """Say which items the teacher knew before."""
    for draft, letter in zip(drafts, _answers(completion, len(drafts)), strict=True):
        draft.scores["closed_book"] = float(letter == draft.answer)
    return drafts


def _parent(drafts: Sequence[Draft]) -> Draft:
    """What stands for the whole list in the seed of a request."""
    first = drafts[0]
    return Draft(first.place[:-1], context=first.context, chunk=first.chunk)


def _texts(drafts: Sequence[Draft]) -> list[str]:
    return [parse_choice(draft.question, draft.answer).text for draft in drafts]


def _letters(count: int, letters: Sequence[str]) -> Sampling:
    one = record(number=INTEGER, letter=one_of(*letters))
    schema = schema_text(record(answers=array(one, count, count)))
    return Sampling(max_tokens=24 * count + 32, schema=schema)


def _answers(completion: Completion, count: int) -> list[str]:
    items = [item for item in field(read(completion), "answers", list) if isinstance(item, dict)]
    by_number = {field(item, "number", int): field(item, "letter", str).strip(" .").upper() for item in items}
    if len(items) != count or sorted(by_number) != list(range(1, count + 1)):
        raise Unparsable(f"{count} answers were asked for, and those to {sorted(by_number)} came")
    return [by_number[number] for number in range(1, count + 1)]


def _line(text: str) -> str:
    return " ".join(tidy(filters.strip_control(text), single_line=False).split())
