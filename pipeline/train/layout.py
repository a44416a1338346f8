"""How the rows of a micro batch lie in memory. All layouts give the same loss; they differ in work that is wasted.

- `shared`: all rows in one line behind the opening that they have in common (a chat template's system turn), which is
  computed once. A mask lets each row see the opening and itself alone. Taken where it is less work (`cheaper`).
- `packed`: all rows in one line; positions start anew with each row. Exact only with `use_cache=False` and without an
  attention mask: measured, anything else lets rows see each other (2 nats of divergence).
- `padded`: a line a row, filled up on the right. No mask: what is behind a row's end cannot be seen from within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pipeline.causal import IGNORED, Encoded
from pipeline.recipe import Recipe

_OVERHEAD = 64  # tokens whose work equals the fixed cost of one more pass

Layout = Literal["shared", "packed", "padded"]
Batch = dict[str, Any]


def lay_out(rows: Sequence[Encoded], layout: Layout, filler: int) -> Batch:
    """Tensors `input_ids`, `labels` and, where the layout needs them, `position_ids`, `attention_mask`.

    `labels` stand with their own token, as in `Encoded`; `filler` is a token for empty places.
    """
    return {"shared": shared, "packed": packed, "padded": padded}[layout](rows, filler)


def opening(rows: Sequence[Encoded]) -> int:
    """How many tokens all rows begin with alike, ended early enough that no label depends on the last of them."""
    first = min(next((i for i, label in enumerate(row.labels) if label != IGNORED), len(row.labels)) for row in rows)
    length = 0
    while length < first - 1 and len({row.tokens[length] for row in rows}) == 1:
        length += 1
    return length


def cheaper(rows: Sequence[Encoded], hidden: int) -> Layout:
    """`shared` or `padded`, whichever is less work for layers of width `hidden`."""
    in_one, apart = _work(rows, hidden)
    return "shared" if in_one <= apart else "padded"


def parts(rows: Sequence[Encoded], layout: Layout, hidden: int, cap: int) -> list[slice]:
    """Neighbours that are computed at once: no more than `cap` tokens, and as many as make less work than apart."""
    made: list[slice] = []
    start = 0
    for end in range(1, len(rows)):
        now, then = rows[start:end], rows[start : end + 1]
        full = max(len(row.tokens) for row in then) * len(then) > cap
        if full or _least(then, layout, hidden) > _least(now, layout, hidden) + _least(
            rows[end : end + 1], layout, hidden
        ):
            made.append(slice(start, end))
            start = end
    return [*made, slice(start, len(rows))]


def _least(rows: Sequence[Encoded], layout: Layout, hidden: int) -> float:
    in_one, apart = _work(rows, hidden)
    least = {"shared": min(in_one, apart), "padded": apart, "packed": in_one}[layout]
    return _OVERHEAD * 6 * hidden + least


def _work(rows: Sequence[Encoded], hidden: int) -> tuple[float, float]:
    """What `rows` cost in one line, and padded; in multiples of 4·hidden operations for each layer.

    A token costs a layer about 24·hidden² operations and 4·hidden for each token that attention compares it with. In
    one line that is every token, since a mask saves no work. A padded row compares half of its own.
    """
    start, longest = opening(rows), max(len(row.tokens) for row in rows)
    line = start + sum(len(row.tokens) - start for row in rows)
    return line * (6 * hidden + line), len(rows) * longest * (6 * hidden + longest / 2)


def shared(rows: Sequence[Encoded], filler: int) -> Batch:
    """One line of (1, opening + the rest of every row); mask of shape (1, 1, line, line), True where seen."""
    import torch

    start = opening(rows)
    ids, places, labels, owner = list(rows[0].tokens[:start]), list(range(start)), [IGNORED] * start, [0] * start
    for number, row in enumerate(rows, 1):
        ids += row.tokens[start:]
        places += range(start, len(row.tokens))
        labels += row.labels[start:]
        owner += [number] * (len(row.tokens) - start)
    own, place = torch.tensor(owner), torch.tensor(places)
    seen = ((own[:, None] == own[None]) | (own[None] == 0)) & (place[None] <= place[:, None])
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": place[None],
        "attention_mask": seen[None, None],
    }


def packed(rows: Sequence[Encoded], filler: int) -> Batch:
    """One line of all rows, (1, tokens)."""
    import torch

    return {
        "input_ids": torch.tensor([[token for row in rows for token in row.tokens]]),
        "labels": torch.tensor([[label for row in rows for label in row.labels]]),
        "position_ids": torch.tensor([[place for row in rows for place in range(len(row.tokens))]]),
    }


def padded(rows: Sequence[Encoded], filler: int) -> Batch:
    """A line a row, (rows, longest)."""
    import torch

    longest = max(len(row.tokens) for row in rows)
    spare = [longest - len(row.tokens) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.tokens, *[filler] * n] for row, n in zip(rows, spare, strict=True)]),
        "labels": torch.tensor([[*row.labels, *[IGNORED] * n] for row, n in zip(rows, spare, strict=True)]),
    }


def layout_for(recipe: Recipe) -> Layout:
    """The layout that is tried first; `pipeline.train.loss.agreed_layout` checks it on the model itself."""
    if recipe.packing:
        return "packed"
    return "padded" if recipe.shard else "shared"
