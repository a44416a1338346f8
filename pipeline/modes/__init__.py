"""Full, incremental or impact: what a build costs in each mode, and which one a night gets.

Explained for people in docs/explanation/mixture.md; the rules are listed in docs/reference/modes.md.
"""

from pipeline.modes.choice import plan_build, plan_impact, why_full
from pipeline.modes.model import CHATS, MOST_ITEMS, BuildFacts, BuildPlan, LeafFacts, Mode
from pipeline.modes.prediction import Size, mixture_size, predict

__all__ = [
    "CHATS",
    "MOST_ITEMS",
    "BuildFacts",
    "BuildPlan",
    "LeafFacts",
    "Mode",
    "Size",
    "mixture_size",
    "plan_build",
    "plan_impact",
    "predict",
    "why_full",
]
