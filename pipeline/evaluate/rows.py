"""Items as tokens, and what they have in common: so that the model reads each prompt once for all of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import causal
from pipeline.evaluate.port import EvaluateError, Item

_BUCKET = 16  # tokens: prompts of about one length stand together, sorted by their answers within


@dataclass(frozen=True, slots=True)
class Asked:
    """One item as tokens. `prompt`: what all its answers share, one token at least.

    `tails`: what follows it, the reference first, then the choices in their order; each ends with its last label.
    """

    prompt: tuple[int, ...]
    tails: tuple[causal.Encoded, ...]

    @property
    def longest(self) -> int:
        """Tokens of the longest tail."""
        return max(len(tail.tokens) for tail in self.tails)


def encode(tokenizer: Any, item: Item) -> Asked:
    """The item's chat once for each of its answers. Raises `EvaluateError` for a text that cannot be scored."""
    rows = [_row(tokenizer, item, answer) for answer in (item.reference, *item.choices)]
    shared = common_start([row.tokens for row in rows])
    shared = min(shared, *(_first_label(row) for row in rows))
    if shared == 0:
        raise EvaluateError(
            f"item {item.id} of {item.group} cannot be scored: its chat template puts nothing before it"
        )
    tails = tuple(causal.Encoded(row.tokens[shared:], row.labels[shared:]) for row in rows)
    return Asked(rows[0].tokens[:shared], tails)


def common_start(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with."""
    first, last = min(map(tuple, rows)), max(map(tuple, rows))  # in the order of their tokens, all others lie between
    pairs = zip(first, last, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))


def prefix(asked: Sequence[Asked]) -> int:
    """How many tokens all prompts begin with, such as a system turn. One token at least stays in each prompt."""
    prompts = [one.prompt for one in asked]
    return min(common_start(prompts), *(len(prompt) - 1 for prompt in prompts)) if len(prompts) > 1 else 0


def batches(asked: Sequence[Asked], size: int) -> list[list[int]]:
    """Indexes in batches of `size` items, always the same ones, with little padding in prompts and in answers."""

    def place(at: int) -> tuple[int, int, int, int]:
        one = asked[at]
        return len(one.tails), -(len(one.prompt) // _BUCKET), -one.longest, at

    order = sorted(range(len(asked)), key=place)
    return [order[at : at + size] for at in range(0, len(order), size)]


def _row(tokenizer: Any, item: Item, answer: str) -> causal.Encoded:
    chat = [{"role": "user", "content": item.question}, {"role": "assistant", "content": answer}]
    try:
        row = causal.encode(tokenizer, chat)
    except causal.MaskError as error:
        raise EvaluateError(f"item {item.id} of {item.group} cannot be scored: {error}") from error
    end = max(at for at, label in enumerate(row.labels) if label != causal.IGNORED) + 1
    return causal.Encoded(row.tokens[:end], row.labels[:end])


def _first_label(row: causal.Encoded) -> int:
    return next(at for at, label in enumerate(row.labels) if label != causal.IGNORED)
