"""The harness: its figures, its child, and what is missing named. A stand-in plays `lm_eval`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluate.harness import Figure, HarnessJob, figures_of, run_tasks
from pipeline.evaluate.port import EvaluateError
from tests.building import no_progress

# As `simple_evaluate` of lm-eval 0.4.13 gives them for two tasks.
RESULTS: dict[str, Any] = {
    "results": {
        "arc_easy": {
            "name": "arc_easy",
            "alias": "arc_easy",
            "sample_len": 40,
            "acc,none": 0.5,
            "acc_stderr,none": 0.08,
            "acc_norm,none": 0.45,
            "acc_norm_stderr,none": "N/A",
        },
        "gsm8k": {
            "alias": "gsm8k",
            "sample_len": 10,
            "exact_match,strict-match": 0,
            "exact_match_stderr,strict-match": 0.0,
            "exact_match,flexible-extract": 0.1,
            "exact_match_stderr,flexible-extract": 0.1,
        },
    },
    "n-samples": {"arc_easy": {"original": 2376, "effective": 40}},
}
STAND_IN = """
import json, os
seen = {}
def simple_evaluate(**given):
    manager = given.pop("task_manager")
    if given["tasks"] == ["nothing"]:
        raise KeyError("Spec 'nothing' is not a registered task/group/tag name or valid YAML path")
    if given["tasks"] == ["remote"]:
        raise ConnectionError("Couldn't reach 'x/y' on the Hub (offline mode is enabled)")
    with open(os.environ.get("SEEN", "seen.json"), "w") as out:
        json.dump({**given, "folder": manager.folder, "cwd": os.getcwd(), "hub": os.environ.get("HF_HUB_OFFLINE")}, out)
    return {"results": {"t": {"alias": "t", "sample_len": 3, "acc,none": 2 / 3, "acc_stderr,none": 0.3}}}
"""


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "site" / "lm_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    (package / "tasks.py").write_text(
        "class TaskManager:\n    def __init__(self, include_path):\n        self.folder = include_path\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "lm_eval", raising=False)
    (tmp_path / "tasks").mkdir()
    return tmp_path


def test_figures_are_read_with_their_errors() -> None:
    assert figures_of(RESULTS) == [
        Figure("arc_easy", "acc", 0.5, 0.08, 40),
        Figure("arc_easy", "acc_norm", 0.45, None, 40),
        Figure("gsm8k", "exact_match (flexible-extract)", 0.1, 0.1, 10),
        Figure("gsm8k", "exact_match (strict-match)", 0.0, 0.0, 10),
    ]


def test_tasks_run_in_a_child_beside_their_data(harness: Path) -> None:
    job = HarnessJob(harness / "model", ("t",), folder=harness / "tasks", limit=3)
    assert run_tasks(job, no_progress) == [Figure("t", "acc", 2 / 3, 0.3, 3)]
    given = json.loads((harness / "tasks" / "seen.json").read_text())
    assert given["cwd"] == given["folder"] == str(harness / "tasks")
    assert given["model_args"] == {"pretrained": str(harness / "model"), "dtype": "float32"}
    assert (given["tasks"], given["limit"], given["hub"]) == (["t"], 3, "1")
    assert "lm_eval" not in sys.modules


@pytest.mark.parametrize(
    ("task", "said"), [("nothing", "not a registered task.*ls tasks"), ("remote", "reach.*not at hand.*online")]
)
def test_what_is_missing_is_named_with_a_way_out(harness: Path, task: str, said: str) -> None:
    with pytest.raises(EvaluateError, match=said):
        run_tasks(HarnessJob(harness / "model", (task,)), no_progress)


def test_without_the_harness_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EvaluateError, match=r"not installed.*seedbed\[harness\]"):
        run_tasks(HarnessJob(tmp_path, ("t",)), no_progress)


def test_no_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="no task was named"):
        run_tasks(HarnessJob(tmp_path, ()), no_progress)
