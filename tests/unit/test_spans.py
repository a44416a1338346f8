"""Every finding's place selects the text that it talks about, read back on examples, a taxonomy and broken leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.leaves import taxonomy
from tests.spans import EXPECTED, misplaced
from validators import LintConfig, lint
from validators.examples import KNOWLEDGE, SKILL
from validators.registry import RULES, Rule
from validators.rules import load_rules

load_rules()
EVERYTHING = LintConfig(select=("all",))


def test_every_rule_has_an_expectation() -> None:
    assert RULES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("rule", list(RULES.values()), ids=lambda rule: rule.id)
def test_examples(rule: Rule) -> None:
    case = rule.example.case("bad")
    report = lint(case.files, config=replace(rule.example.config, select=("all",)), change=case.change)
    assert list(misplaced(report, case.files)) == []


def test_a_taxonomy() -> None:
    files = {path: text.encode() for path, text in taxonomy(60)}
    report = lint(files, config=EVERYTHING)
    assert len(report.findings) > 30
    assert list(misplaced(report, files)) == []


_LINES = st.sampled_from(
    [
        *("created_by: Ada Lovelace", "created_by: 12", "version: 2", "Task: x", "    answer: no", "    answer:", "  "),
        *("    answer: a: b", "    answer: 'it's", '    answer: "say "it" now"', "  - question: ?", "\tanswer: x", ""),
        *("    answer: | text", "answer", "    extra: 1", "    answer: mail m.quill@tarnmail.net or ChatGPT", "  -"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([SKILL, KNOWLEDGE]), st.lists(st.tuples(st.integers(0, 40), _LINES), min_size=1, max_size=3))
def test_leaves_with_broken_lines(leaf: str, breaks: list[tuple[int, str]]) -> None:
    lines = leaf.split("\n")
    for at, line in breaks:
        lines[at % len(lines)] = line
    tree = "knowledge" if leaf is KNOWLEDGE else "compositional_skills"
    files = {f"{tree}/a/b/qna.yaml": "\n".join(lines).encode(), f"{tree}/a/b/attribution.txt": b"Creator names: me\n"}
    assert list(misplaced(lint(files, config=EVERYTHING), files)) == []
