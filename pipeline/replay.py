"""Replay: which rows of earlier leaves an incremental build trains on again, so that they are not forgotten.

Measured on a 135M model: without replay a second leaf took the first from 0.03 to 2.06 nats, with a quarter of its rows
to 0.34. A leaf that the last build made worse gets more of the rows; every leaf that is drawn gets at least two. Each
leaf's rows stand in an order set by hash and are taken from its head: what another leaf does can make the head shorter
or longer and never puts another row in.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

FEWEST = 2  # rows of a leaf that is replayed at all
ALWAYS = 32  # leaves that are replayed, if there are so many, however little changed: a fixed cost of a night
EVEN = 0.05  # nats: the weight of a leaf that got no worse


def replay_rows(changed: int, ratio: float, leaves: int) -> int:
    """How many rows are replayed beside `changed` rows of new leaves: by the ratio, and two for each earlier leaf as
    long as that means `ALWAYS` leaves or fewer. A ratio of 0 turns replay off.

    So the cost follows what changed and not how large the taxonomy is.
    """
    return max(round(ratio * changed), FEWEST * min(leaves, ALWAYS)) if ratio else 0


def quotas(
    available: Mapping[str, int], total: int, rises: Mapping[str, float] | None = None, salt: str = ""
) -> dict[str, int]:
    """Rows for each leaf: at least `FEWEST`, the others by weight; no more than it has. Leaves with none are left out.

    `rises`: by leaf, nats per token that the last build made it worse. `salt`: such as the champion's id, so that where
    there are too many leaves for two rows each, other nights draw other leaves.
    """
    weights = {leaf: EVEN + max(0.0, (rises or {}).get(leaf, 0.0)) for leaf, rows in available.items() if rows}
    drawn = sorted(weights, key=lambda leaf: (_late(leaf, weights[leaf], salt), leaf))[: math.ceil(total / FEWEST)]
    given: dict[str, int] = {}
    for leaf in drawn:
        given[leaf] = min(FEWEST, available[leaf], total - sum(given.values()))
    # Highest averages: one row more takes none from anybody, one leaf more takes rows and moves none between others.
    line = [(-weights[leaf] / (given[leaf] + 1), leaf) for leaf in drawn if given[leaf] < available[leaf]]
    heapq.heapify(line)
    for _ in range(total - sum(given.values())):
        if not line:
            break
        _, leaf = heapq.heappop(line)
        given[leaf] += 1
        if given[leaf] < available[leaf]:
            heapq.heappush(line, (-weights[leaf] / (given[leaf] + 1), leaf))
    return {leaf: rows for leaf, rows in given.items() if rows}


def loss_rises(scores: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """By leaf, by how many nats per token its gate items rose with a build, from the rows of its `scores.json`.

    Against the champion of that day; a build without one took nothing from anybody.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    for row in scores:
        if row["suite"] == "heldout" and "champion" in row:
            found[row["group"]].append(row["candidate"]["nats"] - row["champion"]["nats"])
    return {leaf: round(max(0.0, fmean(values)), 6) for leaf, values in sorted(found.items())}


def _late(leaf: str, weight: float, salt: str) -> float:
    """When a leaf is drawn: sooner with more weight, each for itself (Efraimidis and Spirakis, 2006)."""
    digest = hashlib.sha256(f"replay\n{salt}\n{leaf}".encode(errors="backslashreplace")).digest()
    return -math.log((int.from_bytes(digest[:8], "big") + 1) / 2**64) / weight
