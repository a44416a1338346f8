"""How far a teacher's judge is to be believed: its AUC on the open seeds of each leaf and corruptions of them.

usage: bench_judges.py [--taxonomy REPO] [--commit REV] [--model NAME] [--engine NAME] [--judge plain|schema] [--most N]
Without --taxonomy: the leaves that the demo brings. The judge is the one that suits the teacher, unless it is named.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.demo.leaves import BUNDLED, read
from pipeline.calibration import BELIEVED, LEAST, auc, calibration, score
from pipeline.corruptions import Pair, corruptions, seed_pairs
from pipeline.flows.judges import PLAIN_JUDGE, SCHEMA_JUDGE
from pipeline.flows.model import Calibration, Judge, Material
from pipeline.models import DEFAULT_MODEL
from pipeline.taxonomy import Repository, read_leaves
from pipeline.teacher.choose import open_teacher
from pipeline.teacher.port import ChatRequest, Completion, Teacher
from tests.unit.leaves import material
from validators import Leaf, parse_leaf

JUDGES = {"plain": PLAIN_JUDGE, "schema": SCHEMA_JUDGE}


@dataclass(frozen=True, slots=True)
class Measured:
    """One leaf: the judge's calibration, and its AUC against each kind of corruption alone."""

    leaf: Leaf
    calibration: Calibration
    kinds: dict[str, list[float]]


def main() -> int:
    """Print a line for each leaf that has pairs, then what they come to. Always 0: this measures, it sets no bar."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--taxonomy", type=Path, help="a git repository with leaves")
    ap.add_argument("--commit", default="HEAD")
    ap.add_argument("--model", default=DEFAULT_MODEL)
    ap.add_argument("--engine", default="auto", choices=["auto", "vllm", "transformers"])
    ap.add_argument("--judge", choices=sorted(JUDGES))
    ap.add_argument("--most", type=int, help="leaves; every n-th of the taxonomy, so that all branches are in")
    args = ap.parse_args()
    leaves = from_repository(args.taxonomy, args.commit) if args.taxonomy else bundled()
    materials = [made for leaf in leaves if seed_pairs(made := material(leaf))]
    print(f"{len(leaves)} leaves, {len(materials)} of them with open seeds")
    if args.most:
        materials = materials[:: -(-len(materials) // args.most)]
    teacher = open_teacher(args.model, args.engine)
    try:
        name = args.judge or teacher.form
        began = time.perf_counter()
        measured = asyncio.run(measure(materials, JUDGES[name], teacher))
        seconds = time.perf_counter() - began
        print("\n".join(table(measured)))
        print("\n".join(summary(measured)))
        print(f"{name} judge, {teacher.name}: {asked(measured)} pairs in {seconds:.0f} s, loading included")
    finally:
        teacher.close()
    return 0


def bundled() -> list[Leaf]:
    """The leaves of the demo."""
    folders = read([path.parent for path in sorted(BUNDLED.rglob("qna.yaml"))])
    return [parse_leaf(f"{folder.path}/qna.yaml", folder.tree()) for folder in folders]


def from_repository(folder: Path, commit: str) -> Sequence[Leaf]:
    """The leaves at a commit of a git repository, bare or not."""
    inner = folder / ".git"
    repository = Repository(inner if inner.is_dir() else folder)
    return read_leaves(repository, repository.resolve(commit)).leaves


async def measure(materials: Iterable[Material], judge: Judge, teacher: Teacher) -> list[Measured]:
    """All leaves at once, as many requests in flight as the teacher takes."""
    places = asyncio.Semaphore(max(1, teacher.concurrency))

    async def ask(request: ChatRequest) -> Completion:
        async with places:
            return await teacher.answer(request)

    async def one(made: Material) -> Measured:
        good, bad = seed_pairs(made), corruptions(made)
        scores = await score(made, judge, ask, [*good, *bad])
        return weighed(made.leaf, scores[: len(good)], list(zip(bad, scores[len(good) :], strict=True)))

    return list(await asyncio.gather(*map(one, materials)))


def weighed(leaf: Leaf, good: Sequence[float | None], bad: Sequence[tuple[Pair, float | None]]) -> Measured:
    """What the scores of one leaf come to."""
    right = [value for value in good if value is not None]
    wrong = [value for _, value in bad if value is not None]
    kinds: dict[str, list[float]] = defaultdict(list)
    for pair, value in bad:
        if value is not None and (area := auc(right, [value])) is not None:
            kinds[pair.kind].append(area)
    return Measured(leaf, calibration(right, wrong), dict(kinds))


def table(measured: Sequence[Measured]) -> list[str]:
    """A line for each leaf, the best judged first."""
    lines = [f"{'leaf':64} {'kind':9} {'good':>4} {'bad':>4} {'AUC':>5} {'believed':>8}"]
    for one in sorted(measured, key=lambda one: (-(one.calibration.auc or 0), one.leaf.path)):
        known = one.calibration
        area = "-" if known.auc is None else f"{known.auc:.2f}"
        believed = "yes" if known.believed else "no"
        path = one.leaf.path if len(one.leaf.path) <= 64 else f"…{one.leaf.path[-63:]}"
        lines.append(f"{path:64} {one.leaf.kind:9} {known.good:4} {known.bad:4} {area:>5} {believed:>8}")
    return lines


def summary(measured: Sequence[Measured]) -> list[str]:
    """Mean and median over the leaves, how many a judge is believed on, and the AUC by kind of corruption."""
    areas = [one.calibration.auc for one in measured if one.calibration.auc is not None]
    enough = [one for one in measured if min(one.calibration.good, one.calibration.bad) >= LEAST]
    lines = [f"AUC over {len(areas)} leaves: {_mean_and_median(areas)}"]
    if enough:
        best = [one.calibration.auc or 0.0 for one in enough]
        believed = sum(one.calibration.believed for one in enough)
        lines.append(
            f"of these, {len(enough)} with {LEAST} good and {LEAST} bad pairs or more: {_mean_and_median(best)}"
        )
        lines.append(
            f"believed (AUC ≥ {BELIEVED}) on {believed} of {len(enough)}; a judge that guesses: on about 1 of 20"
        )
    kinds: dict[str, list[float]] = defaultdict(list)
    for one in measured:
        for kind, found in one.kinds.items():
            kinds[kind] += found
    return [
        *lines,
        *(f"  {kind:24} {_mean_and_median(found)} of {len(found)}" for kind, found in sorted(kinds.items())),
    ]


def asked(measured: Sequence[Measured]) -> int:
    """Pairs that got a score."""
    return sum(one.calibration.good + one.calibration.bad for one in measured)


def _mean_and_median(values: Sequence[float]) -> str:
    return f"mean {statistics.mean(values):.3f}, median {statistics.median(values):.3f}" if values else "nothing to say"


if __name__ == "__main__":
    raise SystemExit(main())
