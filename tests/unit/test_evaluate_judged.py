"""Answers before a judge: what it accepts, how far it is believed, and what is not counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from pipeline.evaluate.judged import Judged, judge_answers
from pipeline.evaluate.port import Item
from pipeline.flows.judges import SCHEMA_JUDGE
from pipeline.flows.model import Calibration
from pipeline.teacher.port import ChatRequest
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves

ITEMS = [Item(name, "heldout", "leaf", f"What is {name}?", "A thing.") for name in ("one", "two", "three", "four")]
ANSWERS = {"one": "A good thing.", "two": "A bad thing.", "three": "Neither.", "four": ""}
KNOWN = Calibration(0.9, 0.5, 4, 8, True)


def verdict(request: ChatRequest) -> str:
    asked = "\n".join(message.content for message in request.messages)
    if "Neither." in asked:
        return "no verdict"
    good = "A good thing." in asked
    return json.dumps({"score": 3 if good else 1, "correct": good, "complete": good, "safe": True})


def judged(calibration: Calibration | None, teacher: ScriptedTeacher) -> Judged:
    material = leaves.material(leaves.freeform(count=8))
    material = replace(material, calibration=calibration)
    return asyncio.run(judge_answers(material, SCHEMA_JUDGE, teacher.answer, ITEMS, ANSWERS))


def test_answers_with_a_verdict_count() -> None:
    teacher = ScriptedTeacher(verdict, form="schema")
    found = judged(KNOWN, teacher)
    assert (found.accepted, found.judged, found.mean, found.calibration) == (1, 2, 0.5, KNOWN)
    assert teacher.requests == 3, "an empty answer is not asked about"


def test_a_judge_is_tried_on_the_leaf_first_and_said_not_to_be_believed() -> None:
    teacher = ScriptedTeacher(verdict, form="schema")
    found = judged(None, teacher)
    assert teacher.requests > 3
    assert not found.calibration.believed


def test_without_a_verdict_there_is_no_mean() -> None:
    found = judged(KNOWN, ScriptedTeacher(lambda _: "?", form="schema"))
    assert (found.accepted, found.judged, found.mean) == (0, 0, None)
