"""Waivers: a person lets one check, or one leaf, pass all the same, with name and reason, in a merged file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from pipeline.gate.verdict import Check, Row
from pipeline.waivers import Waiver, waiver_of

WAIVABLE = frozenset({"general", "drift", "choices", "categories", "lead", "leaves", "benefit"})
"""Checks that a person may answer for. The others are not judgements: a model that does not load, that scores by
chance, that forgot how to refuse, or whose released file is another one, is not served."""


def waive(checks: Iterable[Check], waivers: Sequence[Waiver]) -> list[Check]:
    """The checks, those that did not pass and are waived with the waiver's words."""
    waived = []
    for check in checks:
        waiver = waiver_of(waivers, check.name) if check.name in WAIVABLE and not check.passed else None
        waived.append(replace(check, waived=words(waiver)) if waiver else check)
    return waived


def waived_leaves(waivers: Iterable[Waiver]) -> frozenset[str]:
    """Leaves that may get worse."""
    return frozenset(waiver.leaf for waiver in waivers if waiver.leaf)


def words(waiver: Waiver) -> str:
    """Who waived what, why, and until when."""
    reason = " ".join(waiver.reason.split()).rstrip(".")
    return f"{waiver.check_or_leaf}, waived by {waiver.approver} until {waiver.expires}: {reason} ({waiver.path})"


def leaf_words(waivers: Sequence[Waiver], rows: Sequence[Row], alpha: float, limit: float) -> list[str]:
    """Waivers of leaves that let something pass: the leaf got worse, taken alone."""
    worse = [row.group for row in rows if row.p < alpha and row.change.mean > limit]
    return [words(waiver) for leaf in worse if (waiver := waiver_of(waivers, leaf))]


def idle(waivers: Iterable[Waiver], known: Collection[str]) -> list[str]:
    """Warnings about waivers that name what cannot be waived, or what is not there."""
    found = []
    for waiver in waivers:
        name = waiver.check_or_leaf
        if waiver.leaf is None and name not in WAIVABLE:
            found.append(f"The waiver {waiver.path} changes nothing: {name} cannot be waived.")
        elif waiver.leaf is not None and name not in known:
            found.append(f"The waiver {waiver.path} changes nothing: no live leaf is named {name}.")
    return found
