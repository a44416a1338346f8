"""From a mixture's lines to rows of tokens, and the order in which they are trained."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import causal
from pipeline.recipe import Recipe
from pipeline.train.port import THINNED, Thinned, TrainError

WINDOW = 8  # batches, at most, that share one sorting by length
EMPTY = -1  # in an order: a row that is not there, so that every process has as many
_PHASE_OF = {"knowledge": "knowledge", "skill": "skills"}


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One chat. `leaf`: "" for anchors; `kind`: knowledge, skill or anchor."""

    encoded: causal.Encoded
    leaf: str = ""
    kind: str = "skill"

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.encoded.tokens)

    @property
    def learnt(self) -> int:
        """Tokens that are trained."""
        return sum(label != causal.IGNORED for label in self.encoded.labels)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is trained, what is not with the reason by row id, and leaves that lose more than 5 % of their rows."""

    rows: tuple[TrainRow, ...]
    dropped: tuple[tuple[str, str], ...]
    thinned: tuple[Thinned, ...] = ()


def read_rows(mixture: Path, tokenizer: Any, max_tokens: int) -> Rows:
    """Encode a mixture; a row that is too long or cannot be masked is dropped and listed, never cut.

    Raises `TrainError` where nothing is left.
    """
    rows: list[TrainRow] = []
    dropped: list[tuple[str, str]] = []
    seen: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for line in mixture.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        leaf = row.get("leaf", "")
        seen[leaf] += 1
        encoded = _encoded(row, tokenizer, max_tokens)
        if isinstance(encoded, str):
            dropped.append((row["id"], encoded))
            lost[leaf] += 1
        else:
            anchor = row.get("source") == "anchor"
            rows.append(TrainRow(encoded, leaf, row.get("kind", "anchor" if anchor else "skill")))
    if not rows:
        raise TrainError(f"{mixture}: no row can be trained ({len(dropped)} dropped); check max_tokens in the recipe")
    thinned = [Thinned(leaf, lost[leaf], seen[leaf]) for leaf in sorted(lost) if lost[leaf] > THINNED * seen[leaf]]
    return Rows(tuple(rows), tuple(dropped), tuple(thinned))


def _encoded(row: dict[str, Any], tokenizer: Any, max_tokens: int) -> causal.Encoded | str:
    """The tokens of a row, or why it cannot be trained."""
    try:
        encoded = causal.encode(tokenizer, row["messages"], row.get("train_on", "assistant"))
    except causal.MaskError as error:
        return str(error)
    if len(encoded.tokens) > max_tokens:
        return f"{len(encoded.tokens)} tokens, more than {max_tokens}"
    if all(label == causal.IGNORED for label in encoded.labels):
        return "no token of it is learnt"
    return encoded


def schedule(rows: Sequence[TrainRow], recipe: Recipe) -> list[int]:
    """Row indexes of all epochs in training order: by hash, then batched with rows of like length to save padding.

    With phases each one trains its kind for all epochs, with all anchors and a share (`replay_ratio`) of the rows of
    earlier phases. Every batch but the last is whole, since what a phase leaves over opens the next one.

    No more rows are sorted together than an epoch has: a row of two epochs would lie beside itself, and one step would
    learn it twice where two steps should learn it once each (0.04 nats worse on rows held out, measured on 32 rows).
    """
    order: list[int] = []
    waiting: list[int] = []
    for number, chosen in enumerate(_phases(rows, recipe)):
        keys = sorted((epoch, _rank(recipe, number, epoch, i), i) for epoch in range(recipe.epochs) for i in chosen)
        waiting += [i for _, _, i in keys]
        whole = len(waiting) // recipe.batch * recipe.batch
        batches = min(WINDOW, max(1, len(chosen) // recipe.batch))
        order += _bucketed(waiting[:whole], rows, recipe, number, batches * recipe.batch)
        waiting = waiting[whole:]
    return order + sorted(waiting, key=lambda i: (-rows[i].length, i))


def pad_order(order: Sequence[int], count: int) -> list[int]:
    """`order`, filled up with `EMPTY` to a multiple of `count` rows: the processes of one run stay in step."""
    return [*order, *[EMPTY] * (-len(order) % count)]


def _phases(rows: Sequence[TrainRow], recipe: Recipe) -> list[list[int]]:
    if not recipe.phases:
        return [list(range(len(rows)))]
    phases: list[list[int]] = []
    done: list[int] = []
    for phase in recipe.phases:
        own = [i for i, row in enumerate(rows) if _PHASE_OF.get(row.kind) == phase]
        anchors = [i for i, row in enumerate(rows) if row.kind not in _PHASE_OF]
        again = sorted(done, key=lambda i: _rank(recipe, "replay", i))[: round(recipe.replay_ratio * len(done))]
        phases.append(sorted([*own, *anchors, *again]))
        done += own
    return phases


def _bucketed(waiting: Sequence[int], rows: Sequence[TrainRow], recipe: Recipe, phase: int, size: int) -> list[int]:
    order: list[int] = []
    for at in range(0, len(waiting), size):
        window = sorted(waiting[at : at + size], key=lambda i: (-rows[i].length, i))
        batches = [window[j : j + recipe.batch] for j in range(0, len(window), recipe.batch)]
        keyed = sorted((_rank(recipe, "batch", phase, at, batch), batch) for batch in batches)
        order += [i for _, batch in keyed for i in batch]
    return order


def _rank(recipe: Recipe, *parts: object) -> bytes:
    return hashlib.sha256(repr((recipe.seed, *parts)).encode()).digest()
