"""Which held-out seed examples of a leaf are for what: choosing checkpoints, the gate, or the audit of full builds.

Always whole seed examples, never rows: the pairs of one share a context, so that one gives the others away. All by
hash, so that a leaf's split is the same in every build and moves as little as can be when the leaf grows.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pipeline.leafkeys import held_groups
from validators import Leaf

Split = Literal["train", "dev", "gate", "audit"]
"""`train`: open to prompts and mixture. `dev`: chooses checkpoints. `gate`: decides. `audit`: full builds alone."""

INFORMING_BELOW = 6
"""Gate items below which a leaf is *informing only*: shown, pooled with its branch, and never blocking alone. Five
that all got worse reach p = 1/32 at best, and Holm's correction for two leaves alone makes that 1/16."""

_BY_QUARTER: tuple[Split, ...] = ("gate", "gate", "dev", "audit")


def split_of(leaf: Leaf) -> dict[int, Split]:
    """The split of each seed example by its index, in the file's order.

    Of those that are held out (`leafkeys.heldout`), ranked by hash, the first is `gate`, and each further one is
    `gate`, `gate`, `dev` or `audit` by a hash of its own. Examples with the same words share one split.
    """
    splits: dict[int, Split] = {seed.index: "train" for seed in leaf.seeds}
    for rank, (content, indexes) in enumerate(held_groups(leaf)):
        chosen: Split = "gate" if rank == 0 else _BY_QUARTER[_quarter(leaf.path, content)]
        splits |= dict.fromkeys(indexes, chosen)
    return splits


def _quarter(path: str, content: str) -> int:
    return hashlib.sha256(f"split\n{path}\n{content}".encode(errors="backslashreplace")).digest()[0] % 4
