"""What a flow is made of: a leaf made ready (material), candidates on their way (drafts), stages that ask a teacher.

A flow grows roots: root 0, 1, 2 … of a leaf are independent of each other, so they run side by side, in any order.
A root starts as one draft and passes the stages; a stage may make several drafts of one (a list of questions). What
depends on other roots, that is, whether a text is new, is decided by `pipeline.grow` in the order of the roots.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal, TypeVar

from pipeline.chunks import Chunk as Chunk
from pipeline.documents import Document, Unreachable
from pipeline.flows import filters
from pipeline.flows.passages import Passage
from pipeline.flows.prompts import PACKAGED, Prompts
from pipeline.teacher.port import ChatRequest, Completion, Form, Message, Sampling
from validators import QA, Leaf, Seed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well a judge tells a leaf's own seeds (good) from corruptions of them (bad); see `pipeline.calibration`.

    `auc`: probability that it scores a good pair above a bad one, 0.5 for a judge that guesses; None where there was
    nothing to compare. `threshold`: the score from which on it accepts. `believed`: whether its verdicts count.
    """

    auc: float | None
    threshold: float
    good: int
    bad: int
    believed: bool


@dataclass(frozen=True, slots=True)
class Material:
    """A leaf made ready: `open` seeds may reach prompts, `held` ones never do, not even in part."""

    leaf: Leaf
    open: tuple[Seed, ...]
    held: tuple[Seed, ...]
    document: Document | Unreachable | None = None
    passages: tuple[Passage, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    prompts: Prompts = PACKAGED
    calibration: Calibration | None = None
    count_tokens: Callable[[str], int] = lambda text: -(-len(text) // 4)

    @property
    def pairs(self) -> tuple[tuple[Seed, QA], ...]:
        """Question and answer pairs of the open seeds, but for those that are near to a held-out one."""
        return _pairs(self.open, self.held)

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


@lru_cache(maxsize=1024)
def _pairs(open_seeds: tuple[Seed, ...], held_seeds: tuple[Seed, ...]) -> tuple[tuple[Seed, QA], ...]:
    held = [pair.question for seed in held_seeds for pair in seed.pairs]
    pairs = [(seed, pair) for seed in open_seeds for pair in seed.pairs]
    common = filters.common_words([*held, *(pair.question for _, pair in pairs)])
    return tuple((seed, pair) for seed, pair in pairs if not filters.leaks(pair.question, held, common))


@dataclass(slots=True)
class Draft:
    """One candidate on its way through the stages; `reason` is set when it is rejected, `failed` when the teacher was
    at fault and another try may help.

    `place`: its root, then its number among its siblings each time that a stage made several. `attributes`: what its
    plan asks for (difficulty, format, persona). `facts`: of its chunk, by number. `trace`: (stage, request key) of each
    answer it was made from, in the order of the stages.
    """

    place: tuple[int, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    context: str = ""
    passage: Passage | None = None
    chunk: Chunk | None = None
    facts: tuple[str, ...] = ()
    question: str = ""
    answer: str = ""
    task: str = "qa"
    trace: list[tuple[str, str]] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    failed: bool = False

    @property
    def root(self) -> int:
        """The number of its root."""
        return self.place[0]

    def child(self, number: int, **changes: object) -> Draft:
        """A sibling made of it: same past, its own future."""
        copy: Draft = replace(self, **changes)  # type: ignore[arg-type]
        copy.place = (*self.place, number)
        copy.trace, copy.scores = list(self.trace), dict(self.scores)
        return copy


class Unparsable(Exception):
    """A reply without what was asked for; the message says what is missing. It is asked once more, by a new seed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of request.

    `request(material, drafts)` says what to ask, `take(material, drafts, completion)` reads the reply and returns the
    drafts that go on, those with a `reason` included. With scope "each" `drafts` is one draft; with "siblings" all that
    are alive of one list, judged in one request. `take` must depend on its arguments alone, and may raise
    `Unparsable`. `new(material, draft)`: the text that must be new among the drafts of earlier roots that passed this
    stage, "" where nothing must; it is looked at in the order of the roots. `judges`: it asks for a verdict, so it is
    skipped where the judge is not believed. `tasks`: drafts of other tasks pass it untouched.
    """

    name: str
    request: Callable[[Material, Sequence[Draft]], ChatRequest]
    take: Callable[[Material, Sequence[Draft], Completion], Sequence[Draft]]
    scope: Literal["each", "siblings"] = "each"
    new: Callable[[Material, Draft], str] | None = None
    judges: bool = False
    tasks: tuple[str, ...] = ("qa",)


@dataclass(frozen=True, slots=True)
class Judge:
    """How a pair is judged: the same request for a sample as for a seed in calibration.

    `request(material, context, question, answer)`; `score(completion)`: 0 bad to 1 good, None where the reply is no
    verdict.
    """

    request: Callable[[Material, str, str, str], ChatRequest]
    score: Callable[[Completion], float | None]


@dataclass(frozen=True, slots=True)
class Flow:
    """The stages that make samples for one kind of leaf, in one form. `version` counts changes of its code.

    `prompts`: names of the files it uses; they count by themselves. `prepare` finds what to draw on. `start(material,
    root)`: the draft that a root begins with. `roots(material)`: how many roots there can be; None: as many as wanted.
    `messages`: the training row. `per_root`: rows that a root brings when all are sound; `expected`: the share of rows
    that is kept, to begin with. `requests_per_row`: for each kept row, where nothing was measured yet.
    """

    kind: str
    form: Form
    version: int
    prompts: tuple[str, ...]
    stages: tuple[Stage, ...]
    prepare: Callable[[Material], Material]
    start: Callable[[Material, int], Draft]
    roots: Callable[[Material], int | None]
    messages: Callable[[Draft], tuple[Message, ...]]
    per_root: int
    expected: float
    judge: Judge | None = None
    requests_per_row: float = 2.5

    def id(self, prompts: Prompts = PACKAGED) -> str:
        """Kind, form, versions and a digest over the prompts: what a leaf's key and a sample's provenance carry."""
        joined = "".join(prompts.get(name).digest for name in self.prompts)
        digest = hashlib.sha256(joined.encode()).hexdigest()[:12]
        return f"{self.kind}-{self.form}@{self.version}.{filters.VERSION}+{digest}"


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
    place: Sequence[int],
    variables: Mapping[str, object],
    examples: Sequence[Mapping[str, object]],
    sampling: Sampling,
) -> ChatRequest:
    """A filled prompt; its seed depends on leaf path, prompt and place, not on target or seed texts.

    A preview and a full run, or a run after an edit elsewhere in the leaf, so ask the same and share the answers.
    """
    seed = number(material.leaf.path, name, *place)
    return ChatRequest(material.prompts.get(name).render(variables, examples), replace(sampling, seed=seed))


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
