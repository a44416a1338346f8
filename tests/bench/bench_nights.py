"""The gate's errors, the planner's predictions, kills, planted harm and nights with the real model; bars of issue 6.

usage: python -m tests.bench.bench_nights [--only gate,planner,kills,plant,nights,curve] [--taxonomy PATH] …
`nights` and `curve` take a work tree of a taxonomy (`--taxonomy`) and some ten minutes a night or setting; what they
made is kept under `--state` and not made again. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.bench import nights_curve, nights_gate, nights_kills, nights_planner, nights_plant, nights_real
from tests.bench.generate_bars import Findings

DRAWN = {"nights": nights_real.drawn, "curve": nights_curve.drawn}


def main() -> int:
    """Measure what is asked for; 0 if every bar holds."""
    args = _arguments()
    parts = args.only.split(",")
    found: list[Findings] = []
    if "gate" in parts:
        found.append(_gate(args.candidates))
    if "planner" in parts:
        found.append(_planner())
    if "kills" in parts:
        found.append(nights_kills.measure(args.kills))
    if "plant" in parts:
        found.append(nights_plant.measure(args.state, args.plantings))
    if "nights" in parts:
        found.append(
            nights_real.measure(
                args.taxonomy,
                args.state,
                leaves=args.leaves,
                wanted=args.samples,
                more=args.more,
                nights=args.nights,
                arms=args.arms.split(","),
            )
        )
    if "curve" in parts:
        of = args.leaves + args.more * (args.nights - 1)
        found.append(nights_curve.measure(args.taxonomy, args.state, leaves=args.curve, of=of, wanted=args.samples))
    if args.plots:
        args.plots.mkdir(parents=True, exist_ok=True)
        for one in found:
            if one.title in DRAWN:
                (args.plots / f"{one.title}.svg").write_text(DRAWN[one.title](one.figures), encoding="utf-8")
    missed = [bar for one in found for bar in one.bars if not bar.holds]
    if args.json:
        args.json.write_text(json.dumps([one.to_json() for one in found], indent=1) + "\n")
    return 1 if missed else 0


def _gate(candidates: int) -> Findings:
    found = Findings("gate")
    report = found.figures = nights_gate.measure(candidates)
    for name, met in report["bars"].items():
        found.hold(f"share over the bar: {name}", float(not met), 0, at_least=False)
    return found


def _planner() -> Findings:
    found = Findings("planner")
    report = found.figures = nights_planner.measure()
    for night in report["nights"]:
        found.say(json.dumps(night))
    found.hold("share by which a prediction was off at most", report["worst"], report["bar"], at_least=False)
    return found


def _arguments() -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="gate,planner,kills,plant", help="parts, comma separated (default: %(default)s)")
    ap.add_argument("--taxonomy", type=Path, help="work tree of a taxonomy")
    ap.add_argument("--state", type=Path, default=Path(".nights"), help="where nights are kept (default: .nights)")
    ap.add_argument("--leaves", type=int, default=20, help="in the first night")
    ap.add_argument("--samples", type=int, default=8, help="wanted of each leaf")
    ap.add_argument("--more", type=int, default=5, help="in each further night")
    ap.add_argument("--nights", type=int, default=3)
    ap.add_argument("--arms", default="ours,bare")
    ap.add_argument("--candidates", type=int, default=200, help="unchanged models that the gate judges")
    ap.add_argument("--curve", type=int, default=8, help="leaves of the builds that the curve is made of")
    ap.add_argument("--kills", type=int, default=20, help="moments at which a build is killed")
    ap.add_argument("--plantings", type=int, default=10, help="nights with a harmful leaf")
    ap.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    ap.add_argument("--plots", type=Path, metavar="DIR", help="also draw nights and curve there, as SVG")
    args = ap.parse_args()
    if {"nights", "curve"} & set(args.only.split(",")) and args.taxonomy is None:
        ap.error("nights and curve need --taxonomy PATH, a work tree of a taxonomy with twenty leaves or more")
    return args


if __name__ == "__main__":
    sys.exit(main())
