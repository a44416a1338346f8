"""What became of a leaf: how many rows were kept, why the others were not, what they cost. A part of its dataset."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.flows.model import Calibration
from pipeline.grow import Growth, StageCost

_DETAIL = re.compile(r"\s*\([^)]*\)|\d+(?:\.\d+)?|['\"].*?['\"]")


@dataclass(frozen=True, slots=True)
class LeafReport:
    """A function of the dataset's inputs and the stored answers alone, so it has the same bytes each time.

    `drafts`: rows that were decided; `reasons`: rejections by reason, details left out; `tasks`: kept rows by task;
    `costs`: by stage, "calibration" among them; `covered` of `pieces`: chunks or passages of the document that kept
    rows stand on, both 0 for skills. `failures`: rows and verdicts lost to a teacher that failed. `examined`:
    keys of the answers that the calibration stands on.
    """

    target: int = 0
    drafts: int = 0
    kept: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    costs: dict[str, StageCost] = field(default_factory=dict)
    calibration: Calibration | None = None
    covered: int = 0
    pieces: int = 0
    failures: int = 0
    examined: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Kept rows of all that were decided; 0.0 where there were none."""
        return self.kept / self.drafts if self.drafts else 0.0

    @property
    def requests(self) -> int:
        """Answers that the rows stand on."""
        return sum(cost.requests for cost in self.costs.values())

    @property
    def tokens(self) -> int:
        """Prompt and output tokens of those answers."""
        return sum(cost.prompt_tokens + cost.output_tokens for cost in self.costs.values())

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LeafReport:
        """What `to_json` wrote. Raises `TypeError` and `KeyError` where it is something else."""
        costs = {stage: StageCost(**cost) for stage, cost in value["costs"].items()}
        calibration = Calibration(**value["calibration"]) if value["calibration"] else None
        examined = tuple(value["examined"])
        return cls(**{**value, "costs": costs, "calibration": calibration, "examined": examined})


def report_of(growth: Growth) -> LeafReport:
    """The report of a leaf that has grown."""
    rows = growth.rows
    reasons = Counter(without_details(draft.reason) for draft in rows if draft.reason is not None)
    kept = [draft for draft in growth.drafts if draft.reason is None]
    pieces: tuple[object, ...] = growth.material.chunks or growth.material.passages
    return LeafReport(
        target=growth.target,
        drafts=len(rows),
        kept=growth.kept,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        tasks=dict(sorted(Counter(draft.task for draft in kept).items())),
        costs=dict(sorted(growth.costs.items())),
        calibration=growth.material.calibration,
        covered=len({piece for draft in kept if (piece := draft.chunk or draft.passage) is not None}),
        pieces=len(pieces),
        examined=tuple(sorted(growth.examined)),
        failures=growth.unheard + sum(draft.failed for draft in growth.drafts),
    )


def without_details(reason: str) -> str:
    """A reason without its figures and quotes, so that like reasons count together."""
    return " ".join(_DETAIL.sub(" … ", reason).replace("…  …", "…").split()).strip(" …") or reason
