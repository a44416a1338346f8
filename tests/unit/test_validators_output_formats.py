"""The formats that other programs read: GitHub commands, SARIF, the Reviewdog Diagnostic Format."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker

from validators import Edit, Finding, Fix, Report
from validators.fixing import apply
from validators.output import render
from validators.output.explain import explanation
from validators.source import Source

DATA = Path(__file__).parents[1] / "data"
ODD = 'task: 1\r\nname: "🦆 Entenhaus, 100%: é"  \r\nlast\u2028: x\n'
SPACES = ODD.index("  \r\n")
AT = Source(ODD).span(SPACES, SPACES + 2)


def finding(path: str = "a b/ü,{}:%/qna.yaml", **other: Any) -> Finding:
    """Two spaces at the end of ODD's second line."""
    return Finding(
        **{
            "rule": "trailing-spaces",
            "level": "error",
            "path": path,
            "line": AT.line,
            "column": AT.column,
            "end_line": AT.end_line,
            "end_column": AT.end_column,
            "message": "100 % {wrong}, see [this](http://evil.example)\r\n::error::x",
            "help": "Mend it: now.",
            "fix": Fix("delete the spaces", (Edit(SPACES, SPACES + 2, ""),)),
        }
        | other
    )


def said(format: Any, *findings: Finding, text: str | bytes = ODD) -> str:
    data = text.encode() if isinstance(text, str) else text
    return render(format, Report(findings, 1), {finding.path: data for finding in findings})


# GitHub


