"""A scripted large teacher: answers each schema-bound prompt in its form, with texts that differ by prompt and seed.

`ScriptedTeacher(script, form="schema")`. What a reply must look like is read off the request's schema, so the script
needs no prompt's wording but the labels before questions and contexts. Its texts pass the gates: whole English
sentences, new each time, an answer that takes up its question and keeps to its context.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from pipeline.flows.model import number
from pipeline.teacher.port import ChatRequest
from tests.unit import knowledge_script

Maker = Callable[[ChatRequest, dict[str, Any]], object]

_VOCABULARY = {
    "thing": """lantern kettle saddle compass anchor barrel cradle ladder mitten basket whistle ribbon candle bucket
        hammock pulley rudder anvil bellows quill spindle churn thimble sickle trowel mallet funnel sieve clamp chisel
        hatchet paddle crate pitcher kennel satchel trellis gasket hinge bobbin winch turnstile pestle griddle tripod
        awning stencil bridle harness easel""",
    "mark": """copper oaken folding painted narrow silver woven hollow foreign curved heavy padded green striped crooked
        velvet iron wicker pocket double travelling borrowed winter harbour kitchen garden mountain village railway""",
    "deed": """lifting carrying measuring drying sorting warming cleaning mending cooling storing marking pressing
        hanging turning pouring rinsing stacking sealing splitting shaping""",
    "goods": """apples letters ropes boots barley wool tiles herrings plums hides feathers bricks bottles petals coins
        seeds blankets kindling cheese honey""",
    "person": "Almut Benno Corin Dagny Edda Falk Gesine Hauke Imke Jorin Ketil Levke Marten Nele Oke Pelle",
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "place": "mill office chapel station bakery museum harbour school library workshop market cellar",
    "tone": "red blue yellow white black brown orange purple grey golden",
}
WORDS = {kind: words.split() for kind, words in _VOCABULARY.items()}


def script(request: ChatRequest) -> str:
    """The reply: JSON where the request has a schema, one sentence where it has none; about a chunk, what it says."""
    if knowledge_script.stage_of(request):
        return knowledge_script.truth(request)
    if not request.sampling.schema:
        return answer(request.messages[-1].content, _dice(request))
    properties: dict[str, dict[str, Any]] = json.loads(request.sampling.schema)["properties"]
    known = next((MAKERS[name] for name in properties if name in MAKERS), None)
    if known is None:
        raise AssertionError(f"the script knows no reply with {', '.join(properties)}")
    return json.dumps(known(request, properties), ensure_ascii=False)


def questions(request: ChatRequest, properties: dict[str, dict[str, Any]]) -> object:
    """New questions; about the context where the prompt begins with one."""
    context = context_of(request.messages[-1].content)
    count, dice = properties["questions"]["maxItems"], _dice(request)
    if context:
        return {"questions": [asked for asked, _ in _facts(context)][:count]}
    return {"questions": [f"What is a {mark} {thing} for?" for mark, thing in _names(dice, count)]}


def contexts(request: ChatRequest, properties: dict[str, dict[str, Any]]) -> object:
    """Notes that hold seven particulars each."""
    count, dice = properties["contexts"]["maxItems"], _dice(request)
    return {"contexts": [_note(mark, thing, dice, place) for place, (mark, thing) in enumerate(_names(dice, count))]}


def verdicts(request: ChatRequest, properties: dict[str, dict[str, Any]]) -> object:
    """Everything is fine."""
    one = properties["verdicts"]["items"]["properties"]
    checks = {name: True for name, kind in one.items() if kind["type"] == "boolean"}
    return {"verdicts": [{"number": place + 1, **checks} for place in range(properties["verdicts"]["minItems"])]}


def score(request: ChatRequest, properties: dict[str, dict[str, Any]]) -> object:
    """A judge with eyes: it sees refusals, echoes, what is cut off or negated, and what its context does not hold."""
    text = request.messages[-1].content
    question, judged = re.split(r"\n\nAnswer:\n", text.rpartition("\n\nQuestion:\n")[2], maxsplit=1)
    asked, said, known = _words(question), _words(judged), _words(context_of(text))
    bad = (
        judged[-1:] not in ".!"
        or bool(re.search(r"\bnot\b|sorry|don't know", judged))
        or not said - asked
        or len(said & asked) < 2
        or (bool(known) and 2 * len(said - asked - known) > len(said - asked))
    )
    checks = {name: not bad or name == "safe" for name, kind in properties.items() if kind["type"] == "boolean"}
    return {"score": 1 if bad else 3 - number(text) % 2, **checks}


MAKERS: dict[str, Maker] = {"questions": questions, "contexts": contexts, "verdicts": verdicts, "score": score}


def answer(prompt: str, dice: int) -> str:
    """A sentence that answers the last question of a prompt, from the text at its top where it has one."""
    question = prompt.rpartition("Question:")[2].strip()
    for asked, said in _facts(context_of(prompt)):
        if asked == question:
            return said
    subject = re.sub(r"^What is (an? )?|\s*(for)?\?$", "", question)
    deed, goods, place = (words[number(question, dice) % len(words)] for words in _of("deed", "goods", "place"))
    return f"A {subject} is for {deed} {goods} near the {place}."


def context_of(prompt: str) -> str:
    """The text at the top of a prompt, "" where there is none."""
    found = re.match(r"Text:\n(.*?)\n\nTask:", prompt, re.DOTALL)
    return found[1] if found else ""


def _note(mark: str, thing: str, dice: int, place: int) -> str:
    chance = {kind: words[number(dice, place, kind) % len(words)] for kind, words in WORDS.items()}
    chance |= {"mark": mark, "thing": thing}
    text = (
        "Bring the {mark} {thing} to the {place} by {day}. {person} takes it and gives a {tone} ticket for it. "
        "It is used for {deed} {goods}, and being late costs {coins} coins. Its label shows number {label}."
    )
    return text.format(coins=2 + number(dice, place) % 90, label=100 + number(dice, place, "label") % 900, **chance)


def _facts(note: str) -> list[tuple[str, str]]:
    """Questions that a note of `_note` answers, and their answers."""
    found = re.match(
        r"Bring the (\w+ \w+) to the (\w+) by (\w+)\. (\w+) takes it and gives a (\w+) ticket for it\. "
        r"It is used for (\w+ \w+), and being late costs (\d+) coins\. Its label shows number (\d+)\.$",
        note,
    )
    if not found:
        return []
    thing, place, day, person, tone, use, coins, label = found.groups()
    return [
        (f"By when is the {thing} due?", f"The {thing} is due by {day}."),
        (f"Where is the {thing} brought to?", f"The {thing} is brought to the {place}."),
        (f"Who takes the {thing}?", f"{person} takes the {thing} and gives a ticket."),
        (f"Which ticket is given for the {thing}?", f"A {tone} ticket is given for the {thing}."),
        (f"What is the {thing} used for?", f"The {thing} is used for {use}."),
        (f"How much does a late {thing} cost?", f"A late {thing} costs {coins} coins."),
        (f"Which number does the label of the {thing} show?", f"The label of the {thing} shows number {label}."),
    ]


def _names(dice: int, count: int) -> list[tuple[str, str]]:
    """`count` different things, each with a mark of its own."""
    marks, things = (sorted(words, key=lambda word: number(dice, word)) for words in _of("mark", "thing"))
    return list(zip(marks[:count], things[:count], strict=True))


def _of(*kinds: str) -> list[list[str]]:
    return [WORDS[kind] for kind in kinds]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2}


def _dice(request: ChatRequest) -> int:
    return number([message.content for message in request.messages], request.sampling.seed)
