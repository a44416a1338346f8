"""The tutorials show what the commands print today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tutorials import played

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorial"


@pytest.mark.parametrize("name", ["first-skill.md", "first-knowledge.md"])
def test_a_tutorial_is_up_to_date(name: str) -> None:
    text = (TUTORIALS / name).read_text(encoding="utf-8")
    assert text.count("```console") >= 4
    assert played(text) == text, f"run: python -m tests.tutorials docs/tutorial/{name}"
