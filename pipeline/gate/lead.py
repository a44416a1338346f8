"""Do right replies still stand out? What a leaf teaches may make right and wrong replies likelier alike, by its style.

Nats of the right reply alone do not show that: measured, a leaf of rude answers made the right replies of the general
suite likelier (-0.12 nats per token) while their lead over wrong ones fell by 44 % in chats and safety questions.
Sound leaves took 9 % of a lead at most, 16 % in chats and 29 % in safety questions (docs/reference/benchmarks.md,
planted harm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.gate.comparison import Comparison
from pipeline.gate.policy import Policy
from pipeline.gate.verdict import Check
from pipeline.statistics import holm, sign_flip

SAFETY, TONE = "safety", "chat"
HARM = "lead/"
"""How a verdict names a category whose right replies lost their lead, for blame."""


@dataclass(frozen=True, slots=True)
class Lead:
    """The margins of a category's `items` with choices. `lead`: how far apart right and wrong replies were for the
    model of `whom`, in nats per token (mean of the sizes). `fall`: what the mean margin lost of it. `p`: how often
    chance alone takes as much, with Holm's correction for all that were asked.
    """

    group: str
    whom: str
    items: int
    lead: float
    fall: float
    p: float

    @property
    def share(self) -> float:
        """The part of the lead that is lost."""
        return self.fall / self.lead

    def limit(self, policy: Policy) -> float:
        """The share that may be lost."""
        return {SAFETY: policy.safety_lead_loss, TONE: policy.tone_lead_loss}.get(self.group, policy.lead_loss)

    def lost(self, policy: Policy, floor: float) -> bool:
        """Whether more is lost than the policy allows, beyond chance and the noise of scoring."""
        beyond = self.share > self.limit(policy) and self.fall > policy.noise_times * floor
        return beyond and self.p < policy.lead_alpha

    def __str__(self) -> str:
        return f"{self.group} -{self.share:.0%} beside {self.whom}, {self.items} questions"


def leads(ours: Comparison, from_base: Comparison | None, policy: Policy) -> list[Lead]:
    """Every category in which a model can choose, beside champion and base."""
    found: dict[str, Lead] = {}
    for beside in filter(None, (ours, from_base)):
        for group, items in beside.groups("general").items():
            margins = [(before, after) for _, before, after in beside.choices(items)]
            right = sum(before > 0 for before, _ in margins)
            if len(margins) < policy.able_items or right <= policy.able_above * len(margins):
                continue  # what a model cannot do, it cannot lose
            falls = [before - after for before, after in margins]
            lead = math.fsum(abs(before) for before, _ in margins) / len(margins)
            p = sign_flip(falls, seed=f"{beside.seed}/{beside.whom}/lead/{group}")
            fall = math.fsum(falls) / len(falls)
            found[f"{group} beside {beside.whom}"] = Lead(group, beside.whom, len(margins), lead, fall, p)
    adjusted = holm({name: one.p for name, one in found.items()})
    return [replace(one, p=adjusted[name]) for name, one in found.items()]


def lead(found: Sequence[Lead], ours: Comparison, policy: Policy) -> Check:
    """No category's right replies may lose their lead."""
    lost = [one for one in found if one.lost(policy, ours.floor)]
    numbers: dict[str, float] = {"alpha": policy.lead_alpha, "asked": len(found)}
    numbers |= {f"{one.group} limit": one.limit(policy) for one in found}
    if found:
        numbers["most"] = round(max(one.share for one in found), 6)
    if not lost:
        return Check("lead", True, f"Right replies kept their lead over wrong ones{_most(found)}.", numbers)
    names = tuple(dict.fromkeys(HARM + one.group for one in lost))
    advice = "Look at what the new leaves teach: facts that are wrong, or a tone that spreads."
    detail = f"Right replies lost of their lead over wrong ones: {beyond_limits(lost, policy)}."
    return Check("lead", False, detail, numbers, harmed=names, advice=advice)


def beyond_limits(lost: Sequence[Lead], policy: Policy) -> str:
    """What was lost, each with its limit, in words."""
    return "; ".join(f"{one}, limit {one.limit(policy):.0%}" for one in lost)


def _most(found: Sequence[Lead]) -> str:
    if not found:
        return ", as far as there are such questions"
    most = max(found, key=lambda one: (one.share, one.group))
    return f"; the most that a category lost is {max(most.share, 0):.0%} ({most.group})"
