from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import validators.engine
from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, knowledge, skill, tree
from validators import Change, Finding, LintConfig, Report, UnknownRule, lint
from validators.leaffile import load
from validators.registry import RULES
from validators.source import Source

COMPAT = LintConfig(select=("compat",))
DECLARED = LintConfig(select=("compat",), schema="declared")


SMALL = "informing-only"
"""What every leaf of this file is told, as most real ones are: few seed examples give no verdict of their own."""


def told(report: Report) -> tuple[Finding, ...]:
    return tuple(finding for finding in report.findings if finding.rule != SMALL)


def rules(report: Report) -> list[str]:
    return [finding.rule for finding in told(report)]


def only(report: Report) -> Finding:
    (finding,) = told(report)
    return finding


def of_skill(text: str | bytes, config: LintConfig = COMPAT) -> Report:
    return lint(tree(SKILL_PATH, text), config=config)


def of_knowledge(text: str, config: LintConfig = COMPAT) -> Report:
    return lint(tree(KNOWLEDGE_PATH, text), config=config)


def test_valid_leaves_have_no_findings_at_all() -> None:
    files = tree(SKILL_PATH, skill()) | tree(KNOWLEDGE_PATH, knowledge())
    report = lint(files, config=LintConfig(select=("all",)))
    assert (told(report), report.files) == ((), 2)
    assert [finding.rule for finding in report.findings] == [SMALL, SMALL]


def test_too_few_seeds_points_at_the_key_and_counts() -> None:
    finding = only(of_skill(skill(seeds=3)))
    assert (finding.rule, finding.line, finding.column, finding.end_column) == ("schema-too-few", 4, 1, 14)
    assert finding.message == "seed_examples has 3 entries; at least 5 are needed"
    assert finding.help == "Add 2 more."


def test_a_misspelt_key_is_named_with_its_right_spelling() -> None:
    report = of_skill(skill().replace("task_description", "task_descripton"))
    missing, unknown = report.findings
    assert missing.rule == "schema-missing-key"
    assert missing.help == "Write the key 'task_descripton' as `task_description`."
    assert (unknown.rule, unknown.line, unknown.column) == ("schema-unknown-key", 3, 1)
    assert unknown.help == "Did you mean `task_description`?"


def test_a_number_for_a_text_says_quote_it() -> None:
    finding = only(of_skill(skill().replace("They give shade 2.", "42")))
    assert (finding.rule, finding.line, finding.column, finding.end_column) == ("schema-type", 10, 13, 15)
    assert finding.message == "seed_examples[3].answer must be text, but 42 is read as a number"
    assert finding.help == 'Put it in quotes: "42".'


@pytest.mark.parametrize(
    ("value", "words"),
    [("yes", "true or false"), ("2024-01-31", "a date"), ("{a: b}", "keys and values"), ("[x]", "list"), ("", "empty")],
)
def test_what_a_wrong_value_is_read_as(value: str, words: str) -> None:
    finding = only(of_skill(skill().replace(" They give shade 2.", f" {value}".rstrip())))
    assert finding.rule == "schema-type"
    assert words in finding.message
    assert finding.line == 10


def test_repeated_seeds_name_the_first() -> None:
    text = skill() + "  - question: What do these paints give, 0 and 1?\n    answer: They give shade 0.\n"
    finding = only(of_skill(text))
    assert (finding.rule, finding.line) == ("schema-duplicate-item", 15)
    assert "line 5" in finding.message


def test_an_empty_text_points_at_its_key() -> None:
    finding = only(of_skill(skill().replace("They give shade 0.", '""')))
    assert (finding.rule, finding.line, finding.column) == ("schema-empty-text", 6, 5)


def test_knowledge_needs_three_pairs_a_context_and_a_document() -> None:
    text = knowledge().replace("      - question: What of lamp 4, part 2?\n        answer: Part 2 is brass.\n", "")
    finding = only(of_knowledge(text))
    assert (finding.rule, finding.line) == ("schema-too-few", 49)
    assert finding.message.startswith("seed_examples[5].questions_and_answers has 2 entries")
    without = knowledge().replace("document:\n", "document: {}\nextra:\n")
    assert set(rules(of_knowledge(without))) == {"schema-missing-key", "schema-unknown-key"}


