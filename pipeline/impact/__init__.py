"""Impact: what learning some leaves alone would do to the present model, in minutes, before they are merged.

`measuring` tunes an adapter on the leaves' rows and anchors and scores before and after; `report` is what came of it,
kept by the content of all that decides it. Its harm figures are where blame begins to look (`pipeline.blame`).
"""

from pipeline.impact.measuring import ImpactError, ImpactRequest, for_impact, measure
from pipeline.impact.report import Contrasted, ImpactReport, ItemChange, known_harm, load_report

__all__ = [
    "Contrasted",
    "ImpactError",
    "ImpactReport",
    "ImpactRequest",
    "ItemChange",
    "for_impact",
    "known_harm",
    "load_report",
    "measure",
]
