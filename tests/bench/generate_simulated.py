"""Setting (b): both sides against one simulated server. Theirs with its `full` pipeline, ours bound to schemas.

Seconds are told in two ways. "wall": as they passed, with the server `speed_up` times as fast as the measured engine.
"at the measured speed": the time with a sequence in flight times `speed_up`, and the rest, which is the client's own
work, as it passed. The bar is on the second: with a fast server, what a client does beside it weighs too much.

The engine is busy while anything is in flight, between the first request and the last answer. That says little of how
well it is used: one sequence in flight is work, too, but at a twenty-seventh of its speed. So its speed over its top
speed (curve of `generate_speed`) is told beside it.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.quality.embedding import packaged_embedder
from tests.bench import generate_leaves as bench
from tests.bench.generate_bars import Findings, sparkline
from tests.bench.generate_servers import Simulated, simulated
from tests.bench.generate_sides import Made, judged, ours, peer, peer_rows, rows_of

FASTER, SEQUENCES, PREFIX, BUSY = 5.0, 2.5, 0.6, 0.9
"""The bars of issue 5."""


@dataclass
class Measured:
    """One run of one side: what it made, and what the server counted."""

    made: Made
    server: dict[str, Any]

    @property
    def seconds(self) -> float:
        """At the measured speed of the engine."""
        flying = self.server["seconds"] * self.server["share_any"]
        return float(flying * self.server["speed_up"] + max(0.0, self.made.seconds - flying))

    def per_row(self, figure: float) -> float:
        """For each row that passes."""
        return figure / self.made.passed if self.made.passed else float("inf")


def measure(python: Path, *, runs: int, speed_up: float, rows_per_seed: int, processes: int) -> Findings:
    """Both sides in turn, `runs` times, and the piece of knowledge once."""
    found = Findings("simulated teacher")
    leaves, embedder = bench.skills(), packaged_embedder()
    sides: dict[str, list[Measured]] = {"theirs": [], "ours": []}
    with simulated(speed_up, [bench.TAXONOMY]) as server:
        for _ in range(runs):
            server.reset()
            seconds, told = peer(python, server.url, server.model, "full", rows_per_seed, processes)
            made = judged(leaves, peer_rows(leaves, told["rows"]), seconds, embedder)
            made.error = told["error"]
            sides["theirs"].append(Measured(made, server.report()))
            _tell(found, "instructlab-sdg, full", sides["theirs"][-1])
            wanted = made.rows // len(leaves)
            sides["ours"].append(_ours(server, wanted or 5 * rows_per_seed))
            _tell(found, "seedbed", sides["ours"][-1])
        known = _knowledge(found, server)
    _bars(found, sides, known)
    return found


def _ours(server: Simulated, target: int) -> Measured:
    leaves = bench.skills()
    server.reset()
    with tempfile.TemporaryDirectory() as name:
        seconds, datasets = ours(server.url, server.model, leaves, Path(name), target, "schema")
    return Measured(judged(leaves, rows_of(datasets), seconds, packaged_embedder()), server.report())


def _knowledge(found: Findings, server: Simulated) -> dict[str, Any]:
    server.reset()
    with tempfile.TemporaryDirectory() as name:
        seconds, datasets = ours(server.url, server.model, bench.knowledge(), Path(name), 150, "schema")
    report = server.report()
    rows = sum(len(dataset.samples) for dataset in datasets)
    found.figures["knowledge"] = {**report, "rows": rows}
    found.say(
        f"seedbed, one document of {len(datasets[0].chunks)} chunks: {rows} rows, {report['sequences']} sequences, "
        f"{report['prompt_tokens']:,} prompt tokens in {seconds:.1f} s (wall)"
    )
    return report


def _tell(found: Findings, name: str, one: Measured) -> None:
    made, server = one.made, one.server
    tokens = server["prompt_tokens"] + server["output_tokens"]
    found.say(
        f"{name}: {made.rows} rows, {made.passed} pass; {made.seconds:.1f} s (wall), {one.seconds:.0f} s at the "
        f"measured speed, {one.per_row(one.seconds):.2f} s, {one.per_row(server['sequences']):.2f} sequences, "
        f"{one.per_row(server['output_tokens']):.0f} output and {one.per_row(tokens):,.0f} tokens in all "
        "per row that passes"
    )
    found.say(
        f"    in flight {sparkline(server['in_flight_over_time'], 256)} mean {server['in_flight_mean']}, peak "
        f"{server['in_flight_peak']}, any {server['share_any']:.0%} of the time; the engine writes at "
        f"{server['speed_used']:.0%} of its top speed; prefix hits {server['prefix_share']:.0%}"
    )
    if made.reasons:
        found.say(f"    do not pass: {dict(made.reasons.most_common(4))}")
    if made.error:
        found.say(f"    it ended with {made.error}")
    figures = {"rows": made.rows, "passed": made.passed, "wall_s": made.seconds, "seconds": one.seconds, **server}
    found.figures.setdefault(name, []).append(figures)


def _bars(found: Findings, sides: dict[str, list[Measured]], known: dict[str, Any]) -> None:
    def median(side: str, figure: str) -> float:
        return statistics.median(one.per_row(_figure(one, figure)) for one in sides[side])

    ratio = median("theirs", "seconds") / median("ours", "seconds")
    found.hold("times as fast per row that passes, at the measured speed", ratio, FASTER)
    wall = median("theirs", "wall") / median("ours", "wall")
    found.say(
        f"({wall:.1f} times as fast by the wall clock, with a server {sides['ours'][0].server['speed_up']:g} × as fast)"
    )
    found.hold("sequences per row that passes", median("ours", "sequences"), SEQUENCES, at_least=False)
    found.say(f"(theirs: {median('theirs', 'sequences'):.2f})")
    found.hold("share of prompt tokens in a prefix cache, knowledge", known["prefix_share"], PREFIX)
    found.say(f"(with room for 200,000 tokens: {known['prefix_share_bounded']:.0%})")
    busy = statistics.median(one.server["share_any"] for one in sides["ours"])
    found.hold("share of the time between first and last request with work in flight", busy, BUSY)
    used = {side: statistics.median(one.server["speed_used"] for one in runs) for side, runs in sides.items()}
    found.say(f"(its speed over its top speed: ours {used['ours']:.0%}, theirs {used['theirs']:.0%})")


def _figure(one: Measured, figure: str) -> float:
    return {"seconds": one.seconds, "wall": one.made.seconds, "sequences": float(one.server["sequences"])}[figure]
