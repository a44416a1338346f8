"""What a change costs, counted at the teacher: nothing changed, a judge's prompt changed, one leaf of many changed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.flows.model import chosen
from pipeline.flows.prompts import Prompts, packaged
from pipeline.git import Repository
from pipeline.taxonomy import read_leaves
from tests.bench import generate_leaves as bench
from tests.bench.generate_bars import Findings
from tests.bench.generate_leaves import Leaves
from tests.bench.generate_servers import Simulated, simulated
from tests.bench.generate_sides import ours
from validators import Leaf

SHARE = 1.5
"""The bar of issue 5: one leaf of N may cost so many Nths of a full run."""
TARGET, TRIED, FASTER_THAN_REAL = 12, 5, 2000.0
JUDGES = ("schema/judge_pair", "schema/knowledge_judge")


def measure(taxonomy: Path | None) -> Findings:
    """Of the bench's own leaves, or of those in a taxonomy's work tree."""
    found = Findings("what a change costs")
    leaves = of_repository(taxonomy) if taxonomy else bench.read(bench.TAXONOMY)
    with simulated(FASTER_THAN_REAL, [taxonomy or bench.TAXONOMY]) as server, tempfile.TemporaryDirectory() as name:
        run = _Runs(server, Path(name))
        full = run.requests(leaves)
        found.say(f"{len(leaves)} leaves, {TARGET} rows wanted of each: {full['requests']} requests, {full['kinds']}")
        found.hold("requests when nothing changed", run.requests(leaves)["requests"], 0, at_least=False)
        _one_leaf(found, run, leaves, full["requests"])
        judged = run.requests(leaves, prompts_with_stricter_judges())
        said = f"requests that generate when a judge's prompt changed ({judged['requests']} judge)"
        found.hold(said, judged["kinds"].get("text", 0), 0, at_least=False)
    return found


class _Runs:
    """Runs with one state; what each asked of the server."""

    def __init__(self, server: Simulated, state: Path) -> None:
        self.server, self.state = server, state

    def requests(self, leaves: Leaves, prompts: Prompts | None = None) -> dict[str, Any]:
        self.server.reset()
        ours(self.server.url, self.server.model, leaves, self.state, TARGET, "schema", *([prompts] if prompts else []))
        return self.server.report()


def _one_leaf(found: Findings, run: _Runs, leaves: Leaves, full: int) -> None:
    tried = chosen(range(len(leaves)), TRIED, "leaf to edit")
    costs = []
    for at in tried:
        changed = [(bench.edited(leaf) if place == at else leaf, origin) for place, (leaf, origin) in enumerate(leaves)]
        costs.append(run.requests(changed)["requests"])
    found.figures |= {"full": full, "one_leaf": costs}
    share = sum(costs) / len(costs) / full * len(leaves)
    found.say(f"an answer of one leaf mended, {len(costs)} leaves tried: {costs} requests of {full}")
    found.hold(f"cost of one changed leaf, in {len(leaves)}ths of a full run", share, SHARE, at_least=False)


def prompts_with_stricter_judges() -> Prompts:
    """The packaged prompts, but for a sentence more to each judge of pairs."""
    said = "== user ==\n"
    return Prompts({name: packaged(name).source.replace(said, f"{said}Take your time.\n") for name in JUDGES})


def of_repository(taxonomy: Path) -> Leaves:
    """All leaves at the head of a work tree that have seeds enough to be edited."""
    repository = Repository(taxonomy / ".git")
    return [(leaf, bench.ORIGIN) for leaf in read_leaves(repository, repository.resolve("HEAD")).leaves if _rich(leaf)]


def _rich(leaf: Leaf) -> bool:
    texts: Sequence[str] = [pair.answer for seed in leaf.seeds for pair in seed.pairs if pair.answer.split()]
    return len(leaf.seeds) > 1 and bool(texts)
