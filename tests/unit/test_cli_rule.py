from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from bot.cli.main import main
from validators import Finding
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.registry import CHECKS, RULES, check, declare
from validators.rules import load_rules

GITHUB = "ghp" + "_" + "Zq3vT9LmB7xKc2RnW8yJd5FhG4sPaU6eQ1tY"


@pytest.fixture
def odd_rule() -> Iterator[str]:
    """A rule whose example has everything that cannot be shown as it is."""
    load_rules()
    example = Example(bad=f"created_by: ada  \n#\t\u200b\x1b[31m {GITHUB}\n", good="created_by: ada\n")
    rule = declare("odd-rule", "hint", "Nothing is odd.", "oddities", reason="It | is odd.", example=example)

    @check("file", rule)
    def nothing(leaf: LeafFile) -> Iterator[Finding]:
        """Finds nothing."""
        yield from ()

    yield "odd-rule"
    del RULES["odd-rule"]
    CHECKS.pop()


def test_a_rule_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "trailing-spaces"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("trailing-spaces: error, in the groups compat, default, whitespace\n\nNo line ends with")
    assert "\nWrong:\n\n    created_by: ada-lovelace··\n" in said
    assert "\nRight:\n\n    created_by: ada-lovelace\n" in said
    assert "`seedbed lint --fix` mends it" in said
    assert "--ignore trailing-spaces" in said
    assert "      ignore: [trailing-spaces]\n" in said
    assert said.endswith("      levels: {trailing-spaces: warning}\n")


def test_all_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line and not line.startswith("`")]
    assert listed == sorted({*RULES, "cannot-judge", "internal-error", "unreadable"})


def test_a_group_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "whitespace"]) == 0
    said = capsys.readouterr().out
    assert "trailing-spaces          error    [*]  No line ends" in said
    assert "schema-type" not in said


def test_rules_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "schema-type", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == 1
    (rule,) = said["rules"]
    assert (rule["id"], rule["level"], rule["fixes"]) == ("schema-type", "error", True)
    assert set(rule) == {"id", "level", "groups", "summary", "reason", "fixes", "bad", "good", "page"}
    assert rule["page"].endswith("rules.md#schema-type")


def test_a_slip_of_the_pen_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "trailing-space"]) == 2
    assert "'trailing-space'; did you mean trailing-spaces" in capsys.readouterr().err
    assert main(["rule", "qqqqqqqq"]) == 2
    assert "`seedbed rule` lists them all" in capsys.readouterr().err


def test_what_is_no_rule_is_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "unreadable"]) == 0
    assert "cannot be turned off" in capsys.readouterr().out


def test_examples_cannot_steer_a_terminal_or_look_like_a_leak(
    odd_rule: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["rule", odd_rule]) == 0
    said = capsys.readouterr().out
    assert "created_by: ada··\n    #→\\u200b\\x1b[31m ghp_" in said
    assert GITHUB not in said
    assert "\x1b" not in said
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    assert main(["rule", odd_rule]) == 0
    assert capsys.readouterr().out.startswith("\x1b[1modd-rule\x1b[0m: hint")
