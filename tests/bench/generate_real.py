"""Setting (a): both sides against one real server, vLLM with SmolLM2. Theirs with its `simple` pipeline, ours few-shot.

A model of 135 million parameters writes many rows that are of no use, so a row counts if it passes one and the same set
of filters: ours, applied to what each side put out. Tokens are counted by vLLM itself.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.quality.embedding import packaged_embedder
from tests.bench import generate_leaves as bench
from tests.bench.generate_bars import Findings
from tests.bench.generate_servers import Real, real
from tests.bench.generate_sides import Made, judged, ours, peer, peer_rows, rows_of

FASTER = 5.0
"""The bar of issue 5."""


@dataclass
class Measured:
    """One run of one side. `tokens`: what vLLM counted meanwhile."""

    made: Made
    tokens: dict[str, float]

    def per_row(self, figure: float) -> float:
        """For each row that passes."""
        return figure / self.made.passed if self.made.passed else float("inf")


def measure(python: Path, *, runs: int, rows_per_seed: int, processes: int) -> Findings:
    """Both sides in turn, `runs` times; as many rows are wanted of ours as the reference is told to make."""
    found = Findings("real teacher")
    sides: dict[str, list[Measured]] = {"theirs": [], "ours": []}
    with tempfile.TemporaryDirectory() as name, real(Path(name) / "vllm.log") as server:
        _warm_up(server, Path(name))
        for _ in range(runs):
            sides["theirs"].append(_theirs(server, python, rows_per_seed, processes))
            _tell(found, "instructlab-sdg, simple", sides["theirs"][-1])
            sides["ours"].append(_ours(server, 5 * rows_per_seed))
            _tell(found, "seedbed", sides["ours"][-1])
    _bars(found, sides)
    return found


def _theirs(server: Real, python: Path, rows_per_seed: int, processes: int) -> Measured:
    leaves, before = bench.skills(), server.counters()
    seconds, told = peer(python, server.url, server.model, "simple", rows_per_seed, processes)
    tokens = _since(server, before)
    made = judged(leaves, peer_rows(leaves, told["rows"]), seconds, packaged_embedder())
    made.error = told["error"]
    return Measured(made, tokens)


def _ours(server: Real, target: int) -> Measured:
    leaves, before = bench.skills(), server.counters()
    with tempfile.TemporaryDirectory() as name:
        seconds, datasets = ours(server.url, server.model, leaves, Path(name), target, "plain")
    tokens = _since(server, before)
    return Measured(judged(leaves, rows_of(datasets), seconds, packaged_embedder()), tokens)


def _warm_up(server: Real, folder: Path) -> None:
    """The first requests after a start are slower than the rest."""
    ours(server.url, server.model, bench.skills()[:1], folder / "warm", 2, "plain")


def _since(server: Real, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in server.counters().items()}


def _tell(found: Findings, name: str, one: Measured) -> None:
    made, tokens = one.made, one.tokens
    found.say(
        f"{name}: {made.rows} rows, {made.passed} pass; {made.seconds:.0f} s, {one.per_row(made.seconds):.2f} s, "
        f"{one.per_row(tokens['output_tokens']):,.0f} output and {one.per_row(tokens['prompt_tokens']):,.0f} prompt "
        f"tokens per row that passes; {tokens['output_tokens'] / made.seconds:.0f} output tokens/s; "
        f"{tokens['cached_tokens'] / max(1, tokens['prompt_tokens']):.0%} of the prompts were in the prefix cache"
    )
    if made.reasons:
        found.say(f"    do not pass: {dict(made.reasons.most_common(6))}")
    if made.error:
        found.say(f"    it ended with {made.error}")
    figures = {"rows": made.rows, "passed": made.passed, "seconds": made.seconds, "by_leaf": made.by_leaf, **tokens}
    found.figures.setdefault(name, []).append({**figures, "reasons": dict(made.reasons)})


def _bars(found: Findings, sides: dict[str, list[Measured]]) -> None:
    def median(side: str) -> float:
        return statistics.median(one.per_row(one.made.seconds) for one in sides[side])

    found.hold("times as fast per row that passes the same filters", median("theirs") / median("ours"), FASTER)
