"""Every rule's own example: the bad side has the finding, the good side has none, the fix mends."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from validators import LintConfig, Report, fix, lint
from validators.examples import Case, Example
from validators.fixing import apply
from validators.registry import RULES, Rule
from validators.rules import load_rules
from validators.source import Source

load_rules()
ALL = sorted(RULES.values(), key=lambda rule: rule.id)
each = pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)


def judged(rule: Rule, case: Case) -> Report:
    others = frozenset({"informing-only"}) - {rule.id}  # a leaf without a fault has it, too, unless it is a large one
    config = replace(rule.example.config, select=("all",), ignore=tuple(others))
    return lint(case.files, config=config, change=case.change)


@each
def test_the_bad_example_breaks_its_rule(rule: Rule) -> None:
    assert rule.id in {finding.rule for finding in judged(rule, rule.example.case("bad")).findings}


@each
def test_the_good_example_breaks_no_rule_at_all(rule: Rule) -> None:
    assert judged(rule, rule.example.case("good")).findings == ()


@each
def test_a_rule_says_why_it_is_there(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert rule.summary[0].isupper() or rule.summary.startswith("`")
    assert rule.reason.endswith(".")
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule.id)
    assert rule.groups
    assert rule.example != Example()


@each
def test_fixing_the_bad_example(rule: Rule) -> None:
    case = rule.example.case("bad")
    config = replace(rule.example.config, select=(rule.id,))
    done = fix(case.files, config=config, change=case.change)
    assert bool(done.edits) == rule.fixes
    if rule.fixes:
        assert rule.id not in {finding.rule for finding in done.remaining.findings}
    again = fix(done.files, config=config, change=case.change)
    assert (again.files, again.edits) == (done.files, ())


@each
def test_findings_say_what_and_how(rule: Rule) -> None:
    for finding in judged(rule, rule.example.case("bad")).findings:
        assert finding.message
        assert not finding.message.endswith(".")
        assert not finding.help or finding.help.endswith((".", "?", "`"))
        if finding.fix:
            assert finding.fix.title
            assert not finding.fix.title.endswith(".")
            assert finding.fix.edits or finding.fix.rename or finding.fix.creates


@each
def test_the_edits_of_a_fix_lie_in_the_file(rule: Rule) -> None:
    case = rule.example.case("bad")
    for finding in judged(rule, case).findings:
        text = case.files.get(finding.path, b"").decode("utf-8", "replace")
        for edit in finding.fix.edits if finding.fix else ():
            assert 0 <= edit.start <= edit.end <= len(text)
        if finding.fix and finding.fix.edits:
            assert apply(text, finding.fix.edits) != text


@each
def test_the_place_of_a_finding_lies_in_its_file(rule: Rule) -> None:
    case = rule.example.case("bad")
    for finding in judged(rule, case).findings:
        source = Source(case.files.get(finding.path, b"").decode("utf-8", "replace"))
        assert 1 <= finding.line <= max(1, source.line_count)
        assert 1 <= finding.column <= len(source.line(finding.line)) + 1
        assert (finding.line, finding.column) <= (finding.end_line, finding.end_column)


def test_a_level_can_be_set() -> None:
    rule = RULES["trailing-spaces"]
    case = rule.example.case("bad")
    config = LintConfig(select=("compat",), levels={"trailing-spaces": "hint"})
    assert [(f.rule, f.level) for f in lint(case.files, config=config).findings] == [("trailing-spaces", "hint")]
