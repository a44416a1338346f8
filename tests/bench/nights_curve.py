"""Learning against harm: what held-out questions gain and the general suite loses at several settings of one recipe.

Each setting is a build of the same leaves from the pinned base, with the samples that the nights were made of and a
gate that lets everything pass, judged on a part of the general suite.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.recipe import load_recipe
from tests.bench.generate_bars import Findings
from tests.bench.nights_real import OPEN, build, choose, samples, told_of
from tests.bench.on_file import on_file
from tests.bench.plots import plot

GENERAL_ITEMS = 150
SETTINGS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "a fifth of the learning rate": {"learning_rate": 2e-4},
    "three times the learning rate": {"learning_rate": 3e-3},
    "no anchors": {"anchor_ratio": 0.0, "kl_weight": 0.0},
    "anchors learnt as rows": {"kl_weight": 0.0},
    "anchors learnt as rows, a fifth of the rate": {"kl_weight": 0.0, "learning_rate": 2e-4},
}


def measure(taxonomy: Path, state: Path, *, leaves: int, of: int, wanted: int) -> Findings:
    """`leaves` of the first `of` that nights are made of, with `wanted` samples each."""
    found = Findings("curve")
    chosen = choose(taxonomy, of)
    datasets = samples(chosen, state, wanted)
    chosen = chosen[:leaves]
    paths = {leaf.path for leaf, _ in chosen}
    made = [one for one in datasets if one.leaf in paths]
    for number, (name, changes) in enumerate(SETTINGS.items()):
        folder = f"setting-{number}"

        def setting(folder: str = folder, changes: dict[str, Any] = changes) -> dict[str, Any]:
            recipe = replace(load_recipe(), name=folder, general_items=GENERAL_ITEMS, **changes)
            return told_of(build(folder, 0, chosen, made, taxonomy, state, recipe=recipe, policy=OPEN), paths)

        one = found.figures[name] = on_file(state / folder / "told.json", setting)
        found.say(f"{name}: held out {_shown(one['pooled'])}, general {_shown(one['general'])} nats a token")
    return found


def drawn(figures: dict[str, Any]) -> str:
    """The plot of what is learnt against what is harmed, as SVG."""
    series = {name: [(one["pooled"][0], *one["general"])] for name, one in figures.items()}
    across = "held-out questions of the leaves, nats a token against the pinned base"
    return plot("Learning against harm", across, "general suite, nats a token", series)


def _shown(interval: list[float]) -> str:
    mean, low, high = interval
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
