"""Evaluation sets that training must not give away: held-out seeds, choices, the general suite, files of others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.evaluate.items import choice_items, heldout_items
from pipeline.evaluate.port import Item
from pipeline.leafdata import LeafDataset
from pipeline.quality.decontamination import EvalItem
from validators import Leaf

MAX_BYTES = 64 << 20
_QUESTIONS = ("question", "prompt", "input")


class EvalSetError(ValueError):
    """A file of evaluation items cannot be used. The message names file and line, and what is wanted."""


def items_of_leaf(leaf: Leaf, dataset: LeafDataset) -> list[EvalItem]:
    """The held-out seeds of a leaf, whatever their split (set "heldout"), and its multiple-choice items ("choices")."""
    seeds = [replace(item, set="heldout") for item in guarded(heldout_items(leaf))]
    return seeds + [replace(item, set="choices") for item in guarded(choice_items(dataset))]


def guarded(items: Iterable[Item]) -> list[EvalItem]:
    """What a model is scored on, each item in the set of its suite."""
    return [EvalItem(item.id, item.suite, item.group, item.question, item.cluster) for item in items]


def read_sets(paths: Sequence[str]) -> list[EvalItem]:
    """The items of JSONL files, each a set by the file's name. Raises `EvalSetError`.

    A line is an object with "question", "prompt" or "input", or a chat under "messages", whose first user turn counts.
    """
    return [item for path in paths for item in _read(Path(path))]


def _read(path: Path) -> list[EvalItem]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EvalSetError(f"{path}: an evaluation set may have {MAX_BYTES >> 20} MiB; split it")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvalSetError(
            f"{path}: the evaluation set cannot be read: {error}; see `eval_sets` in the recipe"
        ) from error
    return [
        EvalItem(f"{path.stem}:{number}", path.stem, path.stem, _question(line, f"{path}:{number}"))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _question(line: str, place: str) -> str:
    try:
        row: dict[str, Any] = json.loads(line)
        turns = [turn["content"] for turn in row.get("messages", ()) if turn["role"] == "user"]
        question = next((row[key] for key in _QUESTIONS if key in row), turns[0] if turns else None)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EvalSetError(f"{place}: not a JSON object with a question: {error}") from error
    if not isinstance(question, str) or not question.strip():
        raise EvalSetError(f'{place}: no text under "question", "prompt", "input" or a user turn of "messages"')
    return question
