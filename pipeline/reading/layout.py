"""From lines and tables on pages to Markdown: reading order, headings by size of letters, paragraphs, lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

HEADING_RATIO = 1.15
"""Letters so many times larger than the body's make a heading."""
HEADING_CHARACTERS = 150
MOST_LEVELS = 4
_PARAGRAPH_GAP = 0.8  # line heights
_GUTTER = 8.0  # points of white between columns
_MARGIN_PAGES = 3
_LIST = re.compile(r"(?:[•▪◦‣·*–—-]|(\d{1,3}[.)]))\s+(?=\S)")
_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b")
_HYPHEN = re.compile(r"(\w)-$")
_UNFINISHED = re.compile(r"[^.!?:;…\"”)\]]$")
_POSES_AS_MARK = re.compile(r"^(#{1,6}\s|```|~~~|>|\|)")


@dataclass(frozen=True, slots=True)
class Box:
    """A place on a page, in points from its upper left corner."""

    x0: float
    top: float
    x1: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text. `size`: of its letters, in points, to the half; `bold`: all of it is."""

    box: Box
    text: str
    size: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table; all rows have the same number of cells."""

    box: Box
    rows: tuple[tuple[str, ...], ...]


Item = Line | Table


@dataclass(frozen=True, slots=True)
class _Block:
    kind: Literal["heading", "prose", "list", "table"]
    text: str
    last: Line | None = None
    level: int = 0


def markdown(pages: Sequence[Sequence[Item]]) -> str:
    """All pages as one Markdown text; what stands at the edge of most pages (running titles, numbers) is left out."""
    ordered = [in_order(page) for page in pages]
    levels = _levels(ordered)
    blocks: list[_Block] = []
    for page in _without_running(ordered, levels):
        fresh = _blocks(page, levels)
        if blocks and fresh and _goes_on(blocks[-1], fresh[0]):
            blocks[-1] = replace(blocks[-1], text=_joined(blocks[-1].text, fresh[0].text), last=fresh[0].last)
            fresh = fresh[1:]
        blocks += fresh
    return "".join(_written(block) for block in blocks).strip() + "\n" if blocks else ""


def in_order(items: Iterable[Item]) -> list[Item]:
    """Items of a page as they are read: columns one after the other, where white parts them all the way down.

    Recursive X-Y cut (Nagy and Seth, 1984): parted at the first white column, else at the widest white row.
    """
    rest: list[list[Item]] = [list(items)]
    done: list[Item] = []
    while rest:
        group = rest.pop()
        halves = _beside(group) or _below(group)
        if halves is None:
            done += sorted(group, key=lambda item: (item.box.top, item.box.x0))
        else:
            rest += [halves[1], halves[0]]
    return done


def _beside(group: list[Item]) -> tuple[list[Item], list[Item]] | None:
    """Two columns, each of two lines at least."""
    ordered = sorted(group, key=lambda item: item.box.x0)
    edge = float("-inf")
    for at, item in enumerate(ordered):
        if at > 1 and len(ordered) - at > 1 and item.box.x0 - edge >= _GUTTER:
            return ordered[:at], ordered[at:]
        edge = max(edge, item.box.x1)
    return None


def _below(group: list[Item]) -> tuple[list[Item], list[Item]] | None:
    """What is above and what below the widest white row; None where columns cannot be told apart that way either."""
    ordered = sorted(group, key=lambda item: item.box.top)
    edge, best, where = float("-inf"), 0.0, 0
    for at, item in enumerate(ordered):
        if at and item.box.top - edge > best:
            best, where = item.box.top - edge, at
        edge = max(edge, item.box.bottom)
    return (ordered[:where], ordered[where:]) if where else None


def _without_running(pages: Sequence[Sequence[Item]], levels: dict[float, int]) -> list[list[Item]]:
    """The pages without what most of them begin or end with."""
    ends = ({_edge(page[0], levels), _edge(page[-1], levels)} for page in pages if page)
    edges = Counter(edge for both in ends for edge in both if edge)
    running = {edge for edge, count in edges.items() if count >= max(_MARGIN_PAGES, len(pages) / 2)}
    return [
        [item for at, item in enumerate(page) if 0 < at < len(page) - 1 or _edge(item, levels) not in running]
        for page in pages
    ]


