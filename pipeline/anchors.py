"""Anchors: what the untouched base says to ordinary prompts. Training on them keeps ordinary chat as it was.

Measured on a 135M model: tuning harms ordinary chat most, replay of leaves does not help, and anchors do. The prompts
are answered in blocks, each once for a base, and only as many blocks as a build needs: a small build pays for few.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.evaluate.port import Evaluator, Progress
from pipeline.models import ModelFolder
from pipeline.quality.lexical import MAX_REPETITION, has_control, refuses, repetition, words
from pipeline.quality.safety import unsafe_kinds
from pipeline.store.port import Store

PROMPTS = Path(__file__).parent / "data" / "anchor_prompts.txt"
ANSWER_TOKENS = 48
BLOCK = 48  # prompts that are answered in one go: what a kill costs
KEPT = 0.5  # about the share of answers that end by themselves and are kept, SmolLM2-135M-Instruct
ANSWERER = 2  # counts changes of how answers are made: kept ones of another version do not fit
REFUSALS = "refusals"
"""The section of harmful requests. What the base complies with there is not kept: nobody wants that rehearsed."""

AnchorUse = Literal["train", "dev", "heldout"]
_SHARES: tuple[tuple[int, AnchorUse], ...] = ((12, "heldout"), (17, "dev"), (100, "train"))  # per cent, cumulated


@dataclass(frozen=True, slots=True)
class Anchor:
    """One prompt with the base's greedy answer."""

    id: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Anchors:
    """Those that are trained on, those that guard the gate and those that choose checkpoints, each in an order set by
    hash: more prompts, or more that are wanted, only put some in between."""

    train: tuple[Anchor, ...]
    heldout: tuple[Anchor, ...]
    dev: tuple[Anchor, ...] = ()


def load_prompts() -> tuple[str, ...]:
    """The packaged prompts, in the file's order."""
    return tuple(prompt for prompts in load_sections().values() for prompt in prompts)


def load_sections() -> dict[str, tuple[str, ...]]:
    """The packaged prompts by section, such as "facts", "chat" or "refusals"."""
    sections: defaultdict[str, list[str]] = defaultdict(list)
    name = ""
    for line in filter(None, map(str.strip, PROMPTS.read_text(encoding="utf-8").splitlines())):
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
        elif not line.startswith("#"):
            sections[name].append(line)
    return {name: tuple(prompts) for name, prompts in sections.items()}


def anchors_digest(base_digest: str, prompts: Sequence[str]) -> str:
    """SHA-256 (hex) of all that the anchors depend on."""
    parts = [ANSWERER, base_digest, list(prompts), ANSWER_TOKENS, BLOCK, _SHARES, MAX_REPETITION]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def use_of(prompt: str) -> AnchorUse:
    """What a prompt is for: by its own hash, so that other prompts never move it."""
    share = int(_id(prompt)[:8], 16) % 100
    return next(use for below, use in _SHARES if share < below)


def make_anchors(
    model: ModelFolder, evaluator: Evaluator, store: Store, progress: Progress, *, wanted: int | None = None
) -> Anchors:
    """The anchors of a base, from the store or made now. `wanted`: how many to train on at least, as long as there are
    prompts; None: all. Raises `EvaluateError`, `StoreError`.
    """
    made: dict[AnchorUse, list[Anchor]] = {"train": [], "dev": [], "heldout": []}
    blocks = _blocks()
    for number, block in enumerate(blocks):
        if number and wanted is not None and len(made["train"]) >= wanted:
            break

        def part(doing: str, fraction: float, number: int = number) -> None:
            progress(f"anchors: {doing}", (number + fraction) / len(blocks))

        for anchor in _kept(_answers(model, evaluator, store, block, part)):
            made[use_of(anchor.prompt)].append(anchor)
    return Anchors(tuple(made["train"]), tuple(made["heldout"]), tuple(made["dev"]))


def heldout_on_file(model_digest: str, store: Store) -> tuple[Anchor, ...]:
    """Those of `make_anchors(…).heldout`; none where the base has not answered yet."""
    key = _key(model_digest, _blocks()[0])
    answers = json.loads(store.read(key)) if store.exists(key) else []
    return tuple(anchor for anchor in _kept(answers) if use_of(anchor.prompt) == "heldout")


def _kept(answers: Iterable[tuple[str, str, bool]]) -> Iterable[Anchor]:
    """Of (prompt, answer, whether it ended by itself), what may be rehearsed."""
    harmful = harmful_prompts()
    for prompt, answer, ended in answers:
        if ended and fit(answer, harmful=prompt in harmful):
            yield Anchor(_id(prompt), prompt, answer)


def harmful_prompts() -> frozenset[str]:
    """The prompts to which only a refusal is kept."""
    return frozenset(load_sections().get(REFUSALS, ()))


def fit(answer: str, *, harmful: bool = False) -> bool:
    """Whether an answer that ended by itself may be rehearsed: there is one, plain, not looping, with no word of the
    list of unsafe ones; to a `harmful` prompt, a refusal."""
    if not words(answer) or has_control(answer) or unsafe_kinds(answer) or repetition(answer) > MAX_REPETITION:
        return False
    return refuses(answer) if harmful else True


def _answers(
    model: ModelFolder, evaluator: Evaluator, store: Store, prompts: Sequence[str], progress: Progress
) -> Iterable[tuple[str, str, bool]]:
    """(prompt, answer, whether it ended by itself). A cut answer would teach to stop in the middle."""
    key = _key(model.digest, prompts)
    if not store.exists(key):
        answers = evaluator.answer(model.path, None, prompts, ANSWER_TOKENS, progress)
        rows = [[prompt, text, ended] for prompt, (text, ended) in zip(prompts, answers, strict=True)]
        store.write(key, json.dumps(rows, ensure_ascii=False).encode())
    return [(prompt, text, ended) for prompt, text, ended in json.loads(store.read(key))]


def unanswered(model_digest: str, store: Store, *, wanted: int) -> int:
    """About how many prompts `make_anchors` would have to put to the base now: what it costs in time."""
    blocks = _blocks()[: 1 + math.ceil(wanted / (KEPT * BLOCK))]
    return sum(len(block) for block in blocks if not store.exists(_key(model_digest, block)))


def _key(model_digest: str, prompts: Sequence[str]) -> str:
    return f"anchors/{anchors_digest(model_digest, prompts)}.json"


def _blocks() -> list[Sequence[str]]:
    """All prompts: first those that are not trained on, then the others in the order of their ids."""
    prompts = sorted(load_prompts(), key=_id)
    trained = [prompt for prompt in prompts if use_of(prompt) == "train"]
    kept_back = [prompt for prompt in prompts if use_of(prompt) != "train"]
    return [kept_back, *(trained[at : at + BLOCK] for at in range(0, len(trained), BLOCK))]


def _id(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()
