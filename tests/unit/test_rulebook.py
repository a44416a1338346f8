"""The page of all rules is made from them, is up to date, and is complete."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from validators.examples import Example
from validators.output.explain import RULES_PAGE, beside_rules, explain, explanation
from validators.output.rulebook import difference, render
from validators.output.shown import fenced, unhidden
from validators.registry import RULES, Rule
from validators.rules import load_rules

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"
load_rules()
each = pytest.mark.parametrize("rule", sorted(RULES.values(), key=lambda rule: rule.id), ids=lambda rule: rule.id)


@cache
def sections() -> dict[str, str]:
    parts = re.split(r"^##+ (\S+)$", render(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == render(), "run: python -m validators.output.rulebook > docs/reference/rules.md"


@each
def test_every_rule_is_explained(rule: Rule) -> None:
    text = sections()[rule.id]
    assert f"**{rule.level}**" in text
    assert rule.summary in text
    assert rule.reason
    assert rule.reason in text
    assert rule.example != Example()
    assert "\nWrong:\n" in text
    assert "\nRight:\n" in text
    assert "\n> " in text, "what the linter says of the example"


@each
def test_a_fix_is_shown_with_its_result(rule: Rule) -> None:
    text = sections()[rule.id]
    assert ("`--fix` does this: " in text) == rule.fixes
    if rule.fixes:
        assert "```diff\n" in text or re.search(r"^`\S+` (becomes `\S+`\.|is new:)$", text, re.MULTILINE)


def test_every_rule_has_an_anchor_to_which_outputs_link() -> None:
    assert (Path(__file__).parents[2] / RULES_PAGE).is_file()
    for words in [*map(explain, RULES.values()), *beside_rules()]:
        assert words.page == f"{RULES_PAGE}#{words.id}"
        assert words.id in sections()


def test_the_page_has_no_invisible_signs() -> None:
    assert [c for c in set(render()) if not c.isprintable() and c != "\n"] == []


def test_what_cannot_be_seen_is_shown() -> None:
    assert unhidden("a  \n\tb\r\n c\u200b\x07\U000e0041\n") == "a··\n→b␍\n c\\u200b\\x07\\U000e0041\n"
    assert difference(b"a\nb \nc", b"a\nb\nc\n") == "-b·\n-c (no line break)\n+b\n+c\n"
    long = difference(b"".join(b"%d\n" % n for n in range(40)), b"")
    assert long.endswith("-11\n  … and 28 more lines\n")


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert fenced("```\nx\n````\n", "yaml") == "`````yaml\n```\nx\n````\n`````"


def test_an_id_that_nobody_declared() -> None:
    words = explanation("rule-of-a-plugin")
    assert (words.id, words.level, words.sides()) == ("rule-of-a-plugin", "error", [])
