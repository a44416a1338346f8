"""What `fix` promises: it mends by editing text, changes no meaning in silence, and comes to rest."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.promises import broken_promise
from validators import Applied, Change, LintConfig, fix, lint
from validators.examples import ATTRIBUTION, GROUNDED, KNOWLEDGE, KNOWLEDGE_PATH, SKILL, SKILL_PATH
from validators.registry import RULES
from validators.rules import load_rules

COMPAT = LintConfig(select=("compat",))


def files(text: str | bytes, path: str = SKILL_PATH) -> dict[str, bytes]:
    data = text.encode() if isinstance(text, str) else text
    return {path: data, path.rpartition("/")[0] + "/attribution.txt": ATTRIBUTION.encode()}


def fixed(text: str, path: str = SKILL_PATH, config: LintConfig = COMPAT) -> str:
    done = fix(files(text, path), config=config)
    assert done.remaining.findings == ()
    return done.files[path].decode()


@pytest.mark.parametrize(("path", "text"), [(SKILL_PATH, SKILL), (KNOWLEDGE_PATH, KNOWLEDGE)])
def test_a_clean_leaf_is_left_alone(path: str, text: str) -> None:
    given = files(text, path)
    done = fix(given, config=LintConfig(select=("all",)))
    assert (done.files, done.edits, done.renamed) == (given, (), {})


def test_comments_order_and_style_stay() -> None:
    text = SKILL.replace("created_by: ada-lovelace\n", "# who\ncreated_by: 'ada-lovelace'   # me\n")
    broken = text.replace("# who\n", "# who   \n").replace("version: 3", "version:  3") + "\n\n"
    assert fixed(broken) == text


def test_several_faults_are_mended_at_once_and_told_in_order() -> None:
    text = SKILL.replace("version: 3\n", "").replace("ada-lovelace\n", "ada-lovelace \n")
    text = text.replace("answer: Letterbird, because it flies from door to door.", "answer: 1837")
    done = fix(files(text), config=COMPAT)
    assert done.remaining.ok
    assert [(a.rule, bool(a.meaning)) for a in done.edits] == [
        ("trailing-spaces", False),
        ("schema-missing-key", True),
        ("schema-type", True),
    ]
    assert yaml.safe_load(done.files[SKILL_PATH])["seed_examples"][0]["answer"] == "1837"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1837", '"1837"'),
        ("no", '"no"'),
        ("2024-01-31", '"2024-01-31"'),
        ("190:20:30", '"190:20:30"'),
        ("1.10", '"1.10"'),
    ],
)
def test_what_yaml_takes_for_something_else_is_quoted_as_it_was_written(value: str, text: str) -> None:
    line = "    answer: Letterbird, because it flies from door to door.\n"
    assert fixed(SKILL.replace(line, f"    answer: {value}  # note\n")) == SKILL.replace(
        line, f"    answer: {text}  # note\n"
    )


def test_an_unknown_key_becomes_a_comment_with_its_text() -> None:
    extra = "    attribution: |\n      Mine.\n\n      All mine.\n"
    line = "    answer: Letterbird, because it flies from door to door.\n"
    result = fixed(SKILL.replace(line, line + extra))
    assert "    # attribution: |\n    #   Mine.\n\n    #   All mine.\n" in result
    assert yaml.safe_load(result) == yaml.safe_load(SKILL)


def test_a_slip_of_a_key_is_mended_only_where_its_name_is_free() -> None:
    assert fixed(SKILL.replace("seed_examples:", "Seed Examples:")) == SKILL
    both = SKILL.replace("created_by: ada-lovelace\n", "created_by: ada-lovelace\ncreated-by: grace\n")
    done = fix(files(both), config=COMPAT)
    assert b"created-by: grace" in done.files[SKILL_PATH]
    assert [f.rule for f in done.remaining.findings] == ["schema-unknown-key"]


def test_the_version_of_old_knowledge_is_not_simply_raised() -> None:
    text = KNOWLEDGE.split("seed_examples:")[0].replace("version: 3", "version: 2")
    text += "seed_examples:\n" + "".join(f"  - question: What is {n}?\n    answer: Number {n}.\n" for n in range(5))
    done = fix(files(text, KNOWLEDGE_PATH), config=COMPAT)
    assert done.edits == ()
    assert "seedbed migrate" in " ".join(f.help for f in done.remaining.findings)


def test_the_author_is_written_where_the_forge_knows_them() -> None:
    config = LintConfig(select=("compat",), author="grace-hopper")
    for line in ("", "created_by:\n", "created_by: \n"):
        result = fixed(SKILL.replace("created_by: ada-lovelace\n", line), config=config)
        assert yaml.safe_load(result)["created_by"] == "grace-hopper"
    assert fix(files(SKILL.replace("created_by: ada-lovelace\n", "")), config=COMPAT).edits == ()


def test_a_misnamed_leaf_is_renamed_and_mended() -> None:
    old = SKILL_PATH.replace("qna.yaml", "qna.yml")
    done = fix(files(SKILL.removesuffix("\n"), old), config=COMPAT)
    assert done.renamed == {old: SKILL_PATH}
    assert done.files[SKILL_PATH].decode() == SKILL
    assert old not in done.files
    assert done.remaining.ok
    assert Applied("file-name", old, 1, "rename it to qna.yaml") in done.edits


def test_nothing_is_renamed_over_another_file() -> None:
    old = SKILL_PATH.replace("qna.yaml", "qna.yml")
    given = files(SKILL, old)
    done = fix(given, config=COMPAT, change=Change(tree=frozenset([SKILL_PATH])))
    assert (done.files, done.renamed) == (given, {})


def test_line_ends_and_byte_order_mark() -> None:
    data = b"\xef\xbb\xbf" + SKILL.replace("\n", "\r\n").encode()
    done = fix(files(data))
    assert done.files[SKILL_PATH] == b"\xef\xbb\xbf" + SKILL.encode()


def test_spaces_inside_a_text_are_deleted_with_a_word_about_it() -> None:
    text = SKILL.replace("answer: Patience would suit", "answer: |\n      Patience  \n      would suit")
    done = fix(files(text), config=COMPAT)
    assert [(a.rule, a.meaning) for a in done.edits] == [
        ("trailing-spaces", "the text loses the spaces at its line's end")
    ]


def test_only_what_is_asked_for_is_mended() -> None:
    given = files(SKILL.removesuffix("\n")) | files(KNOWLEDGE.removesuffix("\n"), KNOWLEDGE_PATH)
    done = fix(given, changed=[SKILL_PATH], config=COMPAT)
    assert done.files[SKILL_PATH].decode() == SKILL
    assert done.files[KNOWLEDGE_PATH] == given[KNOWLEDGE_PATH]
    assert done.remaining.files == 1


def test_entries_that_stand_twice_go_where_enough_are_left() -> None:
    again = "  - question: We teach children to sail in a dinghy; call it what?\n"
    again += "    answer: First Breeze, for the wind that each of them remembers.\n"
    assert fixed(SKILL + again) == SKILL
    four = SKILL.replace(again, "")
    first = four[four.index("  - question") : four.index("  - question: What would")]
    assert fix(files(four + first), config=COMPAT).edits == ()


def test_an_attribution_that_stood_in_the_seed_examples_gets_its_file() -> None:
    said = "    attribution:\n      - source: self-authored\n        license: Apache-2.0\n"
    text = re.sub(r"(    answer: .*\n)", lambda match: match.group(1) + said, SKILL)
    done = fix({SKILL_PATH: text.encode()}, config=COMPAT)
    attribution = SKILL_PATH.replace("qna.yaml", "attribution.txt")
    assert done.files[attribution] == (
        b"Title of work: Own work\nLicense of the work: Apache-2.0\nCreator names: ada-lovelace\n"
    )
    assert done.remaining.ok
    assert yaml.safe_load(done.files[SKILL_PATH]) == yaml.safe_load(SKILL)
    assert "    # attribution:\n    #   - source: self-authored\n" in done.files[SKILL_PATH].decode()
    assert fix(done.files).edits == ()
    known = Change(tree=frozenset([attribution]))
    assert attribution not in fix({SKILL_PATH: text.encode()}, config=COMPAT, change=known).files


def test_more_faults_than_a_report_shows_are_all_mended() -> None:
    text = SKILL + "".join(f"  - question: Say {n}.   \n    answer: The number {n} in full.   \n" for n in range(150))
    assert fixed(text) == text.replace("   \n", "\n")


def test_no_attribution_is_made_up() -> None:
    some = SKILL.replace("door to door.\n", "door to door.\n    attribution:\n      - source: self-authored\n")
    for text in (SKILL, some):
        assert list(fix({SKILL_PATH: text.encode()}, config=COMPAT).files) == [SKILL_PATH]


_SIGNS = ["\t", " ", "\n", "\r\n", "'", '"', ": ", ":", "|", ">", "- ", "-", "#", " # ", "{", "}", "[", "]", ",", "*"]
_WORDS = ["&a ", "!", "%", "@", "\\", "no", "12", "...", "---\n", "question:", "  answer: |", "version: 2\n", "é", "😀"]
_PIECES = st.sampled_from(_SIGNS + _WORDS)
_LEAVES = st.sampled_from([(SKILL_PATH, SKILL), (KNOWLEDGE_PATH, KNOWLEDGE), (SKILL_PATH, GROUNDED)])


@settings(max_examples=150, deadline=None)
@given(_LEAVES, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), _PIECES), min_size=1, max_size=4))
def test_promises_hold_on_leaves_that_are_broken_anywhere(
    leaf: tuple[str, str], breaks: list[tuple[float, int, str]]
) -> None:
    path, text = leaf
    for where, cut, piece in breaks:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + cut :]
    assert broken_promise(path, text.encode()) == ""


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_promises_hold_on_any_bytes(data: bytes) -> None:
    assert broken_promise(SKILL_PATH, data) == ""


def test_a_silent_fix_changes_no_value() -> None:
    load_rules()
    checked = 0
    for rule in RULES.values():
        case = rule.example.case("bad")
        done = fix(case.files, config=LintConfig(select=(rule.id,)), change=case.change)
        silent = bool(done.edits) and not any(applied.meaning for applied in done.edits) and case.path in done.files
        if silent and lint(case.files, changed=[case.path], config=LintConfig(select=("yaml",))).ok:
            assert yaml.safe_load(done.files[case.path]) == yaml.safe_load(case.files[case.path])
            checked += 1
    assert checked >= 5
