"""Flows: the stages that make samples for each kind of leaf, in the form that suits a teacher."""

from __future__ import annotations

from pipeline.flows.model import Draft, Flow, Material, Stage
from pipeline.flows.plain import freeform, grounded, knowledge
from pipeline.flows.schema import freeform as schema_freeform
from pipeline.flows.schema import grounded as schema_grounded
from pipeline.flows.schema import knowledge as schema_knowledge
from pipeline.teacher.port import Form
from validators import Leaf

__all__ = ["FLOWS", "Draft", "Flow", "Material", "Stage", "flow_for"]

FLOWS = {
    (flow.kind, flow.form): flow
    for flow in (
        freeform.FLOW,
        grounded.FLOW,
        knowledge.FLOW,
        schema_freeform.FLOW,
        schema_grounded.FLOW,
        schema_knowledge.FLOW,
    )
}


def flow_for(leaf: Leaf, form: Form) -> Flow:
    """The flow that makes samples for a leaf of this kind with a teacher of this form."""
    return FLOWS[leaf.kind, form]
