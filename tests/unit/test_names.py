"""The three generic package names belong to this distribution alone (docs/adr/0002)."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bot.cli import doctor

PACKAGES = ("validators", "pipeline", "bot")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_writes_into_ours(package: str) -> None:
    # An editable installation records no packages, so ours may be missing here; somebody else's never is.
    assert set(packages_distributions().get(package, [])) <= {"seedbed"}


def test_the_three_names_lie_side_by_side() -> None:
    folders = {Path(str(import_module(package).__file__)).parents[1] for package in PACKAGES}
    assert len(folders) == 1


def test_the_doctor_sees_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.names().mark == "ok"
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"validators": ["seedbed", "validators"]})
    found = doctor.names()
    assert found.mark == "problem"
    assert "pip uninstall validators" in found.next


@pytest.mark.parametrize(
    "statement",
    [
        "import validators",
        "import bot.cli.main, bot.cli.lint",
        "import bot.wiring",
        "import pipeline.building, pipeline.generate",
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
