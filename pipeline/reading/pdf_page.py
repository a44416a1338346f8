"""Lines and tables of one page of a PDF, with their places, by pdfplumber."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from pipeline.reading.layout import Box, Line, Table

_COLUMN_GAP = 2.0
"""Line heights of space between two words from which on they stand in different columns."""


def tables_of(page: Any) -> list[Table]:
    """Tables with drawn lines: two rows and two columns at least, half of the cells filled."""
    found = []
    for table in page.find_tables():
        rows = [[(cell or "").strip() for cell in row] for row in table.extract()]
        cells = [cell for row in rows for cell in row]
        if len(rows) > 1 and len(rows[0]) > 1 and 2 * sum(map(bool, cells)) >= len(cells):
            found.append(Table(Box(*table.bbox), tuple(map(tuple, rows))))
    return found


def lines_of(page: Any, tables: Sequence[Table]) -> list[Line]:
    """The lines of text outside of `tables`; words far apart on one height are lines of their own."""
    words = [
        word
        for word in page.extract_words(return_chars=True, x_tolerance_ratio=0.15)
        if not any(_inside(word, table.box) for table in tables)
    ]
    return [line for row in _rows(words) for line in _columns(row)]


def _inside(word: dict[str, Any], box: Box) -> bool:
    x, y = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return bool(box.x0 <= x <= box.x1 and box.top <= y <= box.bottom)


def _rows(words: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Words on one height, from top to bottom."""
    row: list[dict[str, Any]] = []
    for word in sorted(words, key=lambda word: (word["top"] + word["bottom"], word["x0"])):
        if row and abs(_middle(word) - _middle(row[0])) > 0.4 * min(_height(word), _height(row[0])):
            yield row
            row = []
        row.append(word)
    if row:
        yield row


def _columns(row: list[dict[str, Any]]) -> Iterator[Line]:
    words = sorted(row, key=lambda word: word["x0"])
    start = 0
    for at in range(1, len(words) + 1):
        if at == len(words) or words[at]["x0"] - words[at - 1]["x1"] > _COLUMN_GAP * _height(words[at]):
            yield _line(words[start:at])
            start = at


def _line(words: list[dict[str, Any]]) -> Line:
    marks = [mark for word in words for mark in word["chars"]]
    bold = all("bold" in str(mark["fontname"]).lower() for mark in marks)
    box = Box(words[0]["x0"], min(w["top"] for w in words), words[-1]["x1"], max(w["bottom"] for w in words))
    return Line(box, " ".join(word["text"] for word in words), round(2 * median(m["size"] for m in marks)) / 2, bold)


def _middle(word: dict[str, Any]) -> float:
    return float(word["top"] + word["bottom"]) / 2


def _height(word: dict[str, Any]) -> float:
    return max(1.0, float(word["bottom"] - word["top"]))
