"""The words of a flow: what it works on (`Material`), what it makes (`Draft`), and its stages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.documents import Document, Unreachable
from pipeline.flows import filters
from pipeline.flows.passages import Passage
from pipeline.flows.prompts import prompt
from pipeline.teacher.port import ChatRequest, Message, Sampling
from validators import QA, Leaf, Seed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Material:
    """A leaf made ready: `open` seeds may reach prompts, `held` ones never do, not even in part."""

    leaf: Leaf
    open: tuple[Seed, ...]
    held: tuple[Seed, ...]
    document: Document | Unreachable | None = None
    passages: tuple[Passage, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[Seed, QA], ...]:
        """Question and answer pairs of the open seeds, but for those that are near to a held-out one."""
        held, pairs = self.held_questions, [(seed, pair) for seed in self.open for pair in seed.pairs]
        common = filters.common_words([*held, *(pair.question for _, pair in pairs)])
        return tuple((seed, pair) for seed, pair in pairs if not filters.leaks(pair.question, held, common))

    @property
    def questions(self) -> tuple[str, ...]:
        """Questions of `pairs`."""
        return tuple(pair.question for _, pair in self.pairs)

    @property
    def answers(self) -> tuple[str, ...]:
        """Answers of `pairs`."""
        return tuple(pair.answer for _, pair in self.pairs)

    @property
    def held_questions(self) -> tuple[str, ...]:
        """Questions that must not leak."""
        return tuple(pair.question for seed in self.held for pair in seed.pairs)

    @property
    def held_answers(self) -> tuple[str, ...]:
        """Answers that must not leak."""
        return tuple(pair.answer for seed in self.held for pair in seed.pairs)


@dataclass(slots=True)
class Draft:
    """One candidate on its way through the stages; `reason` is set when a stage rejects it."""

    index: int
    seeds: tuple[int, ...] = ()
    context: str = ""
    passage: Passage | None = None
    question: str = ""
    answer: str = ""
    request_keys: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One request a draft.

    `request` says what to ask. `judge(material, draft, text, seen)` puts the text into the draft and returns
    the reason for a rejection; `seen` holds what passed this stage before in this leaf, in the order of the drafts.
    `text_of` names what joins `seen`.
    """

    name: str
    request: Callable[[Material, Draft], ChatRequest]
    judge: Callable[[Material, Draft, str, Sequence[str]], str | None]
    text_of: Callable[[Draft], str]


@dataclass(frozen=True, slots=True)
class Flow:
    """The stages that make samples for a kind. `version` counts changes of its code; prompt files count by themselves.

    `prepare` finds what to draw on; `messages` makes the training row. `expected` is the share of drafts that a small
    teacher gets through, to size the first round.
    """

    name: str
    version: int
    prompts: tuple[str, ...]
    stages: tuple[Stage, ...]
    prepare: Callable[[Material], Material]
    messages: Callable[[Draft], tuple[Message, ...]]
    expected: float

    @property
    def id(self) -> str:
        """Name, version and a digest over the prompt files: what a leaf's key and a sample's provenance carry."""
        joined = "".join(prompt(name).digest for name in self.prompts)
        return f"{self.name}@{self.version}+{hashlib.sha256(joined.encode()).hexdigest()[:12]}"


def number(*parts: object) -> int:
    """A number of 31 bits that depends on `parts` alone: the only source of chance in a flow."""
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode(errors="backslashreplace")).digest()[:4]) >> 1


def chosen(items: Sequence[T], count: int, *parts: object, key: Callable[[T], object] = repr) -> list[T]:
    """`count` of `items` in an order that depends on `parts` and on each item's own `key` alone.

    So an item that changes or leaves does not reshuffle the others.
    """
    return sorted(items, key=lambda item: (number(*parts, key(item)), str(key(item))))[:count]


def request(
    name: str,
    material: Material,
    draft: Draft,
    variables: Mapping[str, object],
    examples: Sequence[Mapping[str, object]],
    sampling: Sampling,
) -> ChatRequest:
    """A filled prompt; its seed depends on leaf path, stage and draft, not on target or seed texts.

    A preview and a full run, or a run after an edit elsewhere in the leaf, so ask the same and share the answers.
    """
    seed = number(material.leaf.path, name, draft.index)
    settings = Sampling(sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.stop, seed)
    return ChatRequest(prompt(name).render(variables, examples), settings)


def tokens_for(texts: Sequence[str]) -> int:
    """Output tokens to allow for a text like `texts`: the longest that the length gate accepts, within 32 to 512."""
    return min(512, max(32, int(1.6 * max((len(filters.words(text)) for text in texts), default=40)) + 24))


def topic_of(leaf: Leaf) -> str:
    """The leaf's folder name in words: "black capped chickadee"."""
    return leaf.path.rstrip("/").rsplit("/", 1)[-1].replace("_", " ").replace("-", " ")


def tidy(text: str, *, single_line: bool) -> str:
    """A completion without labels, quotes and list marks around it; its first line alone with `single_line`."""
    text = text.strip()
    if single_line:
        text = text.split("\n", 1)[0].strip()
    for label in ("Question:", "Q:", "Answer:", "A:", "1.", "-", "*"):
        text = text.removeprefix(label).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1].strip()
    return text


def one_line(texts: Sequence[str]) -> bool:
    """Whether each of `texts` is one line."""
    return all("\n" not in text.strip() for text in texts)
