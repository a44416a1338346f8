"""Figures as a contributor reads them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.gate.verdict import ALL_LEAVES, Row
from pipeline.statistics import Interval

MOST_NAMED = 5


def change(interval: Interval) -> str:
    """A change that is judged by its upper bound."""
    return f"{interval.mean:+.3f} nats per token, and chance leaves room up to {interval.high:+.3f}"


def row_change(row: Row) -> str:
    """A row's change with its 90 % interval; without where one unit cannot give one."""
    mean = f"{row.change.mean:+.3f}"
    return mean if row.units == 1 else f"{mean} ({row.change.low:+.3f} to {row.change.high:+.3f})"


def subject(row: Row) -> str:
    """A leaf, a branch, or all leaves, at the beginning of a sentence."""
    if row.group == ALL_LEAVES:
        return "All leaves together"
    return (
        f"The leaves under {row.group.removesuffix('/')} together"
        if row.group.endswith("/")
        else f"The leaf {row.group}"
    )


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of many."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
