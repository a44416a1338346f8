"""What the simulated teacher answers: always in the form that the prompt asks for, always the same for the same prompt.

It knows neither side's flows, only how they ask: a JSON Schema is filled by the names and types of its properties, and
instructlab-sdg's tags are filled by their names. Everything passes, but for one thing: a verdict is good only where the
answer is the one that this teacher itself gives, or a seed's. So a judge that is first tried on corrupted seeds, as
ours is, finds a teacher that can judge, and its requests are made and paid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench import generate_texts as texts
from tests.bench.generate_texts import pick

Seeds = Mapping[tuple[str, str], frozenset[str]]
"""(question, answer) of known seeds → the contexts that they stand in, "" for none; white space made even."""

_RETURNED = re.compile(r"(?:[Rr]eturn|tag)\b[^\n\[]*\[Start of (\w+)\]")
_SPAN = r"\[Start of {0}\]\s*(.*?)\s*\[End of {0}\]"
_HOW_MANY = re.compile(r"[Gg]enerate (\d+) such")
_TO_JUDGE = re.compile(r".*Question:\s*(.+?)\s*\n\s*Answer:\s*(.+?)\s*\Z", re.DOTALL)
_ASKED = re.compile(r".*Question:\s*(.+?)\s*\Z", re.DOTALL)
_GIVEN = re.compile(r"<text>\s*(.*?)\s*</text>|^Text:\n(.*?)\n\nTask:", re.DOTALL | re.MULTILINE)
_NUMBERED = re.compile(r"^(\d+)\. (\S.*)$", re.MULTILINE)
_OPTION = re.compile(r"^\s*([A-D])[.)] (\S.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"[A-Z][^.!?\n|#*]{30,300}[.!?]")
_LONG_WORD = re.compile(r"[a-z]{5,}")


@dataclass(frozen=True)
class Reply:
    """A text, and whether it is a "verdict" (true or false, by schema) or a "text"."""

    text: str
    kind: str = "text"


def seeds_of(folders: Iterable[Path]) -> Seeds:
    """The seeds of all leaves below `folders`."""
    found: dict[tuple[str, str], set[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("qna.yaml")):
            for seed in _examples(path):
                for pair in seed.get("questions_and_answers") or [seed]:
                    said = _even(str(pair.get("question"))), _even(str(pair.get("answer")))
                    found.setdefault(said, set()).add(_even(str(seed.get("context") or "")))
    return {said: frozenset(contexts) for said, contexts in found.items()}


def _examples(path: Path) -> list[dict[str, Any]]:
    try:
        leaf = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [seed for seed in leaf["seed_examples"] if isinstance(seed, dict)]
    except (yaml.YAMLError, TypeError, KeyError, UnicodeDecodeError):
        return []  # no leaf: nobody will ask about it


def chat_reply(
    messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None, seed: object, known: Seeds
) -> Reply:
    """The reply to a chat, by schema where there is one."""
    prompt = "\n".join(message["content"] for message in messages)
    if schema is None:
        return Reply(_plain(prompt))
    filled = _Filling(prompt, seed, schema, known).value("", schema, ())
    return Reply(json.dumps(filled, ensure_ascii=False), "verdict" if '"boolean"' in json.dumps(schema) else "text")


def completion_reply(prompt: str, seed: object) -> Reply:
    """The reply to a prompt of instructlab-sdg, in the tags that it asks for. All its judges are pleased."""
    tags = list(dict.fromkeys(_RETURNED.findall(prompt)))
    if not tags:
        question = texts.question(prompt, seed)
        return Reply(f"{question}\n{texts.answer(question)}")
    wanted = _HOW_MANY.search(prompt)
    count = int(wanted[1]) if wanted else 1
    return Reply("\n\n".join(_tagged(tag, prompt, (seed, place)) for tag in tags for place in range(count)))


def _tagged(tag: str, prompt: str, name: tuple[object, int]) -> str:
    given, asked = _last("Context", prompt), _last("Question", prompt)
    if tag == "Question":
        inside = _question_about(given, prompt, *name) if given else texts.question(prompt, *name)
    elif tag == "Response":
        inside = _answer_from(given, asked) if given else texts.answer(asked)
    elif tag == "Context":
        inside = texts.context(prompt, *name)
    elif tag == "Score":
        inside = "3" if "scale of 1 to 3" in prompt else "1"
    else:
        inside = texts.explanation(prompt, *name)
    return f"[Start of {tag}]\n{inside}\n[End of {tag}]"


def _last(tag: str, prompt: str) -> str:
    found = re.findall(_SPAN.format(tag), prompt, re.DOTALL)
    return str(found[-1]) if found else ""


def _plain(prompt: str) -> str:
    given, asked = _given(prompt), _ASKED.fullmatch(prompt)
    if asked:
        return _answer_from(given, asked[1]) if given else texts.answer(asked[1])
    sentences = _sentences(given)
    return " ".join(sentences[::3]) if sentences else texts.context(prompt)


class _Filling:
    """An instance of a schema, made for one prompt."""

    def __init__(self, prompt: str, seed: object, schema: Mapping[str, Any], known: Seeds) -> None:
        self.prompt, self.seed = prompt, seed
        self.given = _given(prompt)
        self.sentences = _sentences(self.given)
        self.numbered = [(int(number), text) for number, text in _NUMBERED.findall(prompt)]
        one_verdict = all(inner.get("type") != "array" for inner in schema.get("properties", {}).values())
        self.good = not one_verdict or _good(prompt, self.given, known)

    def value(self, name: str, schema: Mapping[str, Any], place: tuple[int, ...]) -> Any:
        """`name`: of the property; `place`: in the lists around it."""
        if "enum" in schema:
            return self._one_of(schema["enum"], place)
        kind = schema["type"]
        if kind == "object":
            return {key: self.value(key, inner, place) for key, inner in schema["properties"].items()}
        if kind == "array":
            count = self._count(name, schema)
            return [self.value(name, schema["items"], (*place, at)) for at in range(count)]
        if kind == "boolean":
            return self.good
        return self._integer(name, place) if kind == "integer" else self._text(name, place)

    def _count(self, name: str, schema: Mapping[str, Any]) -> int:
        most = int(schema.get("maxItems", schema.get("minItems", 1)))
        if schema["items"].get("type") == "integer":
            return 1
        if name == "facts":
            return max(1, min(most, len(self.sentences)))
        return most

    def _one_of(self, values: Sequence[Any], place: tuple[int, ...]) -> Any:
        if isinstance(values[0], str) and "A" in values:
            return self._letter(place[-1] if place else 0)
        return max(values) if self.good else min(values)

    def _letter(self, number: int) -> str:
        """The first option of a question that stands in the given text."""
        parts = re.split(r"^Question \d+:", self.prompt, flags=re.MULTILINE)[1:]
        options = _OPTION.findall(parts[number]) if number < len(parts) else []
        return next((letter for letter, text in options if _even(text) in _even(self.given)), "A")

    def _integer(self, name: str, place: tuple[int, ...]) -> int:
        at = place[0] if place else 0
        if name == "number":
            return at + 1
        if name in ("fact", "facts") and self.numbered:
            return self.numbered[at % len(self.numbered)][0]
        return 0 if name.startswith("supported") and not self.good else 2

    def _text(self, name: str, place: tuple[int, ...]) -> str:
        at = place[0] if place else 0
        if name in ("fact", "quote") and self.sentences:
            return self.sentences[at % len(self.sentences)]
        if name in ("question", "questions"):
            if not self.given:
                return texts.question(self.prompt, self.seed, *place)
            about = self.numbered[at % len(self.numbered)][1] if self.numbered else self.given
            return _question_about(about, self.prompt, self.seed, *place)
        if name == "right" and self.numbered:
            return " ".join(self.numbered[at % len(self.numbered)][1].split()[:6])
        if name == "wrong":
            return " ".join(texts.question(self.prompt, self.seed, *place).split()[-5:]).rstrip("?.")
        return texts.context(self.prompt, self.seed, *place)


def _good(prompt: str, given: str, known: Seeds) -> bool:
    """Whether an answer is as it should be; True where there is none to judge."""
    judged = _TO_JUDGE.fullmatch(prompt)
    if not judged:
        return True
    question, answer = _even(judged[1]), _even(judged[2])
    if (question, answer) in known:
        return any(context in _even(given) for context in known[question, answer])
    return answer == _even(_answer_from(given, judged[1]) if given else texts.answer(judged[1]))


def _given(prompt: str) -> str:
    found = _GIVEN.search(prompt)
    return (found[1] or found[2]).strip() if found else ""


def _question_about(text: str, *name: object) -> str:
    """A question made of the longer words of one sentence of `text`."""
    sentences = _sentences(text) or [text]
    sentence = sentences[pick(len(sentences), "about", *name)]
    words = list(dict.fromkeys(_LONG_WORD.findall(sentence)))
    order = sorted(words, key=lambda word: pick(1 << 32, word, *name))
    first, second, third = (*order, "matter", "place", "thing")[:3]
    asked = _ABOUT[pick(len(_ABOUT), "form", *name)]
    return asked.format(first, second, third)


_ABOUT = (
    "Why do {0} and {1} matter where there is {2}?",
    "Explain what {0} has to do with {1} and with {2}.",
    "What is the part of {1} in {0}, and what becomes of {2}?",
    "In which way does {2} change once {0} meets {1}?",
    "Say in a sentence how {0}, {1} and {2} belong together.",
)


def _answer_from(text: str, question: str) -> str:
    """The sentence of `text` that has most of the question's words: what is asked for stands there."""
    asked = set(_LONG_WORD.findall(question.lower()))
    sentences = sorted(_sentences(text), key=lambda sentence: -len(asked & set(_LONG_WORD.findall(sentence))))
    return sentences[0] if sentences else texts.answer(question)


def _sentences(text: str) -> list[str]:
    """The different sentences of a text, without headings and tables; a line break within one is a space."""
    return list(dict.fromkeys(_SENTENCE.findall(re.sub(r"(?<!\n)\n(?!\n)", " ", text))))


def _even(text: str) -> str:
    return " ".join(text.split())
