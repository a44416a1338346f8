"""The words of the planner: modes, what it looks at, and what it says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.recipe import Recipe
from pipeline.speeds import Work

Mode = Literal["impact", "full", "incremental"]
"""*full*: from the pinned base over all live leaves. *incremental*: the champion and what changed, with replay.
*impact*: one leaf, for its pull request."""

MOST_ITEMS = 200  # of leaves that did not change, in a build that is not full: three minutes, most of it for answers
AGAIN = 64  # items that the incumbent is scored on a second time, in other batches
CHATS = 20  # greedy answers to ordinary prompts that the gate looks at


@dataclass(frozen=True, slots=True)
class LeafFacts:
    """`rows` that a leaf brings into a mixture and their `tokens`, the chat template's included; `items` that it is
    judged by and their tokens; `answered`: how many of those are answered as well, not only scored. `base_tokens`,
    `base_answered`: of those items, what the base has not been scored on yet."""

    path: str
    rows: int
    tokens: int
    items: int = 0
    item_tokens: int = 0
    answered: int = 0
    base_tokens: int = 0
    base_answered: int = 0


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What the choice depends on.

    `changed`: paths of leaves that the champion has not learnt as they are; `champion`: its build id, None for none;
    `weekday`: 0 (Monday) to 6; `removed`, `relicensed`: paths of leaves that the champion learnt and that are gone, or
    whose licence is another now; `since_full`: incremental builds since the last full one. `unanswered`: anchor prompts
    that the base must answer first; `anchors`: how many can be trained on, each of about `anchor_tokens`.
    `general_tokens`: of the general suite; `general_base_tokens`: of what the base has not been scored on yet;
    `again_tokens`: of what the incumbent must be scored on a second time. `dev_tokens`: of the rows that choose
    checkpoints.
    """

    leaves: tuple[LeafFacts, ...]
    changed: frozenset[str]
    champion: str | None
    weekday: int
    recipe: Recipe
    removed: tuple[str, ...] = ()
    relicensed: tuple[str, ...] = ()
    base_changed: bool = False
    since_full: int = 0
    general_tokens: int = 0
    general_base_tokens: int = 0
    again_tokens: int = 0
    anchors: int = 120
    anchor_tokens: int = 60
    unanswered: int = 0
    dev_tokens: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.weekday <= 6:
            raise ValueError(f"weekday is {self.weekday}; it goes from 0 (Monday) to 6 (Sunday)")


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """`why`: in plain words. `seconds`: predicted, the sum of `parts` (seconds by stage). `tokens`: trained, over all
    epochs. `work`: what each stage has to do; `Speeds.observed` learns from it once a stage is timed. `fits`: whether
    the budget is enough; a build that must be full is full even where it is not."""

    mode: Mode
    why: str
    seconds: float
    tokens: int
    parts: dict[str, float] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)
    fits: bool = True

    def to_json(self) -> dict[str, Any]:
        """All fields, keys sorted; the same plan gives the same bytes."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return fields
