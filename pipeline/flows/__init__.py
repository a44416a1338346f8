"""Flows: the stages that make samples for each kind of leaf."""

from __future__ import annotations

from pipeline.flows import freeform, grounded, knowledge
from pipeline.flows.model import Draft, Flow, Material, Stage
from validators import Leaf

__all__ = ["Draft", "Flow", "Material", "Stage", "flow_for"]

_FLOWS = {"freeform": freeform.FLOW, "grounded": grounded.FLOW, "knowledge": knowledge.FLOW}


def flow_for(leaf: Leaf) -> Flow:
    """The flow that makes samples for a leaf of this kind."""
    return _FLOWS[leaf.kind]
