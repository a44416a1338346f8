"""The three generic package names belong to this distribution alone (docs/adr/0002)."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest


@pytest.mark.parametrize("package", ["validators", "pipeline", "bot"])
def test_each_top_level_name_is_ours(package: str) -> None:
    assert set(packages_distributions()[package]) == {"seedbed"}


@pytest.mark.parametrize(
    "statement",
    [
        "import validators",
        "import bot.cli.main, bot.cli.lint",
        "import bot.wiring",
        "import pipeline.build, pipeline.generate",
    ],
)
def test_importing_a_room_loads_no_model_library(statement: str) -> None:
    heavy = "torch vllm transformers ray trl peft"
    code = f"import sys; {statement}; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_linter_needs_pyyaml_and_jsonschema_only() -> None:
    code = """
import sys
import bot.cli.main, bot.cli.lint, validators
print(sorted(set("rich fastapi github dbos pydantic jinja2 requests".split()) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
