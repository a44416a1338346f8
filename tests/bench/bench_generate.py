"""This engine beside instructlab-sdg, on the same leaves and the same machine, in turn in one run; prints the bars.

usage: python -m tests.bench.bench_generate PEER_PYTHON [--only real,simulated,changes,planning,store] [--runs N] …
PEER_PYTHON: the interpreter of an environment with instructlab-sdg in it (`make bench-generate` makes one).
Exit code 1 if a bar is missed. All of it takes about an hour and a half on two cores; with `--runs 1` and
`--only simulated,changes,planning` a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import generate_incremental, generate_planning, generate_real, generate_simulated
from tests.bench.generate_bars import Findings

SETTINGS = ("real", "simulated", "changes", "planning", "store")


def main() -> int:
    """Run the settings that are asked for; 0 if every bar holds."""
    args = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    settings: dict[str, Callable[[], Findings]] = {
        "real": lambda: generate_real.measure(
            args.peer, runs=args.real_runs, rows_per_seed=args.rows_per_seed, processes=args.peer_processes
        ),
        "simulated": lambda: generate_simulated.measure(
            args.peer, runs=args.runs, speed_up=args.speed_up, rows_per_seed=30, processes=args.peer_processes
        ),
        "changes": lambda: generate_incremental.measure(args.taxonomy),
        "planning": lambda: generate_planning.measure(args.leaves),
        "store": _store,
    }
    done = []
    for name in args.only:
        print(f"{name}:", flush=True)
        done.append(settings[name]())
    missed = [bar for findings in done for bar in findings.bars if not bar.holds]
    print(f"{sum(len(one.bars) for one in done) - len(missed)} bars hold, {len(missed)} missed")
    if args.json:
        args.json.write_text(json.dumps([findings.to_json() for findings in done], indent=1) + "\n")
    return 1 if missed else 0


def _stop(number: int, frame: object) -> None:
    """As Ctrl-C: blocks are left in order, so that no server stays behind."""
    sys.exit(f"stopped by {signal.Signals(number).name}")


def _store() -> Findings:
    """The store's own bench; its lines are printed as they come."""
    found = Findings("store")
    done = subprocess.run([sys.executable, "-m", "tests.bench.bench_store"], cwd=Path(__file__).parents[2], check=False)
    found.hold("bars of the store's bench that are missed", float(done.returncode != 0), 0, at_least=False)
    return found


def _arguments() -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("peer", type=Path, metavar="PEER_PYTHON")
    ap.add_argument("--only", type=_names, default=SETTINGS, metavar="NAMES", help="settings, comma separated")
    ap.add_argument("--runs", type=int, default=3, help="of both sides in turn, with the simulated teacher")
    ap.add_argument("--real-runs", type=int, default=1, help="the same with the real one: half an hour each")
    ap.add_argument("--speed-up", type=float, default=5.0, help="of the simulated engine, for both sides (default: 5)")
    ap.add_argument(
        "--rows-per-seed", type=int, default=30, help="rows that the reference makes of each seed, real teacher"
    )
    ap.add_argument("--peer-processes", type=int, default=0, help="of the reference's filters; its own default is 8")
    ap.add_argument(
        "--taxonomy", type=Path, help="work tree of a taxonomy to count requests on, in place of our leaves"
    )
    ap.add_argument("--leaves", type=int, default=10_000, help="to plan")
    ap.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    return ap.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SETTINGS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(SETTINGS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