def _edge(item: Item, levels: dict[float, int]) -> str:
    """What a running title or a page number has in common with that of another page: words and height."""
    if not isinstance(item, Line) or item.size in levels:
        return ""
    return f"{_NUMBERS.sub('#', item.text.lower())} at {item.box.top // 4}"


def _levels(pages: Sequence[Sequence[Item]]) -> dict[float, int]:
    """Heading level by size of letters, of those that are larger than the body's."""
    lines = [item for page in pages for item in page if isinstance(item, Line)]
    weight = Counter[float]()
    for line in lines:
        weight[line.size] += len(line.text)
    body = max(weight, key=lambda size: (weight[size], -size), default=0.0)
    larger = sorted({line.size for line in lines if line.size >= HEADING_RATIO * body}, reverse=True)
    return {size: min(level, MOST_LEVELS) for level, size in enumerate(larger, 1)}


def _blocks(page: Sequence[Item], levels: dict[float, int]) -> list[_Block]:
    found: list[_Block] = []
    for item in page:
        now = found[-1] if found else None
        if isinstance(item, Table):
            found.append(_Block("table", _table(item)))
        elif now and _continues(now, item):
            found[-1] = replace(now, text=_joined(now.text, item.text), last=item)
        elif mark := _LIST.match(item.text):
            found.append(_Block("list", f"{mark[1] or '-'} {item.text[mark.end() :]}", item))
        elif item.size in levels:
            found.append(_Block("heading", item.text, item, levels[item.size]))
        else:
            found.append(_Block("prose", item.text, item))
    below = min(max(levels.values(), default=0), MOST_LEVELS) + 1
    return [_bold_heading(block, below) for block in found]


def _continues(block: _Block, line: Line) -> bool:
    """Whether a line goes on with the block: same letters, right below, in the same column, no new list item."""
    last = block.last
    if last is None or last.size != line.size or _LIST.match(line.text) or last.bold != line.bold:
        return False
    if block.kind == "heading" and len(block.text) > HEADING_CHARACTERS:
        return False
    height = last.box.bottom - last.box.top
    near = -0.5 * height <= line.box.top - last.box.bottom < _PARAGRAPH_GAP * height
    return near and line.box.x0 < last.box.x1 and last.box.x0 < line.box.x1


def _bold_heading(block: _Block, level: int) -> _Block:
    """A short bold line that stands alone is a heading, too."""
    last = block.last
    alone = block.kind == "prose" and last is not None and last.bold and block.text == last.text
    short = len(block.text) <= HEADING_CHARACTERS // 2 and _UNFINISHED.search(block.text)
    return replace(block, kind="heading", level=level) if alone and short else block


def _goes_on(before: _Block, after: _Block) -> bool:
    """Whether a paragraph runs over the end of a page."""
    both = before.kind in ("prose", "list") and after.kind == "prose"
    return bool(both and _UNFINISHED.search(before.text) and after.text[:1].islower())


def _joined(before: str, after: str) -> str:
    """One line after the other; a word that was parted at the line's end is whole again."""
    if _HYPHEN.search(before) and after[:1].islower():
        return before[:-1] + after
    return f"{before} {after}"


def _table(table: Table) -> str:
    rows = [" | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) for row in table.rows]
    ruler = " | ".join("---" for _ in table.rows[0])
    return "\n".join(f"| {row} |" for row in (rows[0], ruler, *rows[1:]))


def _written(block: _Block) -> str:
    if block.kind == "heading":
        return f"{'#' * block.level} {block.text}\n\n"
    if block.kind == "table":
        return f"{block.text}\n\n"
    return f"{_POSES_AS_MARK.sub(lambda mark: chr(92) + mark[0], block.text)}\n\n"
