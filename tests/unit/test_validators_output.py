from __future__ import annotations

import json

from tests.unit.leaf_texts import SKILL_PATH, skill, tree
from validators import Edit, Finding, Fix, LintConfig, Report, lint
from validators.output import render, render_json, render_text

COMPAT = LintConfig(select=("compat",))


def shown(finding: Finding, text: str) -> list[str]:
    return render_text(Report((finding,), 1), {finding.path: text.encode()}).splitlines()


def test_text_shows_the_line_a_caret_and_help() -> None:
    finding = Finding("schema-too-few", "error", "p/qna.yaml", 1, 1, 1, 14, "only 4 entries", "Add 1 more.")
    assert shown(finding, "seed_examples:\n  - a\n") == [
        "p/qna.yaml:1:1: error schema-too-few only 4 entries",
        "  1 | seed_examples:",
        "    | ^^^^^^^^^^^^^",
        "  help: Add 1 more.",
        "",
        "1 file checked: 1 error, 0 warnings.",
    ]


def test_text_marks_what_can_be_fixed_and_what_that_changes() -> None:
    silent = Finding("a-b", "warning", "p", 1, 1, 1, 2, "m", fix=Fix("cut it", (Edit(0, 1, ""),)))
    telling = Finding("c-d", "hint", "p", 1, 1, 1, 2, "n", fix=Fix("quote it", (Edit(0, 1, "'7'"),), "", "7 is text"))
    said = render_text(Report((silent, telling), 1), {"p": b"7\n"})
    assert "p:1:1: warning a-b [*] m\n" in said
    assert "\n  --fix: cut it\n" in said
    assert "\n  --fix: quote it (changes the meaning: 7 is text)\n" in said
    assert said.endswith(
        "1 file checked: 0 errors, 1 warning, 1 hint.\n[*] 2 fixable with --fix (1 of them changes the meaning).\n"
    )


def test_nothing_wrong_is_one_line() -> None:
    files = tree(SKILL_PATH, skill())
    assert render_text(lint(files, config=COMPAT), files) == "1 file checked, all good.\n"


def test_hints_ask_for_nothing_so_all_is_good() -> None:
    said = render_text(Report((Finding("a-b", "hint", "p", 1, 1, 1, 2, "m"),), 1), {"p": b"7\n"})
    assert "p:1:1: hint a-b m\n" in said
    assert said.endswith("\n1 file checked, all good, 1 hint.\n")


def test_carets_stand_below_wide_characters() -> None:
    finding = Finding("r", "error", "p", 1, 4, 1, 6, "m")
    assert shown(finding, "日本 ab")[1:3] == ["  1 | 日本 ab", "    |      ^^"]


def test_long_lines_are_cut_around_the_place() -> None:
    finding = Finding("r", "error", "p", 1, 5001, 1, 5002, "m")
    line, carets = shown(finding, "a" * 5000 + "X" + "b" * 5000)[1:3]
    assert len(line) < 120
    assert line[carets.index("^")] == "X"


def test_a_place_of_many_lines_shows_the_first() -> None:
    finding = Finding("r", "error", "p", 9, 4, 13, 3, "m")
    text = "\n" * 8 + "a: |\n  b\n\n  c\n  d\n"
    assert shown(finding, text)[1:-2] == [
        "   9 | a: |",
        "     |    ^",
        "  10 |   b",
        "     |   ^",
        "  11 |",
        "     … and 2 more lines",
    ]
    whole_line = Finding("r", "error", "p", 1, 1, 2, 1, "m")
    assert shown(whole_line, "ab\ncd\n")[1:-2] == ["  1 | ab", "    | ^^"]


def test_nothing_of_a_file_reaches_the_terminal_as_control_characters() -> None:
    finding = Finding(
        "r", "error", "evil\x1b[2J/qna.yaml", 1, 1, 1, 2, "says \x1b[31m\u202e", "\x07", Fix("\x1b", (), "", "\x9b")
    )
    files = {finding.path: b"\x1b]0;x\x07\xff"}
    plain = render_text(Report((finding,), 1), files)
    assert not any(c in plain for c in "\x1b\x07\u202e\x9b")
    colored = render("text", Report((finding,), 1), files, color=True)
    assert "\x1b[1;31merror\x1b[0m" in colored
    assert "[2J" in colored
    assert "\x1b[2J" not in colored
    assert "\u202e" not in colored


def test_a_secret_is_masked_in_every_excerpt_of_its_file() -> None:
    secret = Finding("leaked-secret", "error", "p", 1, 4, 2, 3, "a key (hun…)")
    other = Finding("trailing-spaces", "error", "p", 1, 11, 1, 12, "spaces")
    elsewhere = Finding("trailing-spaces", "error", "q", 1, 1, 1, 4, "spaces")
    said = render_text(Report((secret, other, elsewhere), 1), {"p": b"k: hunter2 \n22 more\n", "q": b"hunter2 \n"})
    assert said.count("  1 | k: *******") == 2
    assert "  2 | ** more\n" in said
    assert said.count("hunter2") == 1
    assert "  1 | hunter2" in said


def test_json_has_the_promised_shape() -> None:
    files = tree(SKILL_PATH, skill().replace("painter-1", "painter-1 "))
    assert json.loads(render_json(lint(files, config=COMPAT))) == {
        "version": 1,
        "summary": {"files": 1, "errors": 1, "warnings": 0},
        "findings": [
            {
                "rule": "trailing-spaces",
                "level": "error",
                "path": SKILL_PATH,
                "line": 2,
                "column": 22,
                "end_line": 2,
                "end_column": 23,
                "message": "spaces at the end of the line",
                "help": "",
                "fixable": True,
                "fix": {"title": "delete the spaces", "meaning": ""},
            }
        ],
    }


def test_json_of_a_finding_that_a_person_must_mend() -> None:
    finding = Finding("r", "hint", "p", 1, 1, 1, 1, "m")
    (said,) = json.loads(render("json", Report((finding,), 1), {}))["findings"]
    assert (said["fixable"], said["fix"]) == (False, None)
