"""What a verdict names as harmed: leaves, branches, the general suite; their items, and what a leaf adds on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.evaluate.port import Item, Score
from pipeline.gate import ALL_LEAVES, Verdict
from pipeline.gate.comparison import units
from pipeline.statistics import Interval, interval

_WHOLE = ("general", "drift", "choices")  # how a verdict names the general suite as a whole


def paired_effect(
    items: Sequence[Item], with_leaf: Mapping[str, Score], without: Mapping[str, Score], *, seed: str
) -> Interval:
    """What a leaf adds on `items` (the victims'): nats with it minus nats without it, over seed examples.

    Raises `ValueError` without items, `KeyError` where a score is missing.
    """
    if not items:
        raise ValueError("no item of the victims was scored, so the effect cannot be told")
    differences = [with_leaf[item.id].nats - without[item.id].nats for item in items]
    return interval(differences, units(items), seed=seed)


def victim_items(items: Iterable[Item], victims: Collection[str]) -> list[Item]:
    """The items of what a verdict names as harmed: leaves, branches (with a slash at their end), general questions."""
    return [item for item in items if any(_holds(victim, item) for victim in victims)]


def _holds(victim: str, item: Item) -> bool:
    if not _of_leaves(victim):
        category = victim.removeprefix("general/") if "/" in victim else victim
        return item.suite == "general" and category in (item.group, *_WHOLE)
    inside = victim in (ALL_LEAVES, item.group) or (victim.endswith("/") and item.group.startswith(victim))
    return item.suite == "heldout" and inside


def _of_leaves(name: str) -> bool:
    """Whether a name of a verdict is a leaf, a branch or all leaves; else it is of the general suite."""
    return name == ALL_LEAVES or ("/" in name and not name.startswith("general/"))


def kin(name: str, victim: str) -> bool:
    """Whether harm to `name` may be the harm to `victim`: with fewer leaves, a branch is named otherwise."""
    if not _of_leaves(name) or not _of_leaves(victim):
        return _of_leaves(name) == _of_leaves(victim)
    folders = (name.endswith("/") and victim.startswith(name)) or (victim.endswith("/") and name.startswith(victim))
    return name == victim or ALL_LEAVES in (name, victim) or folders


def standing_harm(verdict: Verdict) -> frozenset[str] | None:
    """What got worse and was not waived, also where the gate is not sure; None where nothing could be judged."""
    if any(check.name in ("sanity", "noise") and not check.passed for check in verdict.checks):
        return None
    unsure = (check.harmed for check in verdict.checks if check.undecided and not check.waived)
    return frozenset(verdict.harmed).union(*unsure)
