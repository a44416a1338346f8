"""The general suite: questions that no leaf is about. What the gate guards against forgetting and against harm.

All of it is our own, written for this project and checked twice; docs/reference/general-suite.md describes it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.evaluate.port import Item

FOLDER = Path(__file__).parent.parent / "data" / "general"
CATEGORIES = ("facts", "arithmetic", "format", "safety", "languages", "chat")


class SuiteError(ValueError):
    """The packaged suite is broken. The message names file and line, and what is wrong."""


@cache
def load_general(folder: Path = FOLDER) -> tuple[Item, ...]:
    """The suite in its order: a file a category, `CATEGORY.jsonl`, a line an item, `CATEGORY-NNN` its id.

    A line is `{"question", "answer"}`, with `"choices"` where there are wrong answers to choose from. Raises
    `SuiteError` for a missing file, a line that is none, a question that is asked twice, a reference among its choices.
    """
    items: list[Item] = []
    asked: dict[str, str] = {}
    for category in CATEGORIES:
        path = folder / f"{category}.jsonl"
        for number, line in enumerate(_lines(path), start=1):
            place = f"{path.name}:{number}"
            item = _item(line, category, number, place)
            before = asked.setdefault(plain(item.question), place)
            if before != place:
                raise SuiteError(f"{place}: the question is asked in {before} already; ask something else")
            items.append(item)
    return tuple(items)


def plain(text: str) -> str:
    """A text for comparing: case, white space and punctuation at its end aside."""
    return " ".join(text.casefold().split()).rstrip(" .?!:")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SuiteError(f"{path}: a category of the general suite is missing ({error.strerror}); reinstall") from error


def _item(line: str, category: str, number: int, place: str) -> Item:
    try:
        row: dict[str, Any] = json.loads(line)
        question, answer, choices = row.pop("question"), row.pop("answer"), row.pop("choices", [])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SuiteError(f'{place}: not an object with "question" and "answer": {error}') from error
    texts = [question, answer, *(choices if isinstance(choices, list) else [None])]
    if row or not all(isinstance(text, str) and text.strip() == text and text for text in texts):
        raise SuiteError(f'{place}: wanted are "question", "answer", and a list "choices", texts without outer spaces')
    if len(set(texts[1:])) < len(texts) - 1:
        raise SuiteError(f"{place}: an answer stands among the choices twice, so there is no one right answer")
    return Item(f"{category}-{number:03}", "general", category, question, answer, choices=tuple(choices))