def test_pairs_of_knowledge_may_hold_further_keys() -> None:
    text = knowledge().replace("answer: Part 2 is brass.", "answer: Part 2 is brass.\n        note: x", 1)
    assert of_knowledge(text).ok


@pytest.mark.parametrize("version", [1, 2])
def test_old_knowledge_is_one_error(version: int) -> None:
    report = of_knowledge(skill(version=version, seeds=5), DECLARED)
    assert rules(report) == ["schema-version"]
    assert "no longer taken" in report.findings[0].message


@pytest.mark.parametrize(
    ("version", "config", "expected"),
    [
        ("3", COMPAT, []),
        ("3", DECLARED, []),
        ("2", DECLARED, []),
        ("2", COMPAT, ["schema-version"]),
        ("9", DECLARED, ["schema-version"]),
        ("0", DECLARED, ["schema-version"]),
        ("3.0", COMPAT, []),
        ('"3"', DECLARED, ["schema-version", "schema-type"]),
        ("three", DECLARED, ["schema-version", "schema-type"]),
        ("yes", DECLARED, ["schema-version", "schema-type"]),
        ("2", LintConfig(select=("compat",), schema=2), []),
        ("3", LintConfig(select=("compat",), schema=7), ["schema-version"]),
    ],
)
def test_versions(version: str, config: LintConfig, expected: list[str]) -> None:
    report = of_skill(skill().replace("version: 3", f"version: {version}"), config)
    assert sorted(rules(report)) == sorted(expected)
    assert all(finding.line == 1 for finding in report.findings)


def test_version_1_is_lenient_when_declared() -> None:
    text = skill(seeds=1, version=None).replace("dark.", "dark.  ") + "  \n"
    assert lint(tree(SKILL_PATH, text, attribution=None), config=DECLARED) == Report((), 1)


def test_whitespace_faults_of_newer_versions() -> None:
    text = "\n\n" + skill().replace("painter-1", "painter-1 ").rstrip("\n")
    found = {(f.rule, f.level, f.line, f.column) for f in of_skill(text).findings}
    assert found == {
        ("empty-lines", "warning", 2, 1),
        ("trailing-spaces", "error", 4, 22),
        ("new-line-at-end-of-file", "error", 16, 31),
    }


def test_windows_line_ends_warn_and_nothing_else() -> None:
    report = of_skill(skill().replace("\n", "\r\n"), LintConfig())
    assert [(f.rule, f.level, f.line) for f in told(report)] == [("new-lines", "warning", 1)]
    assert of_skill(skill().replace("\n", "\r\n")).findings == ()


def test_duplicate_keys() -> None:
    finding = only(of_skill(skill().replace("created_by", "created_by: a\ncreated_by", 1)))
    assert (finding.rule, finding.level, finding.line) == ("duplicate-key", "error", 3)
    assert of_skill(skill(version=1, seeds=1).replace("created_by", "created_by: a\ncreated_by", 1), DECLARED).ok


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("created_by: ", "created_by:  ", "colons"),
        ("created_by: ", "created_by : ", "colons"),
        ("  - question", "  -  question", "hyphens"),
        ("painter-1", "painter-1\nextra: [a ,b]", "commas"),
        ("painter-1", "painter-1\nextra: [  a]", "brackets"),
        ("painter-1", "painter-1\nextra: {a: b  }", "braces"),
        ("seed_examples:", "extra:\n    - x\nseed_examples:", "indentation"),
    ],
)
def test_spacing_only_warns(old: str, new: str, rule: str) -> None:
    text = skill().replace(old, new, 1)
    config = LintConfig(select=("whitespace",))
    if rule == "hyphens":
        text = text.replace("    answer", "     answer", 1)
    found = of_skill(text, config).findings
    assert rule in [f.rule for f in found]
    assert {f.level for f in found} == {"warning"}


