from __future__ import annotations

import json

from tests.unit.leaf_texts import SKILL_PATH, skill, tree
from validators import Finding, Report, lint
from validators.output import render_json, render_text


def test_text_shows_the_line_a_caret_and_help() -> None:
    files = tree(SKILL_PATH, skill(seeds=4).replace("They give shade 1.", "7"))
    assert render_text(lint(files), files) == (
        f"{SKILL_PATH}:4:1: error schema-too-few seed_examples has 4 entries; at least 5 are needed\n"
        "  4 | seed_examples:\n"
        "    | ^^^^^^^^^^^^^\n"
        "  help: Add 1 more.\n"
        "\n"
        f"{SKILL_PATH}:8:13: error schema-type seed_examples[2].answer must be text, but 7 is read as a number\n"
        "  8 |     answer: 7\n"
        "    |             ^\n"
        '  help: Put it in quotes: "7".\n'
        "\n"
        "1 file checked: 2 errors, 0 warnings.\n"
    )


def test_nothing_wrong_is_one_line() -> None:
    files = tree(SKILL_PATH, skill())
    assert render_text(lint(files), files) == "1 file checked, all good.\n"


def test_carets_stand_below_wide_characters() -> None:
    finding = Finding("r", "error", "p", 1, 4, 1, 6, "m")
    lines = render_text(Report((finding,), 1), {"p": "日本 ab".encode()}).splitlines()
    assert lines[1:3] == ["  1 | 日本 ab", "    |      ^^"]


def test_long_lines_are_cut_around_the_place() -> None:
    finding = Finding("r", "error", "p", 1, 5001, 1, 5002, "m")
    text = "a" * 5000 + "X" + "b" * 5000
    line, carets = render_text(Report((finding,), 1), {"p": text.encode()}).splitlines()[1:3]
    assert len(line) < 120
    assert line[carets.index("^")] == "X"


def test_nothing_of_a_file_reaches_the_terminal_as_control_characters() -> None:
    finding = Finding("r", "error", "evil\x1b[2J/qna.yaml", 1, 1, 1, 2, "says \x1b[31m\u202e", help="\x07")
    text = render_text(Report((finding,), 1), {finding.path: b"\x1b]0;x\x07\xff"})
    assert not any(c in text for c in "\x1b\x07\u202e")


def test_json_has_the_promised_shape() -> None:
    files = tree(SKILL_PATH, skill().replace("painter-1", "painter-1 "))
    assert json.loads(render_json(lint(files))) == {
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
            }
        ],
    }
