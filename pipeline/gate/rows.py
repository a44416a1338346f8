"""The table: leaves, their branches, and categories, each with its means, its interval and its p-value."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pipeline.evaluate.port import Item, Score
from pipeline.gate.comparison import Comparison, units
from pipeline.gate.verdict import ALL_GENERAL, ALL_LEAVES, Row
from pipeline.splits import INFORMING_BELOW
from pipeline.statistics import benjamini_hochberg, holm, smallest_p


def group_rows(ours: Comparison, suite: str, changed: frozenset[str] = frozenset()) -> list[Row]:
    """One row a leaf or category of the suite."""
    groups = ours.groups(suite).items()
    return [replace(_row(ours, name, suite, items), changed=name in changed) for name, items in groups]


def branch_rows(ours: Comparison, without: frozenset[str] = frozenset()) -> list[Row]:
    """One row for each folder with at least two leaves, and one for all leaves. `without`: leaves that do not count.

    A folder is named with a slash at its end. Folders with the same leaves are one branch, named by the deepest.
    """
    groups = {path: items for path, items in ours.groups("heldout").items() if path not in without}
    branches = {frozenset(groups): ALL_LEAVES} if len(groups) > 1 else {}
    for folder, leaves in sorted(_folders(groups).items(), reverse=True):
        if len(leaves) > 1:
            branches.setdefault(leaves, f"{folder}/")
    return [
        _row(ours, name, "heldout", [item for leaf in sorted(leaves) for item in groups[leaf]])
        for leaves, name in sorted(branches.items(), key=lambda branch: (branch[1] == ALL_LEAVES, branch[1]))
    ]


def general_row(ours: Comparison) -> list[Row]:
    """The general suite as a whole, where there is one."""
    items = ours.pick("general")
    return [_row(ours, ALL_GENERAL, "general", items)] if items else []


def adjusted(rows: Sequence[Row], alpha: float) -> list[Row]:
    """The rows with `significance` and `q` over all of them. Those that only inform do not count among the many."""
    names = [f"{row.suite} {row.group}" for row in rows]
    named = dict(zip(names, rows, strict=True))
    p_values = {name: row.p for name, row in named.items()}
    able = {name: smallest_p(row.units) for name, row in named.items() if not row.informing}
    significance = holm({name: p_values[name] for name in able}, able, alpha)
    q_values = benjamini_hochberg(p_values)
    return [replace(row, significance=significance.get(name, 1.0), q=q_values[name]) for name, row in named.items()]


def _folders(paths: Mapping[str, object]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for folder in PurePosixPath(path).parents[:-1]:
            found[str(folder)].add(path)
    return {folder: frozenset(leaves) for folder, leaves in found.items()}


def _row(ours: Comparison, group: str, suite: str, items: Sequence[Item]) -> Row:
    salt = f"{suite}/{group}"
    choices = ours.choices(items)
    return Row(
        group=group,
        suite=suite,
        n=len(items),
        before=_mean(items, ours.before, "nats"),
        after=_mean(items, ours.after, "nats"),
        change=ours.interval(items, salt),
        f1_before=_mean(items, ours.before, "f1"),
        f1_after=_mean(items, ours.after, "f1"),
        p=round(ours.worse(items, salt), 6),
        units=len(set(units(items))),
        choices=len(choices),
        right_before=sum(before > 0 for _, before, _ in choices),
        right_after=sum(after > 0 for _, _, after in choices),
        informing=len(items) < INFORMING_BELOW,
    )


def _mean(items: Sequence[Item], scores: Mapping[str, Score], field: str) -> float:
    return round(math.fsum(getattr(scores[item.id], field) for item in items) / len(items), 6)
