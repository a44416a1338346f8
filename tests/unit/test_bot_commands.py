"""Commands in comments: one table for parser, help and permission."""

from __future__ import annotations

import pytest

from bot.commands import COMMANDS, Asked, parse
from bot.forge.memory import MemoryForge
from bot.forge.port import ForgeError, Permission
from bot.permissions import decide
from bot.render.reply import help_text, unknown


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("/lint", ["lint"]),
        ("/LINT", ["lint"]),
        ("  /lint please", ["lint"]),
        ("Thanks!\n/preview\n/lint", ["preview", "lint"]),
        ("/lint\n\n/lint", ["lint"]),
        ("@seedbed preview", ["preview"]),
        ("@Seedbed: /preview", ["preview"]),
        ("@seedbed, help", ["help"]),
        ("- /lint", ["lint"]),
        ("see /lint", []),
        ("> /lint", []),
        ("`/lint`", []),
        ("```\n/lint\n```", []),
        ("    /lint", []),
        ("<!-- \n/lint\n-->", []),
        ("<div>\n/lint\n</div>", []),
        ("# /lint", []),
        ("/usr", []),
        ("/usr/bin/env python", []),
        ("/home/me/lint", []),
        ("@somebody preview", []),
        ("@seedbed", []),
        ("@seedbed thank you for the fast answer", []),
        ("", []),
    ],
)
def test_parse(body: str, names: list[str]) -> None:
    assert [asked.name for asked in parse(body, "seedbed[bot]")] == names


@pytest.mark.parametrize(
    ("body", "nearest"), [("/previw", "preview"), ("/hepl", "help"), ("@seedbed previews", "preview")]
)
def test_a_slip_is_answered_with_the_nearest(body: str, nearest: str) -> None:
    (asked,) = parse(body, "seedbed")
    assert asked.name == ""
    assert asked.nearest == nearest
    assert unknown(asked) == f"`{asked.said}` is not a command here. Did you mean `/{nearest}`? `/help` lists them all."


def test_at_most_ten_commands_of_one_comment() -> None:
    slips = "\n".join(f"/lint{chr(ord('a') + n)}" for n in range(20))
    assert len(parse(slips, "seedbed")) == 10


def test_help_names_every_command_with_who_may_use_it() -> None:
    text = help_text()
    for command in COMMANDS:
        assert f"`{command.usage}`: {command.summary}" in text
        assert parse(command.example, "seedbed") == (Asked(f"/{command.name}", command.name),)
    assert "(maintainers)" in text


@pytest.mark.parametrize(
    ("permission", "allowed"), [("none", False), ("read", False), ("triage", True), ("write", True), ("admin", True)]
)
def test_preview_needs_triage(permission: Permission, allowed: bool) -> None:
    forge = MemoryForge()
    forge.set_permission("ada", permission)
    assert decide(forge, "ada", "triage").allowed is allowed
    assert decide(forge, "ada", "anyone").allowed


def test_no_answer_is_a_denial() -> None:
    class Silent(MemoryForge):
        def permission(self, login: str) -> Permission:
            raise ForgeError("no answer")

    decision = decide(Silent(), "ada", "triage")
    assert not decision.allowed
    assert decision.reason == "unknown"
