"""The gate: whether a candidate may replace the champion, and why. Pure functions over scores.

Differences are nats per reference token, after minus before: below zero is better. A plain "mean is lower" would be a
coin toss on unchanged models, so every check looks at what chance alone explains (docs/explanation/gate.md).
"""

from pipeline.gate.deciding import decide
from pipeline.gate.evidence import Evidence, EvidenceError
from pipeline.gate.policy import CALIBRATED, LOOKS, Policy
from pipeline.gate.released import rescored, settle, unreleasable
from pipeline.gate.verdict import ALL_GENERAL, ALL_LEAVES, Check, Decision, Row, Verdict, verdict_from
from pipeline.gate.waiving import WAIVABLE
from pipeline.gate.words import row_change

__all__ = [
    "ALL_GENERAL",
    "ALL_LEAVES",
    "CALIBRATED",
    "LOOKS",
    "WAIVABLE",
    "Check",
    "Decision",
    "Evidence",
    "EvidenceError",
    "Policy",
    "Row",
    "Verdict",
    "decide",
    "rescored",
    "row_change",
    "settle",
    "unreleasable",
    "verdict_from",
]
