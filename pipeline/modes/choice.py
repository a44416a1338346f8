"""Which kind of build a night gets, and why: in plain words.

Joint training from the base beat every incremental scheme that was measured at the same cost, and only it truly forgets
what was removed; so a full build is the default whenever it fits the night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.modes.model import BuildFacts, BuildPlan
from pipeline.modes.prediction import predict
from pipeline.speeds import Speeds

MARGIN = 1.25  # predictions are good to a quarter: a build fits where so many times its own is within the budget
MOST_INCREMENTALS = 6  # in a row
WEEKEND = frozenset({5, 6})  # Saturday and Sunday, Monday being 0


def plan_build(facts: BuildFacts, speeds: Speeds, budget_s: float) -> BuildPlan:
    """The build of a night that has `budget_s` seconds. Raises `ValueError` without leaves or budget."""
    if not facts.leaves:
        raise ValueError("no leaf has a dataset, so there is nothing to plan; generate first")
    if budget_s <= 0:
        raise ValueError(f"the night's budget is {budget_s:g} s; it must be more than 0")
    full = predict("full", facts, speeds)
    rows = sum(leaf.rows for leaf in facts.leaves)
    full = replace(full, fits=MARGIN * full.seconds <= budget_s and rows <= facts.recipe.budget_rows)
    time = _of_night(full.seconds, budget_s)
    if must := why_full(facts):
        late = "" if full.fits else ". That is more than fits, and it runs all the same"
        return replace(full, why=f"full: {must}; {time}{late}")
    if full.fits:
        return replace(full, why=f"full: {time}; the default whenever it fits")
    return _incremental(facts, speeds, budget_s, full, rows)


def plan_impact(facts: BuildFacts, leaf: str, speeds: Speeds, budget_s: float) -> BuildPlan:
    """One leaf for its pull request, trained on the champion. Raises `ValueError` where it is not among the facts."""
    if leaf not in {known.path for known in facts.leaves}:
        raise ValueError(f"{leaf} is not among the leaves of the plan; live ones: {len(facts.leaves)}")
    plan = predict("impact", replace(facts, changed=frozenset({leaf})), speeds)
    fits = MARGIN * plan.seconds <= budget_s
    late = "" if fits else ", which is more than fits"
    return replace(plan, fits=fits, why=f"impact: {leaf} alone, {_span(plan.seconds)} of {_span(budget_s)}{late}")


def why_full(facts: BuildFacts) -> str | None:
    """Why a build must be full whatever it costs, or None."""
    if facts.champion is None:
        return "there is no champion to go on from"
    if facts.base_changed:
        return "the base model is another one"
    if facts.removed:
        return f"{_named(facts.removed)} removed, and only a build from the base forgets"
    if facts.relicensed:
        return f"{_named(facts.relicensed)} put under another licence, and only a build from the base starts anew"
    if facts.since_full >= MOST_INCREMENTALS:
        return f"{facts.since_full} incremental builds came since the last full one"
    if facts.weekday in WEEKEND and facts.since_full:
        return f"it is the weekend, and {facts.since_full} incremental builds came since the last full one"
    return None


def _incremental(facts: BuildFacts, speeds: Speeds, budget_s: float, full: BuildPlan, rows: int) -> BuildPlan:
    plan = predict("incremental", facts, speeds)
    plan = replace(plan, fits=MARGIN * plan.seconds <= budget_s)
    if rows > facts.recipe.budget_rows:
        too_much = f"a full build has {rows} rows, more than the recipe's budget_rows of {facts.recipe.budget_rows}"
    elif full.seconds <= budget_s:
        too_much = f"a full build takes {_of_night(full.seconds, budget_s)}, too near to its end for a prediction"
    else:
        too_much = f"a full build takes {_span(full.seconds)}, and the night has {_span(budget_s)}"
    what = f"{len(facts.changed)} of {len(facts.leaves)} leaves changed and take {_span(plan.seconds)}"
    late = "" if plan.fits else ". That is more than fits: give the night more time, or the recipe fewer epochs"
    return replace(plan, why=f"incremental: {too_much}; {what}{late}")


def _of_night(seconds: float, budget_s: float) -> str:
    return f"{_span(seconds)} of the night's {_span(budget_s)}"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _named(paths: Sequence[str]) -> str:
    """The first leaf by its path, and how many others, with the verb."""
    others = len(paths) - 1
    if others == 0:
        return f"{paths[0]} was"
    return f"{paths[0]} and {others} other {'leaf' if others == 1 else 'leaves'} were"
