"""Speed of the linter beside the reference's, in one run on the same files; prints the bars and fails on a miss.

usage: bench_lint.py PEER_PYTHON [--leaves N] [--runs N] [--corpus FOLDER]
PEER_PYTHON: the interpreter of an environment with instructlab-schema in it (`make bench-lint` makes one).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import corpus, leaves
from validators import LintConfig, lint
from validators.limits import Limits

PEER_LEAVES = 60
"""The reference starts a process for each leaf; more would only make the run longer."""


def main() -> int:
    """Run everything; 0 if every bar holds."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("peer", type=Path)
    ap.add_argument("--leaves", type=int, default=1000)
    ap.add_argument("--runs", type=int, default=3)
    ap.add_argument("--corpus", type=Path, help="real contributions to measure verdicts, repairs and places on")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leaves.write(folder, args.leaves)
        held = [
            *against_the_peer(folder, args.peer, args.runs),
            whole_process(folder, args.runs),
            grows_linearly(args.runs),
        ]
    if args.corpus:
        held += corpus.measure(args.corpus, args.peer)
    return 0 if all(held) else 1


def against_the_peer(folder: Path, peer: Path, runs: int) -> list[bool]:
    """Files per second in one process, ours and the reference's in turn."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    count = sum(path.endswith("qna.yaml") for path in files)
    times: dict[str, list[float]] = {"peer": [], "compat": [], "all": []}
    refused = set()
    for _ in range(runs):
        command = [str(peer), str(Path(__file__).with_name("peer.py")), str(folder), str(PEER_LEAVES)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=600, env=_with_yamllint(peer)
        )
        seconds, bad = done.stdout.split()
        times["peer"].append(float(seconds) / PEER_LEAVES)
        for group in ("compat", "all"):
            config = LintConfig(select=(group,))
            times[group].append(_seconds(partial(lint, files, config=config)) / count)
        refused.add(int(bad))
    first = [str(p.relative_to(folder)) for p in sorted(folder.rglob("qna.yaml"))[:PEER_LEAVES]]
    report = lint(files, changed=first, config=LintConfig(select=("compat",)))
    ours = len({f.path for f in report.findings if f.level == "error"})
    print(f"leaves refused, of {PEER_LEAVES}: reference {refused}, ours {ours}")
    rate = {name: 1 / statistics.median(values) for name, values in times.items()}
    print(f"instructlab-schema  {rate['peer']:8.1f} files/s")
    held = [refused == {ours}]
    for group, bar in (("compat", 40), ("all", 15)):
        ratio = rate[group] / rate["peer"]
        held.append(_bar(f"seedbed, {group:7}    {rate[group]:8.1f} files/s, {ratio:6.1f} times as fast", ratio, bar))
    return held


def _with_yamllint(peer: Path) -> dict[str, str]:
    """The reference calls the program `yamllint`, and without it leaves those rules out."""
    return {**os.environ, "PATH": f"{peer.parent}{os.pathsep}{os.environ['PATH']}"}


def whole_process(folder: Path, runs: int) -> bool:
    """`seedbed lint` of the whole taxonomy, start-up and output included."""
    command = [str(Path(sys.executable).with_name("seedbed")), "lint", str(folder)]
    seconds = statistics.median(
        _seconds(lambda: subprocess.run(command, capture_output=True, check=False, timeout=120)) for _ in range(runs)
    )
    count = sum(1 for _ in folder.rglob("qna.yaml"))
    print(f"seedbed lint, {count} leaves: {seconds:.2f} s as a whole process (bar: < 3)", _word(seconds < 3))
    return seconds < 3


def grows_linearly(runs: int) -> bool:
    """Seconds per megabyte of one ever larger leaf; the limits that refuse such a leaf are lifted for it."""
    limits = Limits(file_bytes=1 << 30, nodes=1 << 30)
    costs = []
    for size in (10_000, 100_000, 1_000_000, 10_000_000):
        leaf = leaves.one_large_leaf(size).encode()
        files = {"compositional_skills/a/qna.yaml": leaf, "compositional_skills/a/attribution.txt": b"x"}
        work = partial(lint, files, config=LintConfig(select=("all",), limits=limits))
        costs.append(statistics.median(_seconds(work) for _ in range(runs)) / len(leaf) * 1e6)
        print(f"one leaf of {size / 1000:>7,.0f} KB: {costs[-1] * len(leaf) / 1e6:8.3f} s, {costs[-1]:.2f} s per MB")
    ratio = costs[-1] / costs[1]
    print(f"cost per byte at 10 MB is {ratio:.2f} times that at 100 KB (bar: < 2)", _word(ratio < 2))
    return ratio < 2


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _bar(text: str, value: float, bar: float) -> bool:
    print(f"{text} (bar: {bar})", _word(value >= bar))
    return value >= bar


def _word(holds: bool) -> str:
    return "holds" if holds else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
