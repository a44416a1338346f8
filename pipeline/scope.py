"""Which items a build is judged by, so that judging costs as much as what changed and not as the taxonomy.

A full build is judged by all. Any other by all items of the leaves that changed, the whole general suite, and of the
other leaves by at most `MOST_ITEMS`: an item of each leaf, then a second one of each, and so on, by hash. The sample
stays the same from night to night, so that the champion's scores of it are on file; what it never holds is looked at by
the next full build, a week away at most.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from pipeline.evaluate.items import ANCHOR_GROUP
from pipeline.evaluate.port import Item
from pipeline.modes.model import AGAIN, MOST_ITEMS, Mode


def scope(items: Sequence[Item], mode: Mode, changed: frozenset[str], most: int = MOST_ITEMS) -> list[Item]:
    """The items that a build is judged by, in their order. `changed`: paths of leaves whose items all count.

    Items of a cluster (pairs of one seed example) stay together as far as `most` allows.
    """
    if mode == "full":
        return list(items)
    others = [item for item in items if item.suite != "general" and item.group not in changed]
    sampled = {item.id for item in _sampled(others, most)}
    return [item for item in items if item.suite == "general" or item.group in changed or item.id in sampled]


def some(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items, in their order: one of each group, then a second one of each, by hash."""
    kept = {item.id for item in _sampled(items, most)}
    return [item for item in items if item.id in kept]


def repeated(items: Sequence[Item]) -> list[Item]:
    """The items that the incumbent is scored on a second time, by hash: many show no noise that some do not.

    Of the packaged suite, so that all attempts and nights share them.
    """
    general = [item for item in items if item.suite == "general" and item.group != ANCHOR_GROUP]
    return sorted(general, key=lambda item: _rank(item.id))[:AGAIN]


def _sampled(items: Sequence[Item], most: int) -> list[Item]:
    by_leaf: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_leaf[item.group].append(item)
    turns: list[tuple[int, bytes, Item]] = []
    for leaf, found in by_leaf.items():
        ordered = sorted(found, key=lambda item: (_rank(item.cluster or item.id), _rank(item.id)))
        turns += [(turn, _rank(leaf), item) for turn, item in enumerate(ordered)]
    return [item for _, _, item in sorted(turns, key=lambda entry: entry[:2])[:most]]


def _rank(name: str) -> bytes:
    return hashlib.sha256(f"scope\n{name}".encode(errors="backslashreplace")).digest()
