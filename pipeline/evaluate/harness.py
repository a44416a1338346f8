"""Tasks of EleutherAI's lm-evaluation-harness on a model folder: figures to look at, which decide nothing.

Wanted is the extra `harness` (`lm_eval` from 0.4.9 on), and the tasks' data: from the hub, from the harness's cache, or
beside the tasks in a folder, as `seedbed export --format lm-eval` writes them. It runs in a child process.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.child import ChildDied, ChildError, run
from pipeline.evaluate.port import BATCH_ROWS, EvaluateError, Progress

INSTALL = "pip install 'seedbed[harness]'"
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one task. `error`: its standard error, None where the harness has none; `n`: questions."""

    task: str
    metric: str
    value: float
    error: float | None
    n: int


@dataclass(frozen=True, slots=True)
class HarnessJob:
    """What to run on `model`. `tasks`: names of tasks, groups or tags; `folder`: where tasks of our own lie.

    `limit`: so many questions of each task; None for all. `online`: data may be fetched from the hub. The model's chat
    template is applied where `chat`.
    """

    model: Path
    tasks: Sequence[str]
    folder: Path | None = None
    limit: int | None = None
    shots: int | None = None
    chat: bool = False
    online: bool = False
    batch: int = BATCH_ROWS
    device: str = "cpu"


def run_tasks(job: HarnessJob, progress: Progress) -> list[Figure]:
    """The figures of each task, sorted by task and metric. Raises `EvaluateError`, which says what is missing."""
    if not job.tasks:
        raise EvaluateError("no task was named; `lm_eval ls tasks` lists what there is")
    if not installed():
        raise EvaluateError(f"lm-evaluation-harness is not installed, so no task of it can run; {INSTALL}")
    folder = str(job.folder.resolve()) if job.folder else None
    payload = asdict(job) | {"model": str(job.model.resolve()), "folder": folder}
    progress(f"lm-eval: {', '.join(job.tasks)}", 0.0)
    try:
        result = run("pipeline.evaluate.harness:evaluate", payload, env=None if job.online else _OFFLINE)
    except (ChildError, ChildDied) as error:
        why = str(error).rstrip(".")
        raise EvaluateError(f"lm-eval on {job.model} stopped: {why}. {_advice(error, job)}") from error
    progress("lm-eval: done", 1.0)
    return [Figure(**figure) for figure in result["figures"]]


def installed() -> bool:
    """Whether the harness can be imported."""
    return importlib.util.find_spec("lm_eval") is not None


def evaluate(payload: dict[str, Any], _emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """In the child: `payload` has the fields of `HarnessJob`. Returns `{"figures": [fields of `Figure`]}`."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    if payload["folder"]:
        os.chdir(payload["folder"])  # exported tasks name their data relative to themselves
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": payload["model"], "dtype": "float32"},
        tasks=list(payload["tasks"]),
        num_fewshot=payload["shots"],
        batch_size=payload["batch"],
        device=payload["device"],
        limit=payload["limit"],
        log_samples=False,
        apply_chat_template=payload["chat"],
        task_manager=TaskManager(include_path=payload["folder"]),
    )
    return {"figures": [asdict(figure) for figure in figures_of(results)]}


def figures_of(results: Mapping[str, Any]) -> list[Figure]:
    """The figures in what `simple_evaluate` returned: under "results", `METRIC,FILTER` with `METRIC_stderr,FILTER`.

    Metrics of the filter "none" go by their names alone, others by both. What is no number is left out.
    """
    counts = results.get("n-samples", {})
    found = []
    for task, row in results["results"].items():
        for name, value in row.items():
            metric, _, chosen = name.partition(",")
            if not chosen or metric.endswith("_stderr") or not _is_number(value):
                continue
            error = row.get(f"{metric}_stderr,{chosen}")
            n = int(counts.get(task, {}).get("effective", row.get("sample_len", 0)))
            label = metric if chosen == "none" else f"{metric} ({chosen})"
            found.append(Figure(task, label, float(value), float(error) if _is_number(error) else None, n))
    return sorted(found, key=lambda figure: (figure.task, figure.metric))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _advice(error: ChildError | ChildDied, job: HarnessJob) -> str:
    said = str(error).lower()
    if "not a registered task" in said or "tasks not found" in said:
        return "`lm_eval ls tasks` lists the names; for tasks of your own, name their folder."
    if not job.online and any(word in said for word in ("offline", "connection", "couldn't reach", "localentry")):
        return "Its data are not at hand: allow the hub (online), or put them into the cache first."
    return "Run `lm_eval` by hand with the same task to see more."
