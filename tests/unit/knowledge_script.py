"""A scripted large teacher for knowledge leaves: it reads its chunk, and answers in the form that it was asked for.

Its facts are the chunk's sentences, and all that it says is taken from them, so that every check can pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.documents import Document, DocumentFile
from pipeline.flows.filters import content_words
from pipeline.teacher.port import ChatRequest, Completion

REPO, COMMIT = "https://github.com/invented/clock", "ab" * 20
TOWNS = ("Velden", "Ostrel", "Marwick", "Tollbeck", "Hagen", "Surrow", "Quillby", "Nordane", "Fenwick", "Ludmere")
_METALS = ("copper", "silver", "golden", "wooden", "marble", "pewter", "bronze", "slate", "walnut", "ivory")
# What each figure of a town's clock does, to what, and what else is told of it.
_FIGURES = (
    ("heron", "guard", "northern gate", "through the long nights when no watchman walks the wall"),
    ("miller", "grind", "first barley", "on market days while children throw their hats into the air"),
    ("piper", "warn", "ferry crews", "before the spring flood reaches the lower steps of the quay"),
    ("widow", "light", "harbour lamps", "at dusk with a taper that is renewed every fortnight"),
    ("bear", "haul", "salt barrels", "across a painted bridge whose planks creak under its paws"),
    ("judge", "weigh", "false coins", "against a feather that nobody has ever seen him drop"),
    ("fox", "steal", "wedding rings", "from a velvet cushion and returns them at the last stroke"),
    ("baker", "salt", "rye loaves", "with flour that falls on the shoulders of the people below"),
    ("sailor", "pull", "torn nets", "out of a zinc basin that the gardeners fill each morning"),
    ("queen", "pardon", "old debts", "by tearing a paper strip which boys then sell as a charm"),
    ("smith", "mend", "broken ploughs", "to the sound of an anvil that was cast from church bells"),
    ("crow", "count", "empty chairs", "in the council chamber and caws once for every absent member"),
)


def document(sections: int = 6) -> Document:
    """A guide with a section for each town: twelve facts in about 260 words, so that a section is a chunk."""
    text = "\n\n".join(_section(number) for number in range(sections))
    return Document(REPO, COMMIT, (DocumentFile("guide.md", f"# Clocks of the valley\n\n{text}\n", "0" * 64),))


def _section(number: int) -> str:
    sentences = [
        f"The {_METALS[number]} {figure} of {TOWNS[number]} {act}s the {thing} {more}, as was decided in "
        f"{1500 + 17 * number + at}."
        for at, (figure, act, thing, more) in enumerate(_FIGURES)
    ]
    return f"## {TOWNS[number]}\n\n{' '.join(sentences)}"


@dataclass
class KnowledgeScript:
    """The teacher. `asked`: stage and request, in the order of asking. `lies`: what to say instead, by stage."""

    lies: dict[str, Callable[[ChatRequest], str | Completion]] = field(default_factory=dict)
    asked: list[tuple[str, ChatRequest]] = field(default_factory=list)

    def __call__(self, request: ChatRequest) -> str | Completion:
        stage = stage_of(request)
        self.asked.append((stage, request))
        return self.lies[stage](request) if stage in self.lies else truth(request)

    def count(self, stage: str) -> int:
        """How often a stage was asked."""
        return sum(name == stage for name, _ in self.asked)


_STAGES = {
    "List what is worth knowing": "facts",
    "Write questions whose answers": "questions",
    "Answer the question below": "answer",
    "Check the answer": "pair_judge",
    "Summarise the text": "summary",
    "Write an exam question": "choices",
    "Answer each exam question below by the letter of the option that the text": "choices_open",
    "Answer each exam question below by the letter of the option that is most likely": "choices_closed",
}


def stage_of(request: ChatRequest) -> str:
    """The stage of one of the knowledge prompts, "" for another."""
    said = request.messages[-1].content
    return next((stage for words, stage in _STAGES.items() if said.startswith(words)), "")


def truth(request: ChatRequest) -> str:
    """What a truthful teacher says."""
    stage, said = stage_of(request), request.messages[-1].content
    facts = facts_of(request)
    if stage == "facts":
        return json.dumps({"facts": [{"fact": _head(fact), "quote": fact} for fact in facts]})
    if stage == "questions":
        return json.dumps({"questions": _questions(said)})
    if stage == "answer":
        return _head(_source(facts, said.rpartition("Question: ")[2]))
    if stage == "pair_judge":
        question, reply = re.findall(r"Question: (.*)\n\nAnswer: (.*)", said)[0]
        return json.dumps(_verdict(facts, question, reply))
    if stage == "summary":
        return ", and ".join(_head(fact).rstrip(".") for fact in facts[:3]) + "."
    if stage == "choices":
        return json.dumps({"items": [_item(int(at), fact) for at, fact in _listed(said)]})
    letters = [_letter(facts, item) if stage == "choices_open" else "A" for item in _items(said)]
    return json.dumps({"answers": [{"number": at, "letter": one} for at, one in enumerate(letters, start=1)]})


def chunk_of(request: ChatRequest) -> str:
    """The chunk in a request, with its headings."""
    found = re.search(r"<text>\n(.*)\n</text>", request.messages[0].content, re.DOTALL)
    return found.group(1) if found else ""


def facts_of(request: ChatRequest) -> list[str]:
    """The sentences of the chunk in a request."""
    lines = [line for line in chunk_of(request).split("\n") if line.endswith(".")]
    return re.findall(r"[A-Z][^.]*\.", " ".join(lines))


def _head(sentence: str) -> str:
    """What a sentence says first: "The copper heron of Velden guards the northern gate."."""
    return " ".join(sentence.rstrip(".").split()[:9]) + "."


def _listed(said: str) -> list[tuple[str, str]]:
    return re.findall(r"^(\d+)\. (.*)$", said, re.MULTILINE)


def _questions(said: str) -> list[dict[str, object]]:
    """About each third fact, beginning at another one for each type, so that the types do not repeat each other."""
    listed = _listed(said)
    first = sum(map(ord, said.partition("Each of them ")[2][:20])) % 3
    count = int(re.findall(r"Write (\d+) questions", said)[0])
    return [{"question": _ask(fact), "facts": [int(at)]} for at, fact in listed[first::3][:count]]


def _ask(fact: str) -> str:
    """The question that a fact answers: "What does the copper heron of Velden guard?"."""
    subject = " ".join(fact.split()[:5]).replace("The ", "the ", 1)
    act = next((act for figure, act, _, _ in _FIGURES if f" {figure} " in fact), "do")
    return f"What does {subject} {act}?"


def _source(facts: list[str], question: str) -> str:
    asked = content_words(question)
    return max(facts, key=lambda fact: (len(asked & content_words(fact)), fact), default="")


def _verdict(facts: list[str], question: str, reply: str) -> dict[str, object]:
    said, known = content_words(reply), content_words(" ".join(facts))
    fact = _source(facts, question)
    claims = {"total_claims": 2, "supported_claims": 2 if said <= known else 1}
    return {"quote": fact, **claims, "answers_question": said <= content_words(fact), "self_contained": True}


def _item(number: int, fact: str) -> dict[str, object]:
    right = next((thing for figure, _, thing, _ in _FIGURES if f" {figure} " in fact), fact.split()[-1])
    wrong = ["weather vanes", "grey doves", "seven steps"]
    return {"fact": number, "question": _ask(fact), "right": f"The {right}", "wrong": wrong}


def _items(said: str) -> list[str]:
    return re.findall(r"Question \d+: (.*?)(?=\n\nQuestion \d+:|\n\nReply)", said, re.DOTALL)


def _letter(facts: list[str], item: str) -> str:
    """The option whose words all stand in the fact that the question is about."""
    fact = content_words(_source(facts, item.split("\n")[0]))
    options = re.findall(r"^([A-D])\. (.*)$", item, re.MULTILINE)
    return next((letter for letter, option in options if content_words(option) <= fact), "none")
