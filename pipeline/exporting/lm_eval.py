"""The folder `lm-eval/`: held-out multiple-choice items of each leaf as a task for EleutherAI's lm-evaluation-harness.

The prompt is that of InstructLab's `mmlu_pr` tasks: question, options, "Answer:"; the likeliest option counts. Paths
are relative to the folder, so that it can be moved: run the harness in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline.choices import LETTERS, parse_choice
from pipeline.exporting.encodable import json_line
from pipeline.leafdata import LeafDataset
from pipeline.samples import Sample

FOLDER = "lm-eval"
TAGS = ("seedbed", "mmlu_pr")
VERSION = 1.0  # of the task's form; the harness reports it


def write(datasets: Collection[LeafDataset], folder: Path) -> dict[str, int]:
    """Write below `folder` a YAML and a JSONL for each leaf that has items; items by JSONL file. Raises `OSError`."""
    counts: dict[str, int] = {}
    target = folder / FOLDER
    target.mkdir(parents=True)
    for dataset in datasets:
        name = task_name(dataset.leaf)
        if f"{FOLDER}/{name}.jsonl" in counts:
            name = f"{name}_{dataset.leaf_key[:8]}"  # `a-b` and `a_b` are two leaves
        rows = items(dataset)
        if rows:
            (target / f"{name}.jsonl").write_bytes(b"".join(map(json_line, rows)))
            (target / f"{name}.yaml").write_text(task(dataset.leaf, name), encoding="utf-8")
            counts[f"{FOLDER}/{name}.jsonl"] = len(rows)
            counts[f"{FOLDER}/{name}.yaml"] = 1
    return counts


def items(dataset: LeafDataset) -> list[dict[str, Any]]:
    """The leaf's items by id, each question once. `closed_book`: whether the teacher knew it without the document."""
    rows: dict[str, dict[str, Any]] = {}
    for sample in sorted(dataset.choices, key=lambda sample: sample.id):
        rows.setdefault(sample.question, _item(sample))
    return list(rows.values())


def task_name(leaf: str) -> str:
    """What the harness calls a leaf: "seedbed_knowledge_technology_ostrel_clock"."""
    return "seedbed_" + re.sub(r"[^a-z0-9]+", "_", leaf.lower()).strip("_")


def task(leaf: str, name: str) -> str:
    """The YAML of a task."""
    import yaml

    options = [f"{letter}. {{{{choices[{at}]}}}}" for at, letter in enumerate(LETTERS)]
    config = {
        "task": name,
        "task_alias": leaf,
        "tag": [*TAGS, *branches(leaf)],
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "\n".join(["{{question}}", *options, "Answer:"]),
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm")
        ],
        "metadata": {"version": VERSION},
    }
    return str(yaml.safe_dump(config, sort_keys=False, width=120))


def branches(leaf: str) -> list[str]:
    """A tag for each folder above a leaf, so that a branch can be run alone: "seedbed_below_knowledge"."""
    folders = leaf.split("/")[:-1]
    return [task_name("/".join(["below", *folders[:depth]])) for depth in range(1, len(folders) + 1)]


def _item(sample: Sample) -> dict[str, Any]:
    choice = parse_choice(sample.question, sample.answer)
    return {
        "id": sample.id,
        "subject": sample.leaf,
        "question": choice.question,
        "choices": list(choice.options),
        "answer": choice.right,
        "open_book": sample.scores.get("open_book"),
        "closed_book": sample.scores.get("closed_book"),
    }
