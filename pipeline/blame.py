"""Blame: which of the changed leaves does the harm that the gate found. Pure: each trial is the caller's build stage.

Leaves are ranked by what is known of their harm, else by their likeness to what was harmed (screening), the excluded
set is narrowed by bisection over that ranking, and what remains is made minimal by ddmin (Zeller & Hildebrandt,
Simplifying and Isolating Failure-Inducing Input, TSE 2002). With one culprit among k leaves that takes three trials
where screening is right, else about log2 k + 3. Training is noisy near a margin, so a trial that alone decides is
seconded by another. Trials depend on earlier verdicts alone, so a search that was killed asks the same questions
again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.statistics import Interval
from pipeline.trials import Spent, Trials, Without, search
from pipeline.victims import paired_effect, victim_items

__all__ = ["Blame", "Culprit", "find_culprits", "paired_effect", "rank", "victim_items"]
EffectOf = Callable[[frozenset[str], frozenset[str], tuple[str, ...]], Interval | None]


@dataclass(frozen=True, slots=True)
class Culprit:
    """A leaf without which the harm to its `victims` is gone. `effect`: what it adds on them, in nats per token."""

    leaf: str
    victims: tuple[str, ...]
    effect: Interval | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """What came of the search. `runs`: trials that were asked for, the block itself not counted.

    `culprits` is empty where the harm is not attributable; `why` says so in plain words, and `among` holds the
    smallest set of leaves without which the harm was seen to be gone (empty: none was).
    """

    culprits: tuple[Culprit, ...]
    runs: int
    why: str
    among: tuple[str, ...] = ()

    @property
    def attributable(self) -> bool:
        """Whether leaves were found."""
        return bool(self.culprits)


def find_culprits(
    changed: Sequence[str],
    harm: Mapping[str, float],
    verdict_without: Without,
    *,
    most_runs: int,
    likeness: Mapping[str, float] | None = None,
    effect_of: EffectOf | None = None,
) -> Blame:
    """Find the leaves of `changed` that do the harm of `verdict_without(frozenset())`, the build that was blocked.

    `harm`: leaf → nats that it is known to add on the harmed items. `likeness`: leaf → how like it is to them, for
    leaves of which no harm is known (`pipeline.likeness`). `verdict_without(excluded)` judges a model that
    never saw the excluded leaves; it is called once for each set, at most `most_runs` times beside the empty one. A
    trial that is no working model, or that leaves a harm undecided, does not clear what it left out.
    `effect_of(with, without, victims)` compares the scores of two excluded sets. What `verdict_without` raises comes
    through. Raises `ValueError` where `most_runs` is below 1.
    """
    if most_runs < 1:
        raise ValueError(f"most_runs is {most_runs}; blame needs at least one trial")
    victims = frozenset(verdict_without(frozenset()).harmed)
    if not victims:
        return Blame((), 0, "The build was not held for harm to a leaf or a suite, so no leaf is to blame.")
    if not changed:
        return Blame((), 0, "No leaf changed since the champion, so the harm comes from somewhere else.")
    harm = {leaf: nats for leaf, nats in harm.items() if math.isfinite(nats)}  # no figure is better than a wrong one
    trials = Trials(verdict_without, victims, most_runs)
    ranked = rank(changed, harm, victims, likeness)
    try:
        found, sure = search(trials, ranked, harm or likeness or {})
    except Spent:
        return Blame((), trials.runs, _spent(trials, most_runs), trials.smallest(ranked))
    if not found:
        why = "The harm stays when all changed leaves are left out, so it comes from somewhere else."
        return Blame((), trials.runs, why)
    if not sure:
        return Blame((), trials.runs, _fickle(found), found)
    culprits = tuple(_culprit(trials, leaf, found, effect_of) for leaf in sorted(found))
    return Blame(culprits, trials.runs, _told(culprits, trials.runs), found)


def rank(
    changed: Sequence[str],
    harm: Mapping[str, float],
    victims: Collection[str] = (),
    likeness: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """The order of suspicion: known harm first, the greatest ahead; then by likeness; then by hash; then leaves that
    are victims."""
    like = likeness or {}

    def key(leaf: str) -> tuple[object, ...]:
        return (leaf in victims, leaf not in harm, -harm.get(leaf, 0.0), -like.get(leaf, 0.0), _hash(leaf), leaf)

    return tuple(sorted(dict.fromkeys(changed), key=key))


def _culprit(trials: Trials, leaf: str, found: tuple[str, ...], effect_of: EffectOf | None) -> Culprit:
    """Its victims are those that are harmed while only the other culprits are left out."""
    without = frozenset(found)
    with_it = without - {leaf}
    victims = tuple(sorted(trials.harmed(with_it)))
    return Culprit(leaf, victims, effect_of(with_it, without, victims) if effect_of else None)


def _told(culprits: Sequence[Culprit], runs: int) -> str:
    names = " and ".join(culprit.leaf for culprit in culprits)
    return f"Without {names} the harm is gone, and it stays while other leaves are left out ({_runs(runs)})."


def _fickle(found: Sequence[str]) -> str:
    return (
        f"The harm goes away without {' and '.join(found)}, but also while other leaves are left out instead: it is "
        "near the margin, or comes from leaves together."
    )


def _spent(trials: Trials, most: int) -> str:
    return f"{_runs(trials.runs)} were not enough to tell which leaf does the harm; {most} were allowed."


def _runs(count: int) -> str:
    return f"{count} trial build{'' if count == 1 else 's'}"


def _hash(leaf: str) -> str:
    return hashlib.sha256(leaf.encode()).hexdigest()
