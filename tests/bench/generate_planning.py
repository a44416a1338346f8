"""Seconds and memory of planning a generation of many leaves, without a teacher.

usage: python -m tests.bench.generate_planning COUNT   → one line of JSON
Timed: reading the leaves of a commit and planning each of them, none generated yet. A process of its own, so that its
peak memory is that of planning.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.git import Repository
from pipeline.plan import TeacherFacts, plan
from pipeline.responses import Responses
from pipeline.store.files import FileStore
from pipeline.taxonomy import read_leaves
from tests.bench import leaves as synthetic
from tests.bench.generate_bars import Findings

SECONDS, MEGABYTES = 60.0, 2000.0
"""The bars of issue 5, for 10 000 leaves."""
TARGET = 30


def measure(count: int) -> Findings:
    """Plan `count` leaves in a child."""
    found = Findings("planning")
    command = [sys.executable, "-m", "tests.bench.generate_planning", str(count)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=1800, cwd=Path(__file__).parents[2]
    )
    found.figures = json.loads(told.stdout)
    figures = found.figures
    found.say(
        f"{figures['leaves']:,} leaves read in {figures['read_s']:.1f} s, {figures['requests']:,} requests planned"
    )
    found.hold(f"seconds to read and plan {figures['leaves']:,} leaves", figures["seconds"], SECONDS, at_least=False)
    found.hold("peak memory in MB", figures["peak_mb"], MEGABYTES, at_least=False)
    return found


def main() -> None:
    """Make a taxonomy, then plan it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "taxonomy"
        synthetic.write(folder, int(sys.argv[1]), faults=False)
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", "-C", str(folder), *words], check=True)
        print(json.dumps(planned(folder / ".git", Path(name))))


def planned(repository: Path, state: Path) -> dict[str, float]:
    """Figures of one plan."""
    responses = Responses(state / "responses.sqlite")
    began, used = time.perf_counter(), time.process_time()
    opened = Repository(repository)
    snapshot = read_leaves(opened, opened.resolve("HEAD"))
    read = time.perf_counter() - began
    teacher = TeacherFacts("0" * 64, "schema")
    plans = list(
        plan(snapshot.leaves, teacher=teacher, responses=responses, store=FileStore(state / "store"), target=TARGET)
    )
    seconds = time.perf_counter() - began
    responses.close()
    return {
        "leaves": len(plans),
        "skipped": len(snapshot.skipped),
        "requests": sum(one.requests for one in plans),
        "read_s": read,
        "seconds": seconds,
        "cpu_s": time.process_time() - used,
        "peak_mb": _peak_kb() / 1000,
    }


def _peak_kb() -> int:
    # ru_maxrss of a child begins with what its parent had; the kernel's own figure of this image does not
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
