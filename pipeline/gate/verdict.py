"""What the gate says: a decision, the checks behind it, and the table, as values and as canonical JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.statistics import Interval

Decision = Literal["PROMOTE", "HOLD", "INCONCLUSIVE"]
ALL_LEAVES = "all leaves"
ALL_GENERAL = "all general questions"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a leaf, a category of the general suite, a branch of the taxonomy, or everything.

    `before`, `after`: mean nats per reference token over `n` items (lower is better). `change`: after minus before,
    with its two-sided 90 % interval. `p`: how often chance alone makes it that much worse; `significance`: the same
    with Holm's correction for all that were asked; `q`: the share of false names among those named at least as
    clearly. All three are 1 where that was not asked. `units`: seed examples that the items belong to (items, where
    these are too few); with one unit the interval is not known. `choices`: items with wrong answers to choose from,
    and how many were right. `informing`: too few items to block alone. `changed`: a leaf new to the champion.
    """

    group: str
    suite: str
    n: int
    before: float
    after: float
    change: Interval
    f1_before: float
    f1_after: float
    significance: float = 1.0
    p: float = 1.0
    q: float = 1.0
    units: int = 0
    choices: int = 0
    right_before: int = 0
    right_after: int = 0
    informing: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One question that the gate asked, and the answer in plain words.

    `undecided`: it did not pass, and more items may settle it. `harmed`: what it saw harmed, for blame (leaf paths,
    branches, "general", "general/<category>", "lead/<category>", "safety"). `waived`: who let it pass all the same,
    and why. `advice`: what to do where it did not pass. `numbers`: what it was decided by.
    """

    name: str
    passed: bool
    detail: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    undecided: bool = False
    harmed: tuple[str, ...] = ()
    waived: str = ""
    advice: str = ""

    @property
    def blocks(self) -> bool:
        """It failed, more items would not help, and nobody waived it."""
        return not (self.passed or self.undecided or self.waived)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, its reasons in plain words, the table, and against whom it was made ("base" or a build id).

    `rows`: leaves, categories of the general suite, and leaves of the audit where it was opened. `branches`: folders of
    leaves taken as one, and everything. `noise_floor`: nats by which a second scoring of one model differed, 0 where
    that was not measured. `harmed`: what blocks, for blame. `warnings`: what does not block and should be read.
    `waived`: what was let pass, by whom and why. `look`: 1, or 2 for the second and last look at a candidate.
    """

    decision: Decision
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    against: str
    build_id: str
    checks: tuple[Check, ...] = ()
    branches: tuple[Row, ...] = ()
    noise_floor: float = 0.0
    harmed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    look: int = 1

    def check(self, name: str) -> Check | None:
        """The check of that name; None where it was not made."""
        return next((check for check in self.checks if check.name == name), None)

    def to_json(self) -> bytes:
        """Canonical JSON: the same verdict is the same bytes."""
        return (json.dumps(asdict(self), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def verdict_from(data: Mapping[str, Any]) -> Verdict:
    """Read back what `Verdict.to_json` wrote (parsed); what an older version did not write has its default."""
    fields = dict(data)
    for name in ("rows", "branches"):
        fields[name] = tuple(Row(**{**row, "change": Interval(**row["change"])}) for row in data.get(name, ()))
    fields["checks"] = tuple(Check(**{**check, "harmed": tuple(check["harmed"])}) for check in data.get("checks", ()))
    for name in ("reasons", "harmed", "warnings", "waived"):
        fields[name] = tuple(data.get(name, ()))
    return Verdict(**fields)