def commands(output: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as a runner reads them (actions/runner, ActionCommand.cs)."""
    found = []
    for line in output.splitlines():
        name, properties, data = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]
        pairs = dict(pair.split("=", 1) for pair in properties.split(","))
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            pairs = {key: value.replace(code, sign) for key, value in pairs.items()}
            data = data.replace(code, sign) if code not in ("%3A", "%2C") else data
        found.append((name, pairs, data))
    return found


def test_github_commands_survive_odd_characters() -> None:
    one = finding()
    (name, properties, data), *others = commands(said("github", one))
    assert not others
    assert name == "error"
    assert properties == {
        "file": one.path,
        "line": "2",
        "endLine": "2",
        "col": str(one.column),
        "endColumn": str(one.end_column - 1),
        "title": "trailing-spaces",
    }
    assert data.split("\n") == [
        f"{one.path}:2:{one.column}: 100 % {{wrong}}, see [this](http://evil.example)\ufffd\ufffd::error::x",
        "Mend it: now.",
        "`seedbed lint --fix` can: delete the spaces",
    ]


def test_github_shows_errors_first_and_hints_as_notices() -> None:
    levels = [finding(level=level, rule=level) for level in ("hint", "warning", "error")]
    assert [name for name, _, _ in commands(said("github", *levels))] == ["error", "warning", "notice"]


def test_github_gets_no_columns_for_a_place_of_many_lines() -> None:
    ((_, properties, _),) = commands(said("github", finding(end_line=3, end_column=2)))
    assert set(properties) == {"file", "line", "endLine", "title"}
    ((_, properties, _),) = commands(said("github", finding(column=4, end_column=4)))
    assert (properties["col"], properties["endColumn"]) == ("4", "4")


# SARIF


@cache
def sarif_schema() -> Draft4Validator:
    return Draft4Validator(json.loads((DATA / "sarif-2.1.0.json").read_text("utf-8")), format_checker=FormatChecker())


def sarif(*findings: Finding, text: str | bytes = ODD) -> dict[str, Any]:
    log = json.loads(said("sarif", *findings, text=text))
    sarif_schema().validate(log)
    (run,) = log["runs"]
    return dict(run)


def test_sarif_is_valid_and_says_it_all() -> None:
    gone = finding(fix=None, rule="internal-error", level="warning", help="")
    run = sarif(finding(), gone, finding(level="hint", line=1, column=1, end_line=1, end_column=1))
    assert run["columnKind"] == "unicodeCodePoints"
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(rules) == {"trailing-spaces", "internal-error"}
    rule = rules["trailing-spaces"]
    assert rule["help"]["text"] == explanation("trailing-spaces").text()
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert "compat" in rule["properties"]["tags"]
    assert "```yaml" in rule["help"]["markdown"]
    levels = [(result["ruleId"], result["level"]) for result in run["results"]]
    assert levels == [("trailing-spaces", "error"), ("internal-error", "warning"), ("trailing-spaces", "note")]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_places_are_code_points_and_paths_are_uris() -> None:
    (result,) = sarif(finding())["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/%C3%BC%2C%7B%7D%3A%25/qna.yaml"
    column = len('name: "🦆 Entenhaus, 100%: é"') + 1
    assert place["region"] == {"startLine": 2, "startColumn": column, "endLine": 2, "endColumn": column + 2}


def test_sarif_messages_hold_no_placeholders_and_no_links() -> None:
    (result,) = sarif(finding())["results"]
    assert "{{wrong}}" in result["message"]["text"]
    assert "](" not in result["message"]["text"]


def test_sarif_fixes_say_what_they_change() -> None:
    telling = Fix("quote it", (Edit(6, 7, '"1"'),), meaning="the number becomes {text}")
    (result,) = sarif(finding(fix=telling))["results"]
    (fix,) = result["fixes"]
    assert fix["description"]["text"] == "quote it (changes the meaning: the number becomes {{text}})"
    (replacement,) = fix["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"] == {"text": '"1"'}
    assert replacement["deletedRegion"] == {
        "charOffset": 6,
        "charLength": 1,
        "startLine": 1,
        "startColumn": 7,
        "endLine": 1,
        "endColumn": 8,
    }


def test_sarif_gives_no_column_inside_a_line_break() -> None:
    (result,) = sarif(finding(fix=Fix("turn CR LF into LF", (Edit(7, 8, ""),))))["results"]
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["deletedRegion"] == {"charOffset": 7, "charLength": 1}


@pytest.mark.parametrize("other", [{"rename": "b/qna.yaml"}, {"creates": (("b/attribution.txt", "x"),)}])
def test_what_no_edit_can_say_is_left_out(other: dict[str, Any]) -> None:
    both = finding(fix=Fix("do it", (Edit(0, 1, ""),), meaning="m", **other))
    (result,) = sarif(both)["results"]
    assert "fixes" not in result
    (diagnostic,) = rdjson(both)
    assert "suggestions" not in diagnostic
    assert "suggestion" not in diagnostic["message"]


def test_sarif_fingerprints_follow_the_line_and_tell_its_faults_apart() -> None:
    def prints(*findings: Finding, text: str) -> list[str]:
        results = sarif(*findings, text=text)["results"]
        return [result["partialFingerprints"]["seedbedLine/v1"] for result in results]

    before = prints(finding(line=1, end_line=1), finding(line=1, end_line=1), text="a: 1 \nb\n")
    after = prints(finding(line=3, end_line=3), finding(line=3, end_line=3), text="new\nb\n  a: 1 \n")
    assert before == after
    assert len(set(before)) == 2
    assert before[0] not in prints(finding(line=1, end_line=1), text="a: 2 \n")


# Reviewdog


def rdjson(*findings: Finding, text: str | bytes = ODD) -> list[dict[str, Any]]:
    result = json.loads(said("rdjson", *findings, text=text))
    assert set(result) == {"source", "diagnostics"}
    for diagnostic in result["diagnostics"]:
        assert set(diagnostic) - {"suggestions"} == {"message", "location", "severity", "code"}
    return list(result["diagnostics"])


def bytes_at(data: bytes, place: dict[str, dict[str, int]]) -> tuple[int, int]:
    """Byte offsets of an rdjson range."""
    lines = data.split(b"\n")

    def offset(position: dict[str, int]) -> int:
        return sum(len(line) + 1 for line in lines[: position["line"] - 1]) + position["column"] - 1

    return offset(place["start"]), offset(place["end"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_rdjson_places_are_bytes(mark: bytes) -> None:
    data = mark + ODD.encode()
    first = finding(line=1, column=1, end_line=1, end_column=5, level="hint", rule="unknown-rule")
    one, other = rdjson(finding(), first, text=data)
    start, end = bytes_at(data, one["location"]["range"])
    assert data[start:end] == b"  "
    start, end = bytes_at(data, other["location"]["range"])
    assert data[start:end] == b"task"
    assert one["location"]["path"] == finding().path
    assert (one["severity"], other["severity"]) == ("ERROR", "INFO")
    assert one["code"] == {"value": "trailing-spaces"}
    assert other["code"]["value"] == "unknown-rule"


def test_rdjson_counts_lines_as_git_does() -> None:
    (one,) = rdjson(finding(line=2, column=1, end_line=2, end_column=2, fix=None), text="a\rb\nc\n")
    assert one["location"]["range"]["start"] == {"line": 1, "column": 3}
    assert "suggestions" not in one


def test_rdjson_makes_one_suggestion_of_all_edits() -> None:
    fix = Fix("do both", (Edit(15, 15, "x"), Edit(6, 8, "2")), meaning="1 becomes 2")
    (one,) = rdjson(finding(fix=fix))
    (suggestion,) = one["suggestions"]
    start, end = bytes_at(ODD.encode(), suggestion["range"])
    assert (ODD.encode()[:start] + suggestion["text"].encode() + ODD.encode()[end:]).decode() == apply(ODD, fix.edits)
    assert one["message"].endswith("The suggestion changes the meaning: 1 becomes 2.")


TEXTS = st.text(alphabet="ab é🦆\r\n\u2028", max_size=30)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), TEXTS), min_size=1, max_size=3), st.booleans())
def test_a_fix_is_the_same_in_every_format(text: str, raw: list[tuple[int, int, str]], bom: bool) -> None:
    edits, at = [], 0
    for skip, length, new in raw:
        start = min(at + skip, len(text))
        at = min(start + length, len(text))
        edits.append(Edit(start, at, new))
        at += 1
    edits = [edit for edit in edits if edit.start <= edit.end <= len(text)]
    data = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    one = finding(line=1, column=1, end_line=1, end_column=1, fix=Fix("do it", tuple(edits)))
    wanted = (b"\xef\xbb\xbf" if bom else b"") + apply(text, edits).encode()

    (diagnostic,) = rdjson(one, text=data)
    (suggestion,) = diagnostic["suggestions"]
    start, end = bytes_at(data, suggestion["range"])
    assert data[:start] + suggestion["text"].encode() + data[end:] == wanted

    source, mended = Source(text), text
    (result,) = json.loads(said("sarif", one, text=data))["runs"][0]["results"]
    for replacement in reversed(result["fixes"][0]["artifactChanges"][0]["replacements"]):
        region = replacement["deletedRegion"]
        start, end = region["charOffset"], region["charOffset"] + region["charLength"]
        if "startLine" in region:
            assert source.start_of(region["startLine"]) + region["startColumn"] - 1 == start
            assert source.start_of(region["endLine"]) + region["endColumn"] - 1 == end
        mended = mended[:start] + replacement["insertedContent"]["text"] + mended[end:]
    assert mended == apply(text, edits)
