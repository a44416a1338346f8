"""What others could bring in by our own tools: workflows, dependencies, model files that run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("taxonomy-template/.github/workflows/*.yml")]
SOURCES = [path for folder in ("bot", "pipeline", "validators") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_workflows_may_little_and_run_what_was_read(path: Path) -> None:
    plain = yaml.safe_load(path.read_text())
    granted = [plain["permissions"], *(job.get("permissions", {}) for job in plain["jobs"].values())]
    assert all(level == "read" for rights in granted for level in rights.values())
    assert "pull_request_target" not in str(plain[True])  # YAML 1.1 reads the key `on` as true
    uses = re.findall(r"uses: *(\S+)", path.read_text())
    assert uses
    assert [name for name in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name)] == []
    checkouts = [step for job in plain["jobs"].values() for step in job["steps"] if "checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def test_no_model_brings_code() -> None:
    """Pickles run when they are read, and `trust_remote_code` runs what lies beside the weights."""
    wrong: list[tuple[str, int, Any]] = []
    for path, call in calls():
        function = ast.unparse(call.func)
        trusts = any(k.arg == "trust_remote_code" and ast.unparse(k.value) != "False" for k in call.keywords)
        loads = function in ("torch.load", "pickle.load", "pickle.loads", "joblib.load")
        if trusts or loads:
            wrong.append((path.name, call.lineno, function))
    assert wrong == []


def test_certificates_are_always_checked() -> None:
    wrong = [
        (path.name, call.lineno)
        for path, call in calls()
        if ast.unparse(call.func).endswith(("_create_unverified_context", "disable_warnings"))
        or any(k.arg == "verify" and ast.unparse(k.value) == "False" for k in call.keywords)
    ]
    assert wrong == []


def test_git_is_reached_through_our_own_wrapper_alone() -> None:
    """GitPython has a history of injections by options and URLs."""
    project = (ROOT / "pyproject.toml").read_text()
    assert "gitpython" not in project.lower()
    imports = {
        name.name.partition(".")[0]
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imports.isdisjoint({"git", "pickle", "marshal", "shelve"})
