"""The reference pages name what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.cli.main import COMMANDS
from bot.commands import page
from bot.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`SEEDBED_{name.upper()}`" in (DOCS / "reference" / "settings.md").read_text()


def test_no_setting_is_documented_that_is_not_there() -> None:
    named = set(re.findall(r"\| `SEEDBED_([A-Z_]+)`", (DOCS / "reference" / "settings.md").read_text()))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_subcommand_is_documented(name: str) -> None:
    assert f"`seedbed {name}" in (DOCS / "reference" / "command-line.md").read_text()


def test_the_page_of_commands_is_made_from_the_table() -> None:
    """To renew it: `python -m bot.commands.page > docs/reference/commands.md`."""
    assert (DOCS / "reference" / "commands.md").read_text() == page.render()


def test_every_relative_link_leads_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []
