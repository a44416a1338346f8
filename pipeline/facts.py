"""What the planner looks at, gathered from live leaves, the champion's manifest and the recipe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.anchors import Anchor
from pipeline.evaluate.port import Item, is_answered
from pipeline.leafdata import LeafDataset
from pipeline.leafkeys import licence_of
from pipeline.mixture import MixtureRow, cap_of, rows_of
from pipeline.mixture.mixing import DEV_ANCHORS, dev_rows, whole
from pipeline.modes import BuildFacts, LeafFacts
from pipeline.recipe import Recipe
from pipeline.tokens import estimate
from validators import Leaf

TEMPLATE_TOKENS = 32  # that a chat template puts around a question and an answer, SmolLM2's system prompt included
ENDING_TOKENS = 4  # that it puts after a turn and before the next one
_GENERAL = ""

Count = Callable[[str], int]
Pairs = Sequence[tuple[Leaf, LeafDataset]]


def facts_of(
    pairs: Pairs,
    recipe: Recipe,
    items: Sequence[Item],
    *,
    weekday: int,
    base_digest: str,
    champion: Mapping[str, Any] | None = None,
    anchors: Sequence[Anchor] = (),
    unanswered: int = 0,
    base_lacks: Sequence[Item] = (),
    again: Sequence[Item] = (),
    count: Count = estimate,
) -> BuildFacts:
    """The facts of a night. `items`: what leaves are judged by, and the general suite. `champion`: its manifest, None
    for none. `anchors`: those that can be trained on, if they are known yet; `unanswered`: prompts that must be
    answered first (`pipeline.anchors.unanswered`). `base_lacks`: those of `items` that the base has no score of yet;
    `again`: those that the incumbent must be scored on a second time. `count`: tokens of a text.

    The manifest tells `mode` ("full" where it says nothing: builds were, before there were modes), `since_full`, and by
    leaf its key and attribution.
    """
    before = _Before(champion)
    of_anchors = [_tokens(anchor.prompt, anchor.answer, count) for anchor in anchors]
    judged, lacking = _by_leaf(items), _by_leaf(base_lacks)
    return BuildFacts(
        leaves=tuple(
            _leaf_facts(leaf, dataset, recipe, judged[leaf.path], lacking[leaf.path], count) for leaf, dataset in pairs
        ),
        changed=frozenset(leaf.path for leaf, dataset in pairs if before.keys.get(leaf.path) != dataset.leaf_key),
        champion=before.build,
        weekday=weekday,
        recipe=recipe,
        removed=tuple(sorted(before.keys.keys() - {leaf.path for leaf, _ in pairs})),
        relicensed=tuple(sorted(leaf.path for leaf, _ in pairs if before.other_licence(leaf))),
        base_changed=before.base not in ("", base_digest),
        since_full=before.since_full,
        general_tokens=_all_tokens(judged[_GENERAL], count),
        general_base_tokens=_all_tokens(lacking[_GENERAL], count),
        again_tokens=_all_tokens(again, count),
        unanswered=unanswered,
        dev_tokens=sum(_row_tokens(row, count) for row in dev_rows(pairs, anchors[:DEV_ANCHORS], recipe)),
        **({"anchors": len(anchors), "anchor_tokens": round(sum(of_anchors) / len(of_anchors))} if of_anchors else {}),
    )


class _Before:
    """What a champion's manifest says of it."""

    def __init__(self, manifest: Mapping[str, Any] | None) -> None:
        known: Mapping[str, Any] = manifest or {}
        inputs: Mapping[str, Any] = known.get("inputs", {})
        self.build: str | None = known["build_id"] if manifest else None
        self.keys: dict[str, str] = dict(inputs.get("leaves", ()))
        self.base: str = inputs["base"]["digest"] if inputs else ""
        self.since_full: int = known.get("since_full", 0) + (known.get("mode", "full") == "incremental")
        self._attributions = {entry["path"]: entry["attribution"] for entry in known.get("leaves", ())}

    def other_licence(self, leaf: Leaf) -> bool:
        said = self._attributions.get(leaf.path)
        return said is not None and licence_of(replace(leaf, attribution=said)) != licence_of(leaf)


def _by_leaf(items: Sequence[Item]) -> defaultdict[str, list[Item]]:
    """By path of the leaf; the general suite under `_GENERAL`."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[_GENERAL if item.suite == "general" else item.group].append(item)
    return found


def _leaf_facts(
    leaf: Leaf, dataset: LeafDataset, recipe: Recipe, items: Sequence[Item], lacking: Sequence[Item], count: Count
) -> LeafFacts:
    rows = [_row_tokens(row, count) for row in whole(rows_of(leaf, dataset, recipe), cap_of(leaf, recipe), recipe)]
    rows = [tokens for tokens in rows if tokens <= recipe.max_tokens]
    return LeafFacts(
        leaf.path,
        rows=len(rows),
        tokens=sum(rows),
        items=len(items),
        item_tokens=_all_tokens(items, count),
        answered=sum(map(is_answered, items)),
        base_tokens=_all_tokens(lacking, count),
        base_answered=sum(map(is_answered, lacking)),
    )


def _row_tokens(row: MixtureRow, count: Count) -> int:
    return _tokens(row.question, row.answer, count)


def _all_tokens(items: Sequence[Item], count: Count) -> int:
    return sum(_item_tokens(item, count) for item in items)


def _item_tokens(item: Item, count: Count) -> int:
    """A question is read once for all of its answers, and what the template puts before it once for all items."""
    answers = sum(count(answer) + ENDING_TOKENS for answer in (item.reference, *item.choices))
    return count(item.question) + ENDING_TOKENS + answers


def _tokens(question: str, answer: str, count: Count) -> int:
    return count(question) + count(answer) + TEMPLATE_TOKENS