def test_attribution_must_lie_beside_and_say_something() -> None:
    missing = only(lint(tree(SKILL_PATH, skill(), attribution=None)))
    assert (missing.rule, missing.path, missing.line) == ("attribution-missing", SKILL_PATH, 1)
    empty = only(lint(tree(SKILL_PATH, skill(), attribution=b"")))
    assert (empty.rule, empty.path) == ("attribution-empty", SKILL_PATH.replace("qna.yaml", "attribution.txt"))


@pytest.mark.parametrize("name", ["qna.yml", "QNA.yaml", "qna.yamil", "colours.yaml"])
def test_a_wrong_name_asks_for_a_rename(name: str) -> None:
    finding = only(lint(tree(SKILL_PATH.replace("qna.yaml", name), skill())))
    assert finding.rule == "file-name"
    assert finding.fix is not None
    assert (finding.fix.title, finding.fix.rename) == ("rename it to qna.yaml", SKILL_PATH)


def test_which_files_are_judged() -> None:
    files = tree(SKILL_PATH, skill()) | {"README.md": b"x", ".github/workflows/ci.yaml": b"a: [", "docs/x.yml": b""}
    assert (rules(lint(files)), lint(files).files) == ([], 1)
    assert lint(files, changed=["README.md", "knowledge/gone/qna.yaml"]) == Report((), 0)
    attribution = SKILL_PATH.replace("qna.yaml", "attribution.txt")
    deleted = {SKILL_PATH: files[SKILL_PATH]}
    assert rules(lint(deleted, changed=[attribution])) == ["attribution-missing"]


def test_foundational_skills_are_judged_by_their_own_version() -> None:
    path = "foundational_skills/reasoning/logic/qna.yaml"
    assert lint(tree(path, skill(seeds=2, version=1), attribution=None)).ok


def test_empty_files_warn_in_compat_and_fail_by_default() -> None:
    for text in ("", "# note\n", "{}\n", "null\n"):
        assert [f.level for f in of_skill(text).findings if f.rule == "empty-file"] == ["warning"]
        assert "empty-leaf" in rules(of_skill(text, LintConfig()))
    assert rules(of_skill("- a\n")) == ["not-a-mapping"]


def test_unreadable_bytes() -> None:
    finding = only(of_skill(b"version: 3\ncreated_by: caf\xe9\n"))
    assert (finding.rule, finding.line, finding.column) == ("encoding", 2, 16)
    assert of_skill(b"\xef\xbb\xbf" + skill().encode()).ok


def test_a_huge_file_is_refused_at_once() -> None:
    data = b"x" * 10_000_000
    started = time.perf_counter()
    finding = only(of_skill(data))
    assert time.perf_counter() - started < 0.05
    assert finding.rule == "file-too-large"


def test_one_unparsable_file_does_not_stop_the_others() -> None:
    files = tree(SKILL_PATH, "a: [\n") | tree(KNOWLEDGE_PATH, knowledge(seeds=4))
    found = {(finding.path, finding.rule) for finding in lint(files, config=COMPAT).findings}
    assert {(SKILL_PATH, "yaml-syntax"), (KNOWLEDGE_PATH, "schema-too-few")} <= found


def test_a_crash_of_ours_is_a_finding_on_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(path: str, files: dict[str, bytes], config: LintConfig, change: Change) -> object:
        if path == SKILL_PATH:
            raise RecursionError("boom")
        return load(path, files, config, change)

    monkeypatch.setattr(validators.engine, "load", explode)
    report = lint(tree(SKILL_PATH, skill()) | tree(KNOWLEDGE_PATH, knowledge(seeds=4)))
    assert rules(report) == ["internal-error", "schema-too-few"]
    assert not report.ok


def test_selection_by_rule_and_group() -> None:
    text = skill(seeds=3).replace("painter-1", "The Painter ")
    assert rules(of_skill(text, LintConfig(select=("schema-too-few",)))) == ["schema-too-few"]
    assert rules(of_skill(text, LintConfig(select=("whitespace",)))) == ["trailing-spaces"]
    assert rules(of_skill(text, LintConfig(ignore=("whitespace", "schema-too-few")))) == ["created-by-login"]
    with pytest.raises(UnknownRule, match="'shapes'"):
        of_skill(text, LintConfig(select=("shapes",)))


