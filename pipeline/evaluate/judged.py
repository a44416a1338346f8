"""What a calibrated judge says of a model's answers to held-out questions. Information alone: no gate reads it.

Judges are models: they sway by style, and their scores move by more than most builds do. So the figure stands beside
how far its judge can be believed on that leaf (`pipeline.calibration`), and means nothing where it cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.calibration import Ask, calibrate, score
from pipeline.corruptions import Pair
from pipeline.evaluate.port import Item
from pipeline.flows.model import Calibration, Judge, Material


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one leaf: `accepted` of `judged` answers were at or above the judge's threshold; `mean` of their scores, 0..1.

    `mean` is None where no reply held a verdict. `calibration.believed`: whether the figures say anything.
    """

    leaf: str
    accepted: int
    judged: int
    mean: float | None
    calibration: Calibration


async def judge_answers(
    material: Material, judge: Judge, ask: Ask, items: Sequence[Item], answers: Mapping[str, str]
) -> Judged:
    """Judge the answers (by item id) to a leaf's `items`. `material`: the leaf made ready, with a calibration or not.

    `ask`: of a teacher's pool. Items without an answer are passed over; what the teacher fails at is not counted.
    """
    how_far = material.calibration or await calibrate(material, judge, ask)
    pairs = [Pair("", item.question, answers[item.id], "answer") for item in items if answers.get(item.id)]
    scores = [value for value in await score(material, judge, ask, pairs) if value is not None]
    return Judged(
        leaf=material.leaf.path,
        accepted=sum(value >= how_far.threshold for value in scores),
        judged=len(scores),
        mean=round(sum(scores) / len(scores), 6) if scores else None,
        calibration=how_far,
    )
