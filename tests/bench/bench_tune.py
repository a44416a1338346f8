"""Tuning and scoring beside plain loops, on the packaged model; prints the bars of issue 6.

usage: python -m tests.bench.bench_tune [--only tuning,scoring] [--rows N] [--runs N] [--json FILE]
Exit code 1 if a bar is missed. About a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.bench import tune_evaluation, tune_training
from tests.bench.generate_bars import Findings

PARTS = ("tuning", "scoring")


def main() -> int:
    """Measure what is asked for; 0 if every bar holds."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default=",".join(PARTS), help="parts, comma separated")
    ap.add_argument("--rows", type=int, default=96, help="rows to tune on")
    ap.add_argument("--runs", type=int, default=3, help="of all sides in turn; medians are told")
    ap.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    args = ap.parse_args()
    found = []
    if "tuning" in args.only.split(","):
        found.append(_tuning(args.rows, args.runs))
    if "scoring" in args.only.split(","):
        found.append(_scoring())
    missed = [bar for one in found for bar in one.bars if not bar.holds]
    if args.json:
        args.json.write_text(json.dumps([one.to_json() for one in found], indent=1) + "\n")
    return 1 if missed else 0


def _tuning(rows: int, runs: int) -> Findings:
    print("tuning:", flush=True)
    found = Findings("tuning")
    figures = found.figures = tune_training.measure(rows, runs=runs)
    for side in tune_training.SIDES:
        one = figures[side]
        found.say(
            f"{side}: {one['tokens_per_second']:.0f} trained tokens/s, held-out rows {one['heldout_nats']:.4f} nats"
        )
    found.hold("times trl's plain padding", figures["faster"], tune_training.FASTER)
    found.say(f"nats above trl's held-out loss, run by run: {figures['each_apart']}")
    found.hold("nats above trl's held-out loss, mean", figures["apart"], tune_training.EQUAL, at_least=False)
    return found


def _scoring() -> Findings:
    print("scoring:", flush=True)
    found = Findings("scoring")
    figures = found.figures = tune_evaluation.measure()
    found.say(f"{figures['seconds']} s for {figures['items']} items, {figures['loop_seconds']} s one at a time")
    found.hold("times a loop over single items", figures["times_as_fast"], tune_evaluation.BAR)
    found.hold("largest difference in nats", figures["largest_difference"], tune_evaluation.SAME, at_least=False)
    return found


if __name__ == "__main__":
    sys.exit(main())
