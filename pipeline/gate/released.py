"""After the export: do the files that people will download load, and score as the model that was judged?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pipeline.evaluate.port import Score
from pipeline.gate.policy import CALIBRATED
from pipeline.gate.verdict import Check, Verdict

_ADVICE = "Nothing is promoted; export again, and if it stays, look at the export's log."


def rescored(
    name: str, judged: Sequence[Score], loaded: Sequence[Score], most: float = CALIBRATED.release_margin
) -> Check:
    """A released file (`name`, such as "model" or "q8_0.gguf") that was loaded again and scored on some of the items.

    Passes while the mean rise in nats per token stays within `most` (training.md: .02 for 8 bits, .10 for 4 bits).
    """
    before = {score.id: score.nats for score in judged}
    rises = [score.nats - before[score.id] for score in loaded if score.id in before]
    if not rises or not all(math.isfinite(rise) for rise in rises):
        return unreleasable(name, "its scores are missing or are not finite numbers")
    mean = round(math.fsum(rises) / len(rises), 6)
    numbers = {"items": len(rises), "rise": mean, "limit": most}
    if mean <= most:
        return Check(f"export/{name}", True, f"The released file {name} scores as judged: {mean:+.4f} nats.", numbers)
    detail = (
        f"The released file {name} scores {mean:+.4f} nats worse than the model that was judged ({most} is allowed)."
    )
    return Check(f"export/{name}", False, detail, numbers, advice=_ADVICE)


def unreleasable(name: str, why: str) -> Check:
    """A released file that cannot be scored at all."""
    return Check(f"export/{name}", False, f"The released file {name} cannot be used: {why}.", advice=_ADVICE)


def settle(verdict: Verdict, export_checks: Sequence[Check]) -> Verdict:
    """The verdict with what the export showed: a PROMOTE becomes HOLD where a file failed. Twice is once.

    Give the files that must be right. One that may be left out of the release, such as a 4-bit one, is left out
    instead where its check fails.
    """
    names = {check.name for check in export_checks}
    settled = replace(verdict, checks=(*(c for c in verdict.checks if c.name not in names), *export_checks))
    failed = [check for check in export_checks if not check.passed]
    if verdict.decision != "PROMOTE" or not failed:
        return settled
    reasons = tuple(f"{check.detail} {check.advice}".strip() for check in failed)
    return replace(settled, decision="HOLD", reasons=reasons)
