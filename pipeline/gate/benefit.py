"""Did the leaves that the champion has not learnt get better? Without a gain there is no reason to change the model."""

from __future__ import annotations

from pipeline.evaluate.port import Item
from pipeline.gate.comparison import Comparison, units
from pipeline.gate.evidence import Evidence
from pipeline.gate.policy import Policy
from pipeline.gate.verdict import Check
from pipeline.gate.words import count, listed


def benefit(ours: Comparison, evidence: Evidence, policy: Policy) -> Check:
    """One pooled test over the changed leaves, so that many leaves are not many chances.

    Nothing changed and nothing removed: held, as there is nothing new. Something removed: no gain is needed, since a
    champion that still knows a removed leaf must go as soon as another model is as good.
    """
    changed = sorted(evidence.changed)
    if not changed and not evidence.removed:
        detail = "Nothing new: the champion has learnt every leaf exactly as it is, so it stays."
        return Check("benefit", False, detail, advice="The next build with a new or changed leaf is judged.")
    items = ours.pick("heldout", changed)
    seen = _test(ours, items, changed, policy)
    if evidence.removed and not seen.passed:
        detail = f"No gain is needed, since this build unlearns {listed(sorted(evidence.removed))}. {seen.detail}"
        return Check("benefit", True, detail, seen.numbers)
    return seen


def _test(ours: Comparison, items: list[Item], changed: list[str], policy: Policy) -> Check:
    where = f"{count(len(items), 'held-out question')} of {count(len(changed), 'changed leaf', 'changed leaves')}"
    advice = f"Add seed examples to {listed(changed)}, or let more leaves come together."
    independent = len(set(units(items)))
    if independent < 2:
        detail = f"Too few held-out questions to tell a gain from chance: {where}."
        return Check("benefit", False, detail, {"items": len(items)}, undecided=True, advice=advice)
    seen = ours.interval(items, "benefit", policy.benefit_alpha)
    numbers = {
        "items": len(items),
        "units": independent,
        "change": seen.mean,
        "upper": seen.high,
        "lower": seen.low,
        "alpha": policy.benefit_alpha,
        "worthwhile": policy.worthwhile,
    }
    figures = f"{seen.mean:+.3f} nats per token, and chance leaves room from {seen.low:+.3f} to {seen.high:+.3f}"
    if seen.high < 0 and seen.mean < -policy.noise_times * ours.floor:
        return Check("benefit", True, f"Better on {where}: {figures}.", numbers)
    if seen.low < -policy.worthwhile:
        detail = f"A gain is possible and not shown, on {where}: {figures}."
        return Check("benefit", False, detail, numbers, undecided=True, advice=advice)
    detail = f"Nothing gained beyond chance on {where}: {figures}."
    advice = "More generated samples, more epochs or a higher learning rate may teach these leaves."
    return Check("benefit", False, detail, numbers, advice=advice)
