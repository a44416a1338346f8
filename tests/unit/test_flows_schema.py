"""Schema-bound skill flows: what is asked, what is read, and what a row costs."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.flows.attributes import plan
from pipeline.flows.model import Draft, Flow, Material, Stage, Unparsable
from pipeline.flows.schema import freeform, grounded, lists, replies
from pipeline.teacher.port import ChatRequest, Completion
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves, schema_script
from validators import QA, Leaf, Seed, Span

FLOWS = [(freeform.FLOW, leaves.freeform(count=8)), (grounded.FLOW, leaves.grounded())]
BY_KIND = pytest.mark.parametrize(("flow", "leaf"), FLOWS, ids=["freeform", "grounded"])


class Run:
    """One root after another through a flow's stages, without novelty among roots: that is `pipeline.grow`'s part."""

    def __init__(self, flow: Flow, leaf: Leaf, script: object = schema_script.script) -> None:
        self.flow, self.material = flow, flow.prepare(leaves.material(leaf))
        self.teacher = ScriptedTeacher(script, form="schema")  # type: ignore[arg-type]
        self.asked: list[tuple[str, ChatRequest]] = []

    def root(self, number: int) -> list[Draft]:
        return self._through([self.flow.start(self.material, number)], self.flow.stages)

    def _through(self, drafts: list[Draft], stages: tuple[Stage, ...]) -> list[Draft]:
        going = [draft for draft in drafts if draft.reason is None]
        if not stages or not going:
            return drafts
        groups = [going] if stages[0].scope == "siblings" else [[draft] for draft in going]
        made = [draft for group in groups for draft in self._through(self._ask(stages[0], group), stages[1:])]
        return [draft for draft in drafts if draft.reason is not None] + made

    def _ask(self, stage: Stage, group: list[Draft]) -> list[Draft]:
        request = stage.request(self.material, group)
        self.asked.append((stage.name, request))
        return list(stage.take(self.material, group, asyncio.run(self.teacher.answer(request))))


def reply(value: object, finish: str = "stop") -> Completion:
    return Completion(json.dumps(value), finish)  # type: ignore[arg-type]


def texts_of(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def shared_prefix(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return next((low[:at] for at, letter in enumerate(low) if high[at : at + 1] != letter), low)


@BY_KIND
def test_a_row_costs_at_most_two_and_a_half_requests(flow: Flow, leaf: Leaf) -> None:
    run = Run(flow, leaf)
    rows = [draft for number in range(3) for draft in run.root(number)]
    kept = [draft for draft in rows if draft.reason is None]
    assert len(kept) >= 0.9 * 3 * flow.per_root, [draft.reason for draft in rows if draft.reason]
    assert len(run.asked) / len(kept) <= (2.4 if flow.kind == "freeform" else 2.5)
    assert Counter(name for name, _ in run.asked).keys() == {stage.name for stage in flow.stages}
    for draft in kept:
        user, assistant = flow.messages(draft)
        assert user.content.endswith(draft.question)
        assert user.content.startswith(draft.context)
        assert assistant.content == draft.answer != ""
        assert draft.scores["judge"] >= 0.5
        assert draft.attributes["persona"] == "precise"
    assert len({draft.place for draft in rows}) == len(rows)


@BY_KIND
def test_no_held_out_text_reaches_a_request(flow: Flow, leaf: Leaf) -> None:
    run = Run(flow, leaf)
    for number in range(8):
        run.root(number)
    text = "\n".join(texts_of(request) for _, request in run.asked)
    assert len(run.material.held) == 2
    for seed in run.material.held:
        for secret in (seed.context, *(part for pair in seed.pairs for part in (pair.question, pair.answer))):
            assert not secret or secret not in text


@BY_KIND
def test_requests_are_repeatable_and_no_two_of_a_stage_share_a_seed(flow: Flow, leaf: Leaf) -> None:
    once, again = Run(flow, leaf), Run(flow, leaf)
    for number in range(3):
        once.root(number)
    for number in reversed(range(3)):
        again.root(number)
    assert sorted(map(repr, once.asked)) == sorted(map(repr, again.asked)), "the order of roots changes nothing"
    for stage in flow.stages:
        if not stage.judges:
            seeds = [request.sampling.seed for name, request in once.asked if name == stage.name]
            assert len(set(seeds)) == len(seeds)


@BY_KIND
def test_schemas_are_strict_and_the_script_s_replies_fit_them(flow: Flow, leaf: Leaf) -> None:
    run = Run(flow, leaf)
    run.root(0)
    bound = [(name, request) for name, request in run.asked if request.sampling.schema]
    assert {name for name, _ in bound} == {stage.name for stage in flow.stages} - {"answer"}
    for _, request in bound:
        schema = json.loads(request.sampling.schema)
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(json.loads(schema_script.script(request)))
        for part in _parts(schema):
            if part.get("type") == "object":
                assert part["additionalProperties"] is False
                assert part["required"] == list(part["properties"])
            if part.get("type") == "array":
                assert 1 <= part["minItems"] <= part["maxItems"]


def _parts(schema: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield schema
    for key in ("properties", "items"):
        inner = schema.get(key, {})
        for value in inner.values() if key == "properties" else [inner] if inner else []:
            yield from _parts(value)


def test_all_requests_about_a_context_begin_with_it() -> None:
    run = Run(grounded.FLOW, leaves.grounded())
    run.root(0)
    by_context: dict[str, list[str]] = {}
    for name, request in run.asked:
        if name in ("questions", "question_judge", "answer", "pair_judge"):
            first = f"{request.messages[0].content}\n{request.messages[1].content}"
            by_context.setdefault(schema_script.context_of(request.messages[1].content), []).append(first)
    assert len(by_context) == grounded.CONTEXTS
    for context, prompts in by_context.items():
        assert len(prompts) == 2 + 2 * grounded.QUESTIONS
        shared = shared_prefix(prompts)
        assert context in shared
        assert shared.endswith("Task: Find the deadline\n\n")


def test_requests_of_a_freeform_root_share_task_and_seeds() -> None:
    run = Run(freeform.FLOW, leaves.freeform(count=8))
    run.root(1)
    prompts = [texts_of(request) for name, request in run.asked if name != "pair_judge"]
    shown = plan(run.material, 1, "freeform")[1]
    shared = shared_prefix(prompts)
    assert shown[-1].pairs[0].answer in shared
    assert shared.startswith(shared_prefix([texts_of(request) for _, request in run.asked]))


def test_an_edited_seed_changes_only_the_roots_that_show_it() -> None:
    before = leaves.material(leaves.freeform(count=8))
    edited = before.open[0]
    text = QA("What is a peavey for?", edited.pairs[0].answer)
    after = replace(before, open=(replace(edited, pairs=(text,)), *before.open[1:]))
    for root in range(40):
        drafts = [freeform.start(material, root) for material in (before, after)]
        old, new = (freeform.ask_questions(m, [draft]) for m, draft in zip((before, after), drafts, strict=True))
        assert (old == new) == (edited.index not in drafts[0].seeds)


def test_answers_follow_the_persona() -> None:
    leaf = leaves.freeform(path="compositional_skills/writing/poetry/haiku")
    poet, expert = (
        Run(freeform.FLOW, at) for at in (replace(leaf, task_description="Write a haiku"), leaves.freeform())
    )
    for run, temperature, word in ((poet, 0.7, "imaginative writer"), (expert, 0.2, "careful expert")):
        run.root(0)
        answers = [request for name, request in run.asked if name == "answer"]
        assert answers
        for request in answers:
            assert request.sampling.temperature == temperature
            assert word in texts_of(request)
            assert request.sampling.schema == ""


# reading lists


def start(flow: Flow = freeform.FLOW, leaf: Leaf | None = None) -> tuple[Material, Draft]:
    material = leaves.material(leaf or leaves.freeform(count=8))
    return material, flow.start(material, 0)


def test_questions_become_drafts_and_repeated_ones_say_why_they_go_no_further() -> None:
    material, draft = start()
    seed, held = material.questions[0], material.held_questions[0]
    asked = ["What is a sextant for?", "1. What is a loom<|im_end|> for?", seed, held, "What is a sextant for?"]
    made = freeform.take_questions(material, [draft], reply({"questions": asked}))
    assert [child.place for child in made] == [(0, place) for place in range(5)]
    assert [child.question for child in made[:2]] == ["What is a sextant for?", "What is a loom for?"]
    assert [child.reason for child in made] == [
        None,
        None,
        "it repeats a seed example",
        "it is too close to a held-out seed example",
        "it repeats an earlier sample",
    ]
    assert all(child.seeds == draft.seeds and child.attributes == draft.attributes for child in made)


def test_a_list_may_be_short_long_or_wrapped_and_items_out_of_bounds_are_left_out() -> None:
    material, draft = start()
    longest = lists.longest(material.questions)
    many = [f"What is a {name} for?" for name in ["awning", "bellows", "churn", "doily", "easel", "funnel", "griddle"]]
    assert len(freeform.take_questions(material, [draft], reply({"questions": many}))) == freeform.QUESTIONS
    wrapped = Completion("Here you are:\n```json\n" + json.dumps({"questions": many[:1], "note": 1}) + "\n```")
    assert [child.question for child in freeform.take_questions(material, [draft], wrapped)] == many[:1]
    mixed = reply({"questions": ["", "x" * (longest + 1), "  ", many[0]]})
    assert [child.question for child in freeform.take_questions(material, [draft], mixed)] == many[:1]


@pytest.mark.parametrize(
    ("text", "finish", "why"),
    [
        ("", "stop", "no JSON object"),
        ("I cannot do that.", "stop", "no JSON object"),
        ('{"questions": ["What is', "length", "cut off"),
        ("[1, 2]", "stop", "no JSON object"),
        ('{"question": ["a"]}', "stop", 'lacks "questions" as a list'),
        ('{"questions": "a"}', "stop", 'lacks "questions" as a list'),
        ('{"questions": ["a", 2]}', "stop", "texts alone"),
        ('{"questions": []}', "stop", "holds no text"),
        ('{"questions": ["' + "x" * 5000 + '"]}', "stop", "holds no text"),
        ('{"questions": NaN}', "stop", "no JSON object"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "stop", "no JSON object"),
        ("{" + " " * 70_000 + "}", "stop", "at most"),
    ],
)
def test_a_reply_that_is_no_list_is_unparsable(text: str, finish: str, why: str) -> None:
    material, draft = start()
    with pytest.raises(Unparsable, match=why):
        freeform.take_questions(material, [draft], Completion(text, finish))  # type: ignore[arg-type]


# verdicts


def siblings(material: Material, draft: Draft, count: int = 3) -> list[Draft]:
    return [draft.child(place, question=f"What is thing {place} for?") for place in range(count)]


def test_only_questions_that_pass_every_check_go_on() -> None:
    material, draft = start()
    drafts = siblings(material, draft)
    passed = dict.fromkeys(freeform.CHECKS, True)
    given = [passed, {**passed, "safe": False}, {**passed, "on_task": False, "answerable": False}]
    value = {"verdicts": [{"number": place + 1, **one} for place, one in enumerate(given)]}
    made = freeform.take_verdicts(material, drafts, reply(value))
    assert [one.reason for one in made] == [
        None,
        "the judge says that the question is not safe",
        "the judge says that the question cannot be answered in text and is off the task",
    ]
    assert [one.scores["question_checks"] for one in made] == [1.0, 0.75, 0.5]


@pytest.mark.parametrize(
    "value",
    [
        {"verdicts": []},
        {"verdicts": [{"number": 1, "answerable": True, "on_task": True, "safe": True, "well_formed": True}]},
        {"verdicts": [{"number": 1}, {"number": 2}, {"number": 3}]},
        {"verdicts": [True, True, True]},
        {"verdicts": [{"number": n, **dict.fromkeys(freeform.CHECKS, True)} for n in (2, 1, 3)]},
        {"verdicts": [{"number": n, **dict.fromkeys(freeform.CHECKS, "yes")} for n in (1, 2, 3)]},
    ],
)
def test_a_verdict_too_few_or_out_of_order_is_unparsable(value: object) -> None:
    material, draft = start()
    drafts = siblings(material, draft)
    with pytest.raises(Unparsable):
        freeform.take_verdicts(material, drafts, reply(value))
    assert all(one.reason is None and not one.scores for one in drafts), "a second reply finds them untouched"


def test_a_grounded_question_must_be_answerable_from_its_context() -> None:
    material, draft = start(grounded.FLOW, leaves.grounded())
    note = schema_script.contexts(grounded.ask_contexts(material, [draft]), {"contexts": {"maxItems": 2}})
    made = grounded.take_contexts(material, [draft], reply(note))
    assert [one.place for one in made] == [(0, 0), (0, 1)]
    asked = grounded.take_questions(material, [made[1]], reply({"questions": ["By when is it due?", "Who paid?"]}))
    assert [one.place for one in asked] == [(0, 1, 0), (0, 1, 1)]
    assert {one.context for one in asked} == {made[1].context}
    request = grounded.ask_about_questions(material, asked)
    assert "2. Who paid?" in texts_of(request)
    passed = dict.fromkeys(grounded.QUESTION_CHECKS, True)
    verdict = [{"number": 1, **passed}, {"number": 2, **passed, "answerable_from_context": False}]
    judged = grounded.take_question_verdicts(material, asked, reply({"verdicts": verdict}))
    assert judged[0].reason is None
    assert judged[1].reason == "the judge says that the question cannot be answered from its context alone"


def test_contexts_that_repeat_a_seed_or_give_a_held_out_one_away_go_no_further() -> None:
    material, draft = start(grounded.FLOW, leaves.grounded())
    given = [material.open[0].context, material.held[0].context, "Water the ferns before the judges come on Saturday."]
    reasons = []
    for text in given:
        [made] = grounded.take_contexts(material, [draft], reply({"contexts": [text]}))
        reasons.append(made.reason)
    assert reasons == [
        "context: it repeats a seed example",
        "context: it is too close to a held-out seed example",
        None,
    ]


# answers


def test_an_answer_keeps_its_form_and_does_not_give_a_held_out_one_away() -> None:
    material, draft = start()

    def taken(text: str) -> Draft:
        return freeform.take_answer(material, [draft.child(0)], Completion(text))[0]

    assert taken("Answer: - one\n- two\n").answer == "- one\n- two", "a list keeps its first mark"
    assert taken("").reason == "answer: the teacher wrote nothing"
    assert taken(material.held_answers[0]).reason == "answer: it is too close to a held-out seed example"
    assert taken("A sextant is for finding latitude.").reason is None


def test_a_short_answer_may_be_that_of_a_held_out_seed() -> None:
    label = Seed(0, "", (QA("Is fog wet?", "Yes."),), Span())
    material = Material(leaves.freeform(), (), (label,))
    assert lists.answer_reason(material, "Yes.") is None, "which label fits is not the secret; the pair is"


# room


def test_lists_are_as_long_as_there_is_room() -> None:
    assert lists.fitting(6, ["What is a rasp for?"]) == 6
    assert lists.fitting(4, ["word " * 400]) == 2
    assert lists.fitting(4, ["word " * 5000]) == 1
    assert [lists.room(["word " * words]) for words in (5, 100, 300, 5000)] == [256, 256, 1024, 2048]
    assert lists.room(["word " * 20], 6) == 512
    assert lists.room([]) == 256


def test_schemas_are_canonical_text() -> None:
    assert replies.texts_schema("questions", 2) == (
        '{"type":"object","properties":{"questions":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2}},'
        '"required":["questions"],"additionalProperties":false}'
    )
