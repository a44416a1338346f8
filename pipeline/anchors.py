"""Anchors: what the untouched base says to ordinary prompts. Training on them keeps ordinary chat as it was.

Measured on a 135M model: tuning harms ordinary chat most, replay of leaves does not help, and anchors do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluate.port import Evaluator, Progress
from pipeline.models import ModelFolder
from pipeline.store.port import Store

PROMPTS = Path(__file__).parent / "data" / "anchor_prompts.txt"
ANSWER_TOKENS = 48
HELD_OUT = 12


@dataclass(frozen=True, slots=True)
class Anchor:
    """One prompt with the base's greedy answer."""

    id: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Anchors:
    """Those that are trained on and those that guard the gate, each in an order set by hash."""

    train: tuple[Anchor, ...]
    heldout: tuple[Anchor, ...]


def load_prompts() -> tuple[str, ...]:
    """The packaged prompts."""
    return tuple(line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line.strip())


def anchors_digest(base_digest: str, prompts: Sequence[str]) -> str:
    """SHA-256 (hex) of all that the anchors depend on."""
    return hashlib.sha256(json.dumps([base_digest, list(prompts), ANSWER_TOKENS, HELD_OUT]).encode()).hexdigest()


def make_anchors(model: ModelFolder, evaluator: Evaluator, store: Store, progress: Progress) -> Anchors:
    """The anchors of a base, from the store or made now.

    Only answers that end by themselves are kept: a cut one would teach to stop in the middle.
    """
    prompts = load_prompts()
    key = f"anchors/{anchors_digest(model.digest, prompts)}.json"
    if not store.exists(key):
        answers = evaluator.answer(model.path, None, prompts, ANSWER_TOKENS, progress)
        pairs = [[prompt, text] for prompt, (text, ended) in zip(prompts, answers, strict=True) if ended and text]
        store.write(key, json.dumps(pairs, ensure_ascii=False).encode())
    anchors = sorted((_anchor(*pair) for pair in json.loads(store.read(key))), key=lambda anchor: anchor.id)
    return Anchors(train=tuple(anchors[HELD_OUT:]), heldout=tuple(anchors[:HELD_OUT]))


def _anchor(prompt: str, answer: str) -> Anchor:
    return Anchor(hashlib.sha256(prompt.encode()).hexdigest(), prompt, answer)
