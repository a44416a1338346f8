"""How honest the gate is, and what it sees: unchanged models that it blocks or promotes, planted harm that it catches.

usage: python -m tests.bench.nights_gate [--candidates N] [--json FILE]
Scores are synthetic, so that the truth is known: 400 general questions in seven categories, 150 leaves with about four
questions each, and models that differ from each other by noise of a known size. Bars (issue 6): of 200 unchanged
models at most 5 % are blocked and at most 5 % are promoted for a benefit. Exit code 1 if one is missed. No model is
loaded; it takes about five minutes of processor time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline import statistics
from pipeline.evaluate.port import Item, Score
from pipeline.gate import Evidence, Verdict, decide

BAR = 0.05
CANDIDATES = 200
PLANTED = 40
DRAWS, FLIPS = 1_000, 4_000  # of each test here, fewer than a build's: bounds are a little coarser, and no narrower
SCORING_NOISE = 3e-5  # nats, measured: another batch size (field notes, training.md 7.5)
LEARNT = -0.8  # nats, what a leaf gains when it is learnt
PAIRED_SD = 0.2  # nats, of the difference between two equally good models on one question
CATEGORIES = {"facts": 80, "arithmetic": 60, "format": 50, "safety": 50, "languages": 60, "chat": 60, "anchors": 40}
WITHOUT_CHOICES = ("chat", "anchors")
HARM_CHECKS = ("sanity", "noise", "general", "drift", "choices", "categories", "lead", "leaves", "safety")


@dataclass(frozen=True)
class Town:
    """What is asked. `changed`: the leaves that are new tonight."""

    items: Sequence[Item]
    changed: frozenset[str]

    @property
    def leaves(self) -> list[str]:
        return sorted({item.group for item in self.items if item.suite == "heldout"})


@dataclass(frozen=True)
class Plant:
    """What tonight's training did to the truth, in nats of a question's reference; above zero is harm.

    `rise`: by item id, group or suite; what several say adds up. `sd`: of the paired noise. `kin`: the share of its
    variance that questions of one seed example have in common. `tails`: noise with heavy tails.
    """

    rise: Mapping[str, float] = field(default_factory=dict)
    sd: float = PAIRED_SD
    kin: float = 0.0
    tails: bool = False


def town(general: float = 1.0, leaves: int = 150, changed: int = 20, seed: str = "town") -> Town:
    """`general`: how large the general suite is, as a share of `CATEGORIES`."""
    rng = random.Random(seed)
    items = [
        Item(f"{name}-{n}", "general", name, "q", "a", choices=() if name in WITHOUT_CHOICES else ("b", "c"))
        for name, count in CATEGORIES.items()
        for n in range(max(1, round(count * general)))
    ]
    paths = [f"compositional_skills/topic{n % 12:02}/leaf{n:03}" for n in range(leaves)]
    for path in paths:
        items += leaf_items(path, rng.choice((1, 1, 2, 3, 3, 4, 6, 9)), per_seed=rng.choice((1, 1, 3)))
    return Town(items, frozenset(rng.sample(paths, changed)))


def leaf_items(path: str, count: int, per_seed: int = 1) -> list[Item]:
    return [Item(f"{path}#{n}", "heldout", path, "q", "a", f"{path}#{n // per_seed}") for n in range(count)]


def truth(items: Sequence[Item], seed: str) -> list[Score]:
    """What a model of this quality is expected to score: some questions are hard, some choices are wrong."""
    rng = random.Random(f"truth/{seed}")
    return [
        Score(item.id, 1.0 + rng.expovariate(1.0), 20, margin=rng.gauss(0.5, 1.0) if item.choices else None)
        for item in items
    ]


def model(items: Sequence[Item], expected: Sequence[Score], plant: Plant, seed: str) -> list[Score]:
    """One model of that quality, but for the planted rise: two of them differ by the paired noise.

    A wrong choice has noise of its own, and does not rise with the reference.
    """
    rng = random.Random(f"model/{seed}")
    shared: dict[str, float] = {}
    scores = []
    for item, score in zip(items, expected, strict=True):
        common = shared.setdefault(item.cluster or item.id, _draw(rng, plant))
        own, other = _draw(rng, plant), _draw(rng, plant)
        noise = common * plant.kin**0.5 + own * (1 - plant.kin) ** 0.5
        rise = sum(plant.rise.get(key, 0.0) for key in (item.id, item.group, item.suite))
        margin = None if score.margin is None else score.margin - rise - noise + other
        scores.append(replace(score, nats=score.nats + rise + noise, margin=margin))
    return scores


def _draw(rng: random.Random, plant: Plant) -> float:
    sd = plant.sd / 2**0.5  # of one model; the difference of two then has `plant.sd`
    if not plant.tails:
        return rng.gauss(0, sd)
    return rng.choice((-1, 1)) * rng.expovariate(1.0) * sd / 2**0.5  # Laplace: kurtosis 6


def night(where: Town, plant: Plant, seed: str, same: bool = False) -> Verdict:
    """Base, a champion that learnt all but the changed leaves, a candidate of one more night: the gate's verdict.

    `same`: the candidate is the champion, scored once more.
    """
    expected = truth(where.items, seed)
    noise = replace(plant, rise={})
    learnt = {leaf: LEARNT for leaf in where.leaves if leaf not in where.changed}
    champion = model(where.items, expected, replace(noise, rise=learnt), f"champion/{seed}")
    taught = replace(
        plant, rise={key: learnt.get(key, 0.0) + plant.rise.get(key, 0.0) for key in {*learnt, *plant.rise}}
    )
    again = Plant(sd=SCORING_NOISE / 3)
    return decide(
        Evidence(
            build_id=seed,
            items=where.items,
            base=model(where.items, expected, noise, f"base/{seed}"),
            candidate=model(
                where.items, champion if same else expected, again if same else taught, f"candidate/{seed}"
            ),
            champion=champion,
            champion_id="b0",
            changed=where.changed,
            again=model(where.items, champion, again, f"again/{seed}"),
        )
    )


def unchanged(where: Town, plant: Plant, candidates: int, name: str, same: bool = False) -> dict[str, Any]:
    """Candidates that are as good as the champion: how many are blocked, promoted, and what a raw mean would do.

    A harm check that stays undecided counts as blocked: the contributor waits all the same.
    """
    verdicts = [night(where, plant, f"{name}/{n}", same) for n in range(candidates)]
    failed = [{c.name for c in verdict.checks if not c.passed} & set(HARM_CHECKS) for verdict in verdicts]
    wholes = [{(row.suite): row.change.mean for row in v.branches[-2:]} for v in verdicts]
    return {
        "candidates": candidates,
        "blocked": sum(map(bool, failed)) / candidates,
        "by_check": {name: share for name in HARM_CHECKS if (share := sum(name in f for f in failed) / candidates)},
        "promoted": sum(verdict.decision == "PROMOTE" for verdict in verdicts) / candidates,
        "benefit": sum(map(gained, verdicts)) / candidates,
        "inconclusive": sum(verdict.decision == "INCONCLUSIVE" for verdict in verdicts) / candidates,
        "raw_general_worse": sum(whole["general"] > 0 for whole in wholes) / candidates,
        "raw_some_leaf_worse": sum(
            any(row.suite == "heldout" and row.change.mean > 0 for row in v.rows) for v in verdicts
        )
        / candidates,
    }


def share(where: Town, plant: Plant, candidates: int, name: str, wanted: Callable[[Verdict], bool]) -> float:
    """The share of candidates whose verdict is as `wanted`."""
    return sum(wanted(night(where, plant, f"{name}/{n}")) for n in range(candidates)) / candidates


def stopped(*checks: str) -> Callable[[Verdict], bool]:
    """One of the checks did not pass."""
    return lambda verdict: any(not check.passed for check in verdict.checks if check.name in checks)


def names(leaf: str) -> Callable[[Verdict], bool]:
    """The verdict is blocked by the leaf, or by a branch with it."""
    return lambda verdict: any(harmed == leaf or leaf.startswith(harmed) for harmed in verdict.harmed)


def gained(verdict: Verdict) -> bool:
    """The benefit is shown."""
    check = verdict.check("benefit")
    return check is not None and check.passed


def general_power(candidates: int) -> dict[str, float]:
    """All general answers get worse, by size of the suite."""
    return {
        f"{round(400 * size)} questions, +{rise:.2f} nats": share(
            town(size, leaves=6, changed=2),
            Plant({"general": rise}),
            candidates,
            f"general/{size}/{rise}",
            stopped("general", "choices", "categories"),
        )
        for size in (0.25, 0.5, 1.0)
        for rise in (0.0, 0.02, 0.05, 0.10)
    }


def category_power(candidates: int) -> dict[str, float]:
    """One category of 400 general questions gets worse, as wrong facts or rudeness do it."""
    where = town(leaves=6, changed=2)
    return {
        f"{name} ({CATEGORIES[name]} questions), +{rise:.2f} nats": share(
            where, Plant({name: rise}), candidates, f"{name}/{rise}", stopped(*HARM_CHECKS)
        )
        for name in ("facts", "chat", "safety")
        for rise in (0.10, 0.20, 0.40, 0.80)
    }


def leaf_power(candidates: int, leaves: int) -> dict[str, float]:
    """One leaf that was learnt gets worse, by its number of questions; named by itself or with its branch."""
    found = {}
    for count in (3, 6, 9, 16):
        where = town(0.1, leaves=leaves, changed=4)
        victim = "compositional_skills/topic00/victim"
        where = replace(where, items=[*where.items, *leaf_items(victim, count)])
        for rise in (0.3, 0.6, 1.2, 2.4):
            key = f"{count} questions, +{rise:.1f} nats"
            found[key] = share(where, Plant({victim: rise}), candidates, f"leaf/{leaves}/{key}", names(victim))
    return found


def branch_power(candidates: int) -> dict[str, float]:
    """All leaves of one of twelve branches get a little worse."""
    where = town(0.1, changed=4)
    topic = "compositional_skills/topic03/"
    mine = [leaf for leaf in where.leaves if leaf.startswith(topic)]
    return {
        f"{len(mine)} leaves, +{rise:.2f} nats": share(
            where, Plant(dict.fromkeys(mine, rise)), candidates, f"branch/{rise}", lambda v: topic in v.harmed
        )
        for rise in (0.1, 0.2, 0.3, 0.4)
    }


def benefit_power(candidates: int) -> dict[str, float]:
    """The changed leaves get better, by how many questions they have in all: shown at the first look."""
    found = {}
    for count in (3, 6, 12, 24, 96):
        where = town(0.1, leaves=6, changed=0)
        fresh = [item for n in range(count // 3) for item in leaf_items(f"compositional_skills/new/leaf{n:02}", 3)]
        where = Town([*where.items, *fresh], frozenset(item.group for item in fresh))
        for gain in (0.05, 0.1, 0.2, 0.4, 0.8):
            key = f"{count} questions, -{gain:.2f} nats"
            plant = Plant(dict.fromkeys(where.changed, -gain))
            found[key] = share(where, plant, candidates, key, gained)
    return found


def measure(
    candidates: int = CANDIDATES, planted: int = PLANTED, made: Callable[[Mapping[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """All figures. `candidates` of each kind of unchanged model, `planted` for each planted effect; `made` hears of
    the report as it grows."""
    where, started = town(), time.perf_counter()
    report: dict[str, Any] = {"unchanged": {}, "planted": {}, "benefit": {}}
    with patch.object(statistics, "DRAWS", DRAWS), patch.object(statistics, "FLIPS", FLIPS):
        for kind, plant in KINDS.items():
            report["unchanged"][kind] = unchanged(where, plant, candidates, kind, same=kind == SAME)
            made(report)
        for effect, power in PLANTS.items():
            report["planted"][effect] = power(planted)
            made(report)
        report["benefit"] = benefit_power(planted)
    report["decide_s"] = decide_seconds(where)
    report["seconds"] = round(time.perf_counter() - started)
    report["bars"] = bars(report)
    made(report)
    return report


SAME = "the same model, scored again"
KINDS = {
    SAME: Plant(),
    "equally good, paired SD .2": Plant(),
    "the same, questions of a seed alike": Plant(kin=0.6),
    "the same, heavy tails": Plant(tails=True),
}
PLANTS: dict[str, Callable[[int], dict[str, float]]] = {
    "general answers": general_power,
    "one category": category_power,
    "one leaf of 20": lambda planted: leaf_power(planted, 20),
    "one leaf of 150": lambda planted: leaf_power(planted, 150),
    "a branch": branch_power,
}


def decide_seconds(where: Town) -> float:
    """One verdict with all draws: 400 general questions and 150 leaves."""
    times = []
    for n in range(3):
        started = time.perf_counter()
        night(where, Plant(), f"speed/{n}")
        times.append(time.perf_counter() - started)
    return round(min(times), 3)


def bars(report: Mapping[str, Any]) -> dict[str, bool]:
    """What issue 6 asks of the gate, by the first two kinds of unchanged models."""
    kinds = list(report["unchanged"].items())[:2]
    return {
        f"{kind}: {what} at most {BAR:.0%}": found[what] <= BAR
        for kind, found in kinds
        for what in ("blocked", "promoted")
    }


def show(report: Mapping[str, Any]) -> None:
    """Tables in Markdown."""
    shown = ("blocked", "promoted", "inconclusive", "raw_general_worse", "raw_some_leaf_worse")
    print(f"| unchanged models | {' | '.join(name.replace('_', ' ') for name in shown)} |")
    print("|---" * (len(shown) + 1) + "|")
    for kind, found in report["unchanged"].items():
        print(f"| {kind} | {' | '.join(f'{found[name]:.1%}' for name in shown)} |")
    for title, cells in {**report["planted"], "benefit": report["benefit"]}.items():
        _grid(title, cells)
    print(f"\none verdict: {report['decide_s']} s; all of this: {report['seconds']} s")
    for bar, met in report["bars"].items():
        print(f"{'met   ' if met else 'MISSED'} {bar}")


def _grid(title: str, cells: Mapping[str, float]) -> None:
    pairs = [tuple(key.rsplit(", ", 1)) for key in cells]
    columns = list(dict.fromkeys(column for _, column in pairs))
    print(f"\n| {title} | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for row in dict.fromkeys(row for row, _ in pairs):
        shares = [f"{cells[f'{row}, {column}']:.0%}" for column in columns]
        print(f"| {row} | {' | '.join(shares)} |")


def main() -> int:
    """Measure, print; 0 if every bar holds."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--candidates", type=int, default=CANDIDATES)
    ap.add_argument("--planted", type=int, default=PLANTED)
    ap.add_argument("--json", type=Path, help="write the figures there as well")
    args = ap.parse_args()

    def keep(report: Mapping[str, Any]) -> None:
        if args.json:
            args.json.write_text(json.dumps(report, indent=1) + "\n")

    report = measure(args.candidates, args.planted, keep)
    show(report)
    return 0 if all(report["bars"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
