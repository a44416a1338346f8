"""Is the candidate still good at what no leaf is about? Non-inferiority: harm of a margin's size must be ruled out."""

from __future__ import annotations

from pipeline.evaluate.port import Item
from pipeline.gate.comparison import Comparison
from pipeline.gate.policy import Policy
from pipeline.gate.verdict import Check
from pipeline.gate.words import change, count
from pipeline.statistics import mcnemar

_MILDER = "Train milder: more anchors, a lower learning rate, fewer epochs, or a smaller share of the update."
_MORE = "More general questions would settle it. " + _MILDER


def general(ours: Comparison, policy: Policy) -> Check:
    """The mean of the general suite beside the champion's, or beside the base's where there is no champion."""
    margin = policy.drift_margin if ours.whom == "the base model" else policy.general_margin
    return _non_inferior("general", ours, margin, policy)


def drift(from_base: Comparison, policy: Policy) -> Check:
    """The same beside the pinned base: what many builds did together."""
    return _non_inferior("drift", from_base, policy.drift_margin, policy)


def _non_inferior(name: str, ours: Comparison, margin: float, policy: Policy) -> Check:
    items = ours.pick("general")
    if not items:
        detail = "The general suite is empty, so harm to general answers cannot be ruled out."
        return Check(name, False, detail, harmed=(), advice="Restore the questions of the general suite.")
    limit = max(margin, policy.noise_times * ours.floor)
    seen = ours.interval(items, name, policy.general_alpha)
    numbers = {
        "items": len(items),
        "change": seen.mean,
        "upper": seen.high,
        "limit": limit,
        "alpha": policy.general_alpha,
    }
    figures = f"{change(seen)}, on {count(len(items), 'question')} (limit {limit:+.3f})"
    if seen.high < limit:
        return Check(name, True, f"General answers are as good as those of {ours.whom}: {figures}.", numbers)
    if seen.mean < limit:
        detail = f"Harm to general answers cannot be ruled out against {ours.whom}: {figures}."
        return Check(name, False, detail, numbers, undecided=True, harmed=(name,), advice=_MORE)
    detail = f"General answers got worse than those of {ours.whom}: {figures}."
    return Check(name, False, detail, numbers, harmed=(name,), advice=_MILDER)


def choices(ours: Comparison, from_base: Comparison | None, policy: Policy) -> Check:
    """Right choices lost, by McNemar's exact test: only items that changed sides say anything."""
    numbers: dict[str, float] = {"alpha": policy.choices_alpha, "drop_limit": policy.choices_drop}
    said, wrong = [], []
    for beside in (ours, from_base):
        if beside is None:
            continue
        asked = beside.choices(beside.pick("general"))
        lost, won = (_crossed(asked, down, policy.noise_times * beside.floor) for down in (True, False))
        p, drop = mcnemar(lost, won), (lost - won) / len(asked) if asked else 0.0
        key = "base_" if beside is from_base else ""
        numbers |= {f"{key}items": len(asked), f"{key}lost": lost, f"{key}won": won, f"{key}p": round(p, 6)}
        said.append(f"{lost} lost and {won} won beside {beside.whom}, of {count(len(asked), 'question')}")
        if p < policy.choices_alpha and drop >= policy.choices_drop:
            wrong.append(said[-1])
    if not wrong:
        return Check("choices", True, f"Right choices are kept: {'; '.join(said)}.", numbers)
    detail = f"Right choices of general questions were lost: {'; '.join(wrong)}."
    return Check("choices", False, detail, numbers, harmed=("choices",), advice=_MILDER)


def _crossed(asked: list[tuple[Item, float, float]], down: bool, floor: float) -> int:
    """Items that went from right to wrong (`down`) or back, by more than scoring noise."""
    return sum(
        (before > 0 >= after if down else after > 0 >= before) and abs(after - before) > floor
        for _, before, after in asked
    )
