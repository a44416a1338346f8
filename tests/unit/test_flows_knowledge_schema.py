"""Knowledge for large teachers: facts, questions, answers, judge, auxiliary tasks and exams, all from the raw chunk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.choices import Choice, parse_choice
from pipeline.documents import Document, Unreachable
from pipeline.flows.filters import content_words
from pipeline.flows.model import Draft, Material, Unparsable
from pipeline.flows.prompts import FOLDER
from pipeline.flows.schema import auxiliary, choices, chunk_judge, chunked, facts, questions
from pipeline.flows.schema.knowledge import FLOW, prepare, start, take_facts
from pipeline.flows.schema.quotes import FOUND, quoted
from pipeline.grow import Growth, grow
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.teacher.port import ChatRequest, Completion
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves
from tests.unit.knowledge_script import KnowledgeScript, document, facts_of, truth

ABOUT_CHUNKS = [name for name in FLOW.prompts if name != choices.CLOSED_PROMPT]


def material(about: Document | Unreachable | None = None) -> Material:
    return prepare(replace(leaves.material(leaves.knowledge()), document=about or document()))


def grown(script: KnowledgeScript, ready: Material, target: int = 30) -> Growth:
    growth = Growth(FLOW, ready, target)
    teacher = ScriptedTeacher(script, form="schema", context_tokens=8000)
    pool = Pool(teacher, Responses(":memory:"))
    try:
        pool.run(grow(growth, pool, (1, 0)))
    finally:
        pool.close()
    return growth


def with_facts(ready: Material, root: int = 0) -> list[Draft]:
    """What becomes of a root once its facts are known."""
    draft = start(ready, root)
    return list(take_facts(ready, [draft], Completion(truth(facts.ask(ready, [draft])))))


def of_task(drafts: list[Draft], task: str) -> Draft:
    return next(draft for draft in drafts if draft.task == task)


def user_turn(request: ChatRequest) -> str:
    return request.messages[-1].content


def test_a_row_goes_all_the_way() -> None:
    script = KnowledgeScript()
    growth = grown(script, material())
    rows = [draft for draft in growth.rows if draft.reason is None]
    assert len(rows) == 30
    assert growth.material.calibration is not None
    assert growth.material.calibration.believed
    for row in rows:
        assert row.scores["judge"] == row.scores["quote_found"] == 1.0
        assert [stage for stage, _ in row.trace] == ["facts", "questions", "answer", "pair_judge"]
        assert row.attributes["type"] in questions.TYPES
        assert row.attributes["facts"]
        assert row.chunk is not None
    assert {draft.task for draft in growth.drafts} == {"qa", "summary", "facts", "choice"}


def test_a_chunk_costs_one_request_a_stage_and_two_a_row() -> None:
    script = KnowledgeScript()
    growth = grown(script, material(document(3)), target=500)
    assert script.count("facts") == 3  # the second turn asks the same, and finds it stored
    assert script.count("questions") == 3 * questions.TYPES_A_TURN * questions.TURNS
    assert [script.count(name) for name in ("summary", "choices", "choices_open", "choices_closed")] == [3, 3, 3, 3]
    new = sum("repeats" not in (row.reason or "") for row in growth.rows)
    assert script.count("answer") == new
    assert "nothing more to ask about" in growth.notes[-1]


def test_most_of_a_prompt_is_computed_once() -> None:
    """Tokens that an earlier request of the leaf began with, too, as an engine with a prefix cache sees them."""
    script = KnowledgeScript()
    grown(script, material())
    seen: set[str] = set()
    hit = whole = 0
    for _, request in script.asked:
        text = "\n".join(message.content for message in request.messages)
        blocks = [text[:end] for end in range(64, len(text) + 1, 64)]  # 16 tokens a block, 4 characters a token
        hit += 64 * sum(block in seen for block in blocks)
        whole += len(text)
        seen.update(blocks)
    assert hit / whole > 0.6


def test_all_prompts_about_a_chunk_begin_alike() -> None:
    heads = {(FOLDER / f"{name}.jinja").read_text().partition("== user ==")[0] for name in ABOUT_CHUNKS}
    assert len(heads) == 1
    assert "{{ chunk }}" in heads.pop()


def test_no_held_out_text_reaches_a_request() -> None:
    for ready in (material(), material(Unreachable("offline"))):
        script = KnowledgeScript()
        grown(script, ready)
        asked = "\n".join(message.content for _, request in script.asked for message in request.messages)
        assert len(ready.held) == 2
        for seed in ready.held:
            for secret in (seed.context, *(part for pair in seed.pairs for part in (pair.question, pair.answer))):
                assert secret not in asked


def test_without_its_document_a_leaf_grows_from_the_contexts_of_its_open_seeds() -> None:
    ready = material(Unreachable("offline"))
    assert {chunk.seed for chunk in ready.chunks} == {seed.index for seed in ready.open}
    assert FLOW.roots(ready) == 6
    growth = grown(KnowledgeScript(), ready)
    assert all(draft.chunk is not None and draft.chunk.seed >= 0 for draft in growth.drafts)
    for draft in growth.drafts:
        assert draft.chunk is None or draft.chunk.seed not in draft.seeds  # no chunk is shown its own questions


def test_an_edit_elsewhere_in_the_document_changes_no_request_about_a_chunk() -> None:
    before, whole = material(), document()
    text = whole.files[0].text.replace("silver", "leaden")
    after = material(replace(whole, files=(replace(whole.files[0], text=text),)))
    assert len(after.chunks) == len(before.chunks) == 6
    requests = [{facts.ask(ready, [start(ready, root)]) for root in range(6)} for ready in (before, after)]
    assert len(requests[0] & requests[1]) == 5


def test_the_turns_ask_for_different_types_and_the_same_facts() -> None:
    ready = material()
    first, second = start(ready, 0), start(ready, len(ready.chunks))
    assert facts.ask(ready, [first]) == facts.ask(ready, [second])
    types = [*questions.types_of(first, 0), *questions.types_of(first, 1)]
    assert sorted(types) == sorted(questions.TYPES)
    assert {draft.task for draft in with_facts(ready, len(ready.chunks))} == {"qa"}


def test_facts_without_a_quote_from_the_chunk_are_dropped() -> None:
    ready = material()
    draft = start(ready, 0)
    true = facts_of(facts.ask(ready, [draft]))
    items = [
        {"fact": true[0], "quote": true[0].upper().replace(" ", "\n ")},
        {"fact": true[1], "quote": true[1].replace("15", "16")},
        {"fact": true[2], "quote": "The marble heron was never there, and nobody saw it at all."},
        {"fact": "A fact that stands alone.", "quote": "The"},
        {"fact": true[0], "quote": true[0]},
    ]
    made = take_facts(ready, [draft], Completion(json.dumps({"facts": items})))
    assert made[0].facts == (true[0],)
    assert made[0].scores == {"facts": 1.0, "facts_dropped": 4.0}
    assert {one.task for one in made} == {"qa", "summary"}  # too few for a list, none for an exam


def test_a_chunk_without_a_true_fact_is_one_rejected_row() -> None:
    ready = material()
    draft = start(ready, 0)
    reply = json.dumps({"facts": [{"fact": "The moon is made of cheese.", "quote": "the moon is made of cheese"}]})
    assert take_facts(ready, [draft], Completion(reply)) == [draft]
    assert draft.reason == "no fact that the teacher named stands in the chunk"


def test_every_fourth_fact_is_kept_back_and_never_shown_to_a_question() -> None:
    ready = material()
    for root in range(len(ready.chunks)):
        made = with_facts(ready, root)
        kept_back = facts.reserved(made[0])
        assert len(kept_back) == len(made[0].facts) // 4 > 0
        for draft in made[:3]:
            said = user_turn(questions.ask_questions(ready, [draft]))
            assert all(fact in said for _, fact in facts.usable(draft))
            assert not any(fact in said for _, fact in kept_back)
        said = user_turn(choices.ask_choices(ready, [of_task(made, "choice")]))
        assert re.findall(r"^(\d+)\. ", said, re.MULTILINE) == [str(number) for number, _ in kept_back]
        assert not any(fact in of_task(made, "facts").answer for _, fact in kept_back)


def test_a_row_that_tells_a_reserved_fact_is_rejected_before_the_judge_is_asked() -> None:
    ready = material()
    draft = with_facts(ready)[0]
    number, fact = facts.reserved(draft)[0]
    question = f"What does {' '.join(fact.split()[:5]).replace('The', 'the')} do?"
    reply = {"questions": [{"question": question, "facts": [facts.usable(draft)[0][0]]}]}
    child = questions.take_questions(ready, [draft], Completion(json.dumps(reply)))[0]
    assert child.reason is None
    questions.take_answer(ready, [child], Completion(fact))
    assert child.reason == "answer: it tells a fact that is kept back for the exam"
    assert facts.gives_away(draft, fact)
    assert not any(facts.gives_away(draft, other) for _, other in facts.usable(draft))
    assert number not in {place for place, _ in facts.usable(draft)}


def test_a_question_must_cite_a_fact_that_it_may_ask_about() -> None:
    ready = material()
    draft = with_facts(ready)[0]
    secret = facts.reserved(draft)[0][0]
    items = [{"question": "What does the bear haul?", "facts": cited} for cited in ([secret], [99], [])]
    made = questions.take_questions(ready, [draft], Completion(json.dumps({"questions": items})))
    assert {one.reason for one in made} == {"the question cites none of the facts that it may ask about"}


def verdict(**changes: object) -> str:
    sound: dict[str, object] = {"total_claims": 2, "supported_claims": 2, "answers_question": True}
    return json.dumps({"quote": "", **sound, "self_contained": True, **changes})


def judged(ready: Material, reply: str) -> Draft:
    draft = start(ready, 0)
    draft.question, draft.answer = "What does the bear haul?", "It hauls the salt barrels."
    chunk_judge.take(ready, [draft], Completion(reply))
    return draft


@pytest.mark.parametrize(
    ("changes", "reason", "score"),
    [
        ({}, None, 1.0),
        ({"supported_claims": 1}, "the judge found 1 of 2 claims supported by the chunk", 0.75),
        ({"total_claims": 0, "supported_claims": 0}, "the judge found 0 of 0 claims supported by the chunk", 0.5),
        ({"answers_question": False}, "the judge says that the answer is not what was asked", 0.75),
        ({"self_contained": False}, "the judge says that it is not clear without the chunk", 0.75),
        ({"quote": "words that stand nowhere in it"}, "the judge's quote does not stand in the chunk", 1.0),
        ({"quote": None}, "the judge's quote does not stand in the chunk (similarity 0.00)", 1.0),
    ],
)
def test_the_judge_is_strict(changes: dict[str, object], reason: str | None, score: float) -> None:
    ready = material()
    quote = facts_of(facts.ask(ready, [start(ready, 0)]))[0]
    draft = judged(ready, verdict(**{"quote": quote, **changes}))
    assert draft.scores["judge"] == score
    assert (draft.reason or "").startswith(reason or "")
    assert (draft.reason is None) == (reason is None)


def test_the_judge_asks_the_same_for_a_seed_and_a_sample() -> None:
    ready = material(Unreachable("offline"))
    draft = start(ready, 0)
    draft.question, draft.answer = "What warms the clock?", "An oil lamp."
    assert draft.chunk is not None
    seed = ready.leaf.seeds[draft.chunk.seed]
    assert chunk_judge.ask_of(ready, [draft]) == chunk_judge.ask(ready, seed.context, draft.question, "An oil lamp.")


@pytest.mark.parametrize(
    "reply",
    ["", "no", "[]", "{}", verdict(total_claims="two"), verdict(supported_claims=3), verdict(answers_question="yes")],
)
def test_what_is_no_verdict_is_asked_for_again(reply: str) -> None:
    assert chunk_judge.score(Completion(reply)) is None
    with pytest.raises(Unparsable):
        judged(material(), reply)


@pytest.mark.parametrize(
    ("take", "key"),
    [(facts.take, "facts"), (questions.take_questions, "questions"), (choices.take_choices, "items")],
)
@pytest.mark.parametrize("value", ["missing", [], ["text"], [{}], {"a": 1}, [None], [{"fact": 1, "question": 2}]])
def test_lists_that_cannot_be_read_are_asked_for_again(take: Callable[..., object], key: str, value: object) -> None:
    ready = material()
    draft = of_task(with_facts(ready), "choice" if key == "items" else "qa")
    reply = Completion(json.dumps({key: value} if value != "missing" else {}))
    with pytest.raises(Unparsable):
        take(ready, draft if key == "facts" else [draft], reply)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "summary: the teacher wrote nothing"),
        ("The text speaks of herons and of millers in the town of the valley.", "summary: it speaks about the prompt"),
        ("The heron guards the gate.", "summary: its length of 5 words is no summary's"),
        (
            "The heron guards the northern gate since 1999, and nobody walks the wall.",
            "summary: the chunk does not hold",
        ),
        ("The heron guards the northern gate for Napoleon when no watchman walks.", "summary: the chunk does not hold"),
        ("I'm sorry, I cannot help with a summary of a heron and a gate.", "summary: the teacher refused"),
    ],
)
def test_summaries_are_checked_without_a_judge(text: str, reason: str) -> None:
    ready = material()
    draft = of_task(with_facts(ready), "summary")
    auxiliary.take_summary(ready, [draft], Completion(text))
    assert (draft.reason or "").startswith(reason)


def test_auxiliary_rows_hold_their_chunk() -> None:
    ready = material()
    for task in ("summary", "facts"):
        draft = of_task(with_facts(ready), task)
        assert draft.chunk is not None
        assert draft.question.startswith(chunked.shown(draft.chunk))
        assert FLOW.messages(draft)[0].content == draft.question


def exam(ready: Material) -> list[Draft]:
    draft = of_task(with_facts(ready), "choice")
    return list(choices.take_choices(ready, [draft], Completion(truth(choices.ask_choices(ready, [draft])))))


def test_choices_stand_in_an_order_by_hash() -> None:
    ready = material()
    places = set()
    for root in range(len(ready.chunks)):
        draft = of_task(with_facts(ready, root), "choice")
        for one in choices.take_choices(ready, [draft], Completion(truth(choices.ask_choices(ready, [draft])))):
            item = parse_choice(one.question, one.answer)
            assert item.options[item.right].startswith("The ")
            assert item == parse_choice(item.text, item.letter)
            places.add(item.right)
    assert len(places) > 1


def test_an_item_that_the_chunk_does_not_decide_is_dropped_and_one_known_before_is_only_told() -> None:
    ready = material()
    items = exam(ready)
    right = [one.answer for one in items]
    wrong = "none" if right[0] != "none" else "A"
    replies = [{"number": at, "letter": letter} for at, letter in enumerate([wrong, *right[1:]], start=1)]
    choices.take_open(ready, items, Completion(json.dumps({"answers": replies[::-1]})))
    assert [one.reason is None for one in items] == [False, *[True] * (len(items) - 1)]
    alive = items[1:]
    known = [{"number": at, "letter": one.answer} for at, one in enumerate(alive, start=1)]
    choices.take_closed(ready, alive, Completion(json.dumps({"answers": known})))
    assert [(one.scores["closed_book"], one.reason) for one in alive] == [(1.0, None)] * len(alive)


def test_the_closed_book_request_holds_nothing_of_the_chunk() -> None:
    ready = material()
    items = exam(ready)
    said = "\n".join(message.content for message in choices.ask_closed(ready, items).messages)
    assert items[0].question in said
    assert "{{" not in said
    assert "<text>" not in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wrong": ["grey doves", "Grey doves!", "seven steps"]}, "choice: its options are not four different ones"),
        ({"wrong": ["grey doves"]}, "choice: its options are not four different ones"),
        ({"wrong": ["a", "b", ""]}, "choice: an option is empty or too long"),
        ({"fact": 99}, "choice: it asks about a fact that is not kept back for the exam"),
        ({"question": "What does the text say about it all?"}, "choice: its question: it speaks about the prompt"),
    ],
)
def test_items_that_are_no_exam_are_dropped(changes: dict[str, object], reason: str) -> None:
    ready = material()
    draft = of_task(with_facts(ready), "choice")
    item = json.loads(truth(choices.ask_choices(ready, [draft])))["items"][0]
    made = choices.take_choices(ready, [draft], Completion(json.dumps({"items": [{**item, **changes}]})))
    assert (made[0].reason or "").startswith(reason)


@pytest.mark.parametrize("letters", [["A"], ["A"] * 9, [], "A"])
def test_exam_answers_must_be_complete(letters: object) -> None:
    ready = material()
    items = exam(ready)
    assert len(items) == 2
    answers = [{"number": at, "letter": one} for at, one in enumerate(letters, start=1)]  # type: ignore[arg-type, var-annotated]
    with pytest.raises(Unparsable):
        choices.take_open(ready, items, Completion(json.dumps({"answers": answers})))


def test_a_lying_teacher_gets_nothing_into_the_dataset() -> None:
    """Answers from elsewhere: the judge sees it, and each of them costs its two requests and no more."""
    script = KnowledgeScript({"answer": lambda request: "The grey owl eats nine candles each night."})
    growth = grown(script, material(), target=5)
    assert growth.kept == 0
    assert {draft.task for draft in growth.drafts if draft.reason is None} == {"summary", "facts", "choice"}
    assert all((row.reason or "").startswith(("the judge found", "it repeats", "answer:")) for row in growth.rows)


def test_one_unreadable_reply_costs_what_stood_on_it() -> None:
    failed: list[str] = []

    def once(request: ChatRequest) -> str:
        failed.append(user_turn(request))
        return "I cannot do that" if failed.count(failed[0]) <= 2 and failed[-1] == failed[0] else truth(request)

    growth = grown(KnowledgeScript({"questions": once}), material(), target=20)
    unread = [row for row in growth.rows if "cannot be read" in (row.reason or "")]
    assert len(unread) == 1
    assert growth.kept == 20


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("The clock has **one** hand", 1.0),
        ("the  clock\nhas one hand", 1.0),
        ("It was finished in 1688 by two smiths, as the ledger says", 1.0),
        ("It was finished in 1689 by two smiths, as the ledger says", 0.0),
        ("hand", 0.0),
        ("The clock has one hand. " * 9, 0.0),
        ("", 0.0),
    ],
)
def test_quotes(quote: str, found: float) -> None:
    text = "The clock has one hand. It was finished in 1688 by two smiths, as the ledger says."
    assert quoted(quote, text) == found


def test_a_slip_in_a_long_quote_is_forgiven() -> None:
    text = "It was finished in 1688 by two smiths, as the ledger of the council says."
    assert FOUND <= quoted("It was finished in 1688 by two smiths as the ledgers of the council say.", text) < 1.0
    assert quoted("It was begun in 1688 by three masons, as a letter to the bishop says.", text) < FOUND


def test_choice_texts_are_read_back() -> None:
    item = Choice("Which one?", ("a. b", "B. c", "d", "e"), 1)
    assert parse_choice(item.text, "B") == item
    for text, letter in ((item.text, "E"), ("Which one?\n\nA. a\nB. b", "A"), ("", "A")):
        with pytest.raises(ValueError, match="not a question"):
            parse_choice(text, letter)


def test_words_of_the_script_stand_in_its_document() -> None:
    """The double says only what its chunk holds, or the tests above would prove nothing."""
    ready = material()
    request = facts.ask(ready, [start(ready, 0)])
    chunk = start(ready, 0).chunk
    assert chunk is not None
    assert content_words(" ".join(facts_of(request))) <= content_words(chunk.text)
    assert len(facts_of(request)) == 12
