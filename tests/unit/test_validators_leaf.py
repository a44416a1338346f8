from __future__ import annotations

import pytest

from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, knowledge, skill, tree
from validators import QA, DocumentRef, LeafError, parse_leaf


def test_knowledge() -> None:
    leaf = parse_leaf(KNOWLEDGE_PATH, tree(KNOWLEDGE_PATH, knowledge()))
    assert (leaf.path, leaf.kind, leaf.version) == ("knowledge/science/lamps", "knowledge", 3)
    assert (leaf.created_by, leaf.domain, leaf.document_outline) == ("keeper", "lamps", "How lamps are kept.")
    assert leaf.task_description == ""
    assert leaf.document == DocumentRef("https://github.com/example/lamps.git", "a1" * 20, ("lamps.md",))
    assert [seed.index for seed in leaf.seeds] == [0, 1, 2, 3, 4]
    first = leaf.seeds[0]
    assert first.context == "Lamp 0 burns oil."
    assert first.pairs[2] == QA("What of lamp 0, part 2?", "Part 2 is brass.")
    assert (first.span.line, first.span.end_line) == (11, 19)
    assert leaf.attribution == "Own work, CC0-1.0\n"


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        (SKILL_PATH, skill(), "freeform"),
        (SKILL_PATH, skill(context=True), "grounded"),
        (SKILL_PATH, skill(version=2), "freeform"),
        (SKILL_PATH, skill(version=1, seeds=2), "freeform"),
        (SKILL_PATH, skill(version=None, seeds=2, context=True), "grounded"),
        ("foundational_skills/reasoning/x/qna.yaml", skill(version=1, seeds=2), "freeform"),
    ],
)
def test_skills(path: str, text: str, kind: str) -> None:
    leaf = parse_leaf(path, tree(path, text))
    assert leaf.kind == kind
    assert leaf.document is None
    assert leaf.task_description == "Say which paint a mixture gives."
    assert all(len(seed.pairs) == 1 for seed in leaf.seeds)
    assert bool(leaf.seeds[0].context) == (kind == "grounded")


def test_a_mixed_leaf_is_freeform() -> None:
    text = skill() + "  - question: q\n    answer: a\n    context: c\n"
    assert parse_leaf(SKILL_PATH, tree(SKILL_PATH, text)).kind == "freeform"


def test_white_space_does_not_keep_a_leaf_from_use() -> None:
    text = skill().replace("painter-1", "painter-1  ").rstrip("\n")
    assert parse_leaf(SKILL_PATH, tree(SKILL_PATH, text)).created_by == "painter-1"


def test_block_scalars_end_without_their_line_break_and_keep_their_indentation() -> None:
    text = skill().replace("They give shade 0.", "|\n      def mix():\n          return 0\n")
    answer = parse_leaf(SKILL_PATH, tree(SKILL_PATH, text)).seeds[0].pairs[0].answer
    assert answer == "def mix():\n    return 0"


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        (KNOWLEDGE_PATH, skill(version=2), "schema-version"),
        (KNOWLEDGE_PATH, skill(version=None), "schema-version"),
        (SKILL_PATH, skill(version=9), "schema-version"),
        (SKILL_PATH, skill(seeds=4), "schema-too-few"),
        (SKILL_PATH, "a: [", "yaml-syntax"),
        (SKILL_PATH, "", "empty-file"),
    ],
)
def test_errors(path: str, text: str, rule: str) -> None:
    with pytest.raises(LeafError) as caught:
        parse_leaf(path, tree(path, text))
    assert caught.value.findings[0].rule == rule
    assert str(caught.value).startswith(f"{path}:1:") or rule == "schema-too-few"


def test_a_leaf_without_attribution_is_an_error() -> None:
    with pytest.raises(LeafError, match=r"no attribution\.txt"):
        parse_leaf(SKILL_PATH, tree(SKILL_PATH, skill(), attribution=None))


def test_no_such_file() -> None:
    with pytest.raises(KeyError):
        parse_leaf(SKILL_PATH, {})
