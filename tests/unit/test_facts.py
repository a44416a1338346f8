from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.anchors import Anchor
from pipeline.evaluate.items import heldout_items
from pipeline.evaluate.port import Item
from pipeline.facts import ENDING_TOKENS, TEMPLATE_TOKENS, facts_of
from pipeline.leafdata import LeafDataset
from pipeline.modes import BuildFacts
from pipeline.splits import split_of
from tests.building import QUIET, dataset_of, freeform
from validators import Leaf

GENERAL = Item("facts-1", "general", "facts", "What is it?", "That.", choices=("This.", "None."))


def facts(pairs: Sequence[tuple[Leaf, LeafDataset]], champion: dict[str, Any] | None = None, **more: Any) -> BuildFacts:
    items = [item for leaf, _ in pairs for item in heldout_items(leaf)] + [GENERAL]
    return facts_of(pairs, QUIET, items, weekday=1, base_digest="b1", champion=champion, count=words, **more)


def words(text: str) -> int:
    return len(text.split())


def manifest(pairs: Sequence[tuple[Leaf, LeafDataset]], **more: Any) -> dict[str, Any]:
    return {
        "build_id": "c1",
        "inputs": {"leaves": [[leaf.path, dataset.leaf_key] for leaf, dataset in pairs], "base": {"digest": "b1"}},
        "leaves": [{"path": leaf.path, "attribution": leaf.attribution} for leaf, _ in pairs],
        **more,
    }


def pairs_of(*names: str, key: str = "k1") -> list[tuple[Leaf, LeafDataset]]:
    return [(leaf, dataset_of(leaf, key=key)) for leaf in map(freeform, names)]


def test_a_leaf_is_counted_as_the_mixture_takes_it() -> None:
    pairs = pairs_of("greetings")
    (leaf,) = facts(pairs).leaves
    assert (leaf.rows, leaf.items, leaf.answered) == (12, 2, 2)
    seeds, samples = 6 * (3 + 5 + TEMPLATE_TOKENS), 6 * (9 + 6 + TEMPLATE_TOKENS)
    assert leaf.tokens == seeds + samples
    assert leaf.item_tokens == 2 * (3 + 5 + 2 * ENDING_TOKENS)
    capped = facts_of(pairs, replace(QUIET, leaf_rows=6), [], weekday=1, base_digest="b1", count=words)
    assert (capped.leaves[0].rows, capped.leaves[0].tokens) == (6, seeds)
    short = facts_of(pairs, replace(QUIET, max_tokens=45), [], weekday=1, base_digest="b1", count=words)
    assert short.leaves[0].rows == 6  # longer rows are never trained
    twice = facts_of(pairs, replace(QUIET, leaf_rows=24, most_repeats=2), [], weekday=1, base_digest="b1", count=words)
    assert (twice.leaves[0].rows, twice.leaves[0].tokens) == (24, 2 * (seeds + samples))


def test_rows_that_choose_checkpoints_are_counted() -> None:
    leaf = freeform("hails", seeds=20)
    wanted = sum(split == "dev" for split in split_of(leaf).values())
    assert wanted == 3
    found = facts_of([(leaf, dataset_of(leaf))], QUIET, [], weekday=1, base_digest="b1", count=words)
    assert found.dev_tokens == wanted * (3 + 5 + TEMPLATE_TOKENS)
    assert facts(pairs_of("greetings")).dev_tokens == 0


def test_general_items_and_anchors_are_counted() -> None:
    found = facts(pairs_of("greetings"), anchors=[Anchor("a", "Say it please.", "It."), Anchor("b", "Go.", "No.")])
    assert found.general_tokens == 3 + 3 + 4 * ENDING_TOKENS
    assert (found.anchors, found.anchor_tokens) == (2, TEMPLATE_TOKENS + 3)


def test_what_is_on_file_is_told_apart() -> None:
    pairs = pairs_of("greetings", "farewells")
    one = next(iter(heldout_items(pairs[0][0])))
    found = facts(pairs, base_lacks=[one, GENERAL], again=[GENERAL])
    assert [(leaf.base_tokens, leaf.base_answered) for leaf in found.leaves] == [(3 + 5 + 2 * ENDING_TOKENS, 1), (0, 0)]
    assert found.general_base_tokens == found.again_tokens == found.general_tokens
    known = facts(pairs)
    assert (known.general_base_tokens, known.again_tokens) == (0, 0)


def test_without_a_champion_everything_changed() -> None:
    found = facts(pairs_of("greetings", "farewells"))
    assert found.champion is None
    assert len(found.changed) == 2
    assert (found.removed, found.base_changed, found.since_full) == ((), False, 0)


def test_what_the_champion_learnt_is_compared() -> None:
    before = pairs_of("greetings", "farewells", "gone")
    (greet, rows), (leave, _) = pairs_of("greetings", "farewells")
    now = [(greet, rows), (leave, dataset_of(leave, key="k2")), *pairs_of("new")]
    found = facts(now, manifest(before))
    assert found.champion == "c1"
    assert found.changed == {"compositional_skills/farewells", "compositional_skills/new"}
    assert found.removed == ("compositional_skills/gone",)
    assert found.relicensed == ()


def test_another_licence_is_seen() -> None:
    before = pairs_of("greetings")
    leaf, dataset = before[0]
    other = replace(leaf, attribution=leaf.attribution.replace("CC-BY-4.0", "CC-BY-SA-4.0"))
    assert facts([(other, dataset)], manifest(before)).relicensed == (leaf.path,)
    same = replace(leaf, attribution=leaf.attribution.replace("Ada", "Ada Lovelace"))
    assert facts([(same, dataset)], manifest(before)).relicensed == ()


def test_another_base_and_incremental_nights_are_seen() -> None:
    before = pairs_of("greetings")
    moved = manifest(before)
    moved["inputs"]["base"]["digest"] = "b0"
    assert facts(before, moved).base_changed
    assert facts(before, manifest(before)).since_full == 0
    assert facts(before, manifest(before, mode="full", since_full=0)).since_full == 0
    assert facts(before, manifest(before, mode="incremental", since_full=2)).since_full == 3
