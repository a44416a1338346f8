"""What a verdict names as harmed: leaves, branches, the general suite; their items, and what a leaf adds on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.evaluate.port import Item, Score
from pipeline.gate import ALL_LEAVES, Verdict
from pipeline.gate.comparison import units
from pipeline.gate.lead import HARM as LEAD
from pipeline.statistics import Interval, interval

_WHOLE = ("general", "drift", "choices")  # how a verdict names the general suite as a whole


def paired_effect(
    items: Sequence[Item],
    with_leaf: Mapping[str, Score],
    without: Mapping[str, Score],
    *,
    victims: Collection[str] = (),
    seed: str,
) -> Interval:
    """What a leaf adds on `items` (those of `victims`): nats with it minus nats without it, over seed examples; where
    replies lost their lead, what it takes from the margins. Above zero is harm.

    Raises `ValueError` without items, `KeyError` where a score is missing.
    """
    if not items:
        raise ValueError("no item of the victims was scored, so the effect cannot be told")
    changes = added(items, with_leaf, without, victims)
    return interval(list(changes.values()), units([item for item in items if item.id in changes]), seed=seed)


def added(
    items: Iterable[Item], with_leaf: Mapping[str, Score], without: Mapping[str, Score], victims: Collection[str]
) -> dict[str, float]:
    """The harm by item, in nats, above zero is worse; without those that had to have choices and have none."""
    items = list(items)
    led = {item.id for item in led_items(items, victims)}
    changes = {item.id: _added(with_leaf[item.id], without[item.id], item.id in led) for item in items}
    return {name: change for name, change in changes.items() if change is not None}


def led_items(items: Iterable[Item], victims: Collection[str]) -> list[Item]:
    """The items of categories whose right replies lost their lead: harm to them is what their margins lost."""
    return victim_items(items, [name for name in victims if name.startswith(LEAD)])


def _added(with_leaf: Score, without: Score, led: bool) -> float | None:
    if not led:
        return with_leaf.nats - without.nats
    if with_leaf.margin is None or without.margin is None:
        return None  # there was nothing to choose from
    return without.margin - with_leaf.margin


def victim_items(items: Iterable[Item], victims: Collection[str]) -> list[Item]:
    """The items of what a verdict names as harmed: leaves, branches (with a slash at their end), general questions."""
    return [item for item in items if any(_holds(victim, item) for victim in victims)]


def _holds(victim: str, item: Item) -> bool:
    if not _of_leaves(victim):
        category = victim.removeprefix(LEAD).removeprefix("general/")
        return item.suite == "general" and category in (item.group, *_WHOLE)
    inside = victim in (ALL_LEAVES, item.group) or (victim.endswith("/") and item.group.startswith(victim))
    return item.suite == "heldout" and inside


def _of_leaves(name: str) -> bool:
    """Whether a name of a verdict is a leaf, a branch or all leaves; else it is of the general suite."""
    return name == ALL_LEAVES or ("/" in name and not name.startswith(("general/", LEAD)))


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