def test_rules_beyond_the_reference_are_not_in_compat() -> None:
    text = skill().replace("They give shade 1.", "x <|im_start|>system")
    finding = only(of_skill(text, LintConfig()))
    assert (finding.rule, finding.line, finding.column, finding.end_column) == ("control-token", 8, 15, 27)
    assert of_skill(text).findings == ()
    compat = {rule.id for rule in RULES.values() if "compat" in rule.groups}
    assert len(compat) == 28
    assert not compat & {rule.id for rule in RULES.values() if rule.groups & {"tree", "seeds", "safety", "content"}}


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        (SKILL_PATH, skill().replace("painter-1", "a@b.org"), "created-by-login"),
        (SKILL_PATH, skill(context=True), "grounded-path"),
        ("compositional_skills/grounded/arts/x/qna.yaml", skill(), "grounded-path"),
        ("compositional_skills/arts/Two Words/qna.yaml", skill(), "path-name"),
    ],
)
def test_softer_rules(path: str, text: str, rule: str) -> None:
    report = lint(tree(path, text))
    assert rules(report) == [rule]
    assert report.ok


def test_a_single_seed_cannot_be_held_out() -> None:
    report = of_skill(skill(seeds=1, version=1), LintConfig(schema="declared"))
    assert rules(report) == ["too-few-to-hold-out"]


def test_many_findings_of_a_rule_are_cut_with_a_count() -> None:
    report = of_skill(skill() + "# \n" * 500, LintConfig(select=("trailing-spaces",)))
    assert len(report.findings) == 101
    assert report.findings[-1].message == "400 more of these, up to this line"


def test_findings_are_sorted_and_the_same_for_any_order_of_files() -> None:
    files = tree(SKILL_PATH, skill(seeds=2) + "x: 1 \n") | tree(KNOWLEDGE_PATH, knowledge(seeds=1))
    report = lint(files)
    assert report == lint(dict(reversed(files.items())))
    assert list(report.findings) == sorted(report.findings, key=lambda f: (f.path, f.line, f.column, f.rule))


def test_time_grows_with_bytes() -> None:
    def seconds(seeds: int) -> float:
        files = tree(SKILL_PATH, skill(seeds=seeds))
        started = time.perf_counter()
        lint(files)
        return time.perf_counter() - started

    seconds(10)
    small = min(seconds(200) for _ in range(3))
    assert min(seconds(400) for _ in range(3)) < 3 * small + 0.02


def assert_within_file(report: Report, files: dict[str, bytes]) -> None:
    for finding in report.findings:
        source = Source(files[finding.path].decode("utf-8", "replace").removeprefix("\ufeff"))
        assert 1 <= finding.line <= finding.end_line <= source.line_count
        assert 1 <= finding.column <= len(source.line(finding.line)) + 1
        assert 1 <= finding.end_column <= len(source.line(finding.end_line)) + 1
        assert (finding.line, finding.column) <= (finding.end_line, finding.end_column)


PIECES = st.sampled_from(
    [
        *(line + "\n" for line in skill(2).splitlines()),
        *"[]{}:-?|>&*!%@`'\"#,\n\t ",
        "\r\n",
        "\ufeff",
        "\u2028",
        "a: ",
        "é",
    ]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode())))
def test_no_bytes_crash_the_linter_and_places_lie_in_the_file(data: bytes) -> None:
    for path in (SKILL_PATH, KNOWLEDGE_PATH):
        files = tree(path, data)
        report = lint(files, config=LintConfig(select=("all",)))
        assert "internal-error" not in rules(report)
        assert_within_file(report, files)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 400), st.sampled_from([b"", b"\xff", b":", b"\n", b'"', b"  ", b"\t", b"- ", b"5"]))
def test_a_valid_leaf_broken_anywhere_never_crashes(place: int, piece: bytes) -> None:
    data = knowledge().encode()
    files = tree(KNOWLEDGE_PATH, data[:place] + piece + data[place + 1 :])
    report = lint(files)
    assert "internal-error" not in rules(report)
    assert_within_file(report, files)


def test_importing_validators_is_light() -> None:
    code = (
        "import sys, validators; "
        "bad = {'torch', 'rich', 'requests', 'jsonschema', 'transformers', 'fastapi'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
