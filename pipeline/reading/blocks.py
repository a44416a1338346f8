"""The blocks of a Markdown or plain text, each with its characters in it: headings, paragraphs, lists, tables, code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from pipeline.reading.markup import plain

Kind = Literal["heading", "prose", "table", "lines", "group", "words"]

_LINE_END = re.compile(r"\r\n?|\n")  # what CommonMark calls a line ending, as the parser counts them
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?:(?!---)[^\n]*\n){0,200}---[ \t]*(?:\n|\Z)")
_SPACE = re.compile(r"\s")
_GROUPS = frozenset({"bullet_list", "ordered_list", "list_item", "blockquote"})
_LINES = frozenset({"fence", "code_block", "html_block"})
TITLE_CHARACTERS = 120
MOST_LINES = 40_000
"""Of a text that is read as Markdown; the parser needs up to 0.1 ms a line, more lines are read as plain text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a text, from its first character to where the next block starts.

    `level`, `title`: of a heading, 1 to 6, and its words. `inner`: blocks of a list, a list item or a quotation.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0
    title: str = ""
    inner: tuple[Block, ...] = ()


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """The outer blocks of a Markdown text (CommonMark and tables), in order, without gaps. Front matter is skipped."""
    if len(_LINE_END.findall(text)) > MOST_LINES:
        return plain_blocks(text)
    front = _FRONT_MATTER.match(text)
    skipped = front.end() if front else 0
    nodes = SyntaxTreeNode(_parser().parse(text[skipped:])).children
    return _spans(nodes, _line_starts(text, skipped), skipped, len(text))


def plain_blocks(text: str) -> tuple[Block, ...]:
    """The paragraphs of a plain text, in order: what blank lines part."""
    starts = [0, *(match.end() for match in re.finditer(r"\n[ \t\r\f]*\n+", text)), len(text)]
    return tuple(Block("prose", start, end) for start, end in pairwise(starts) if start < end)


def parts(text: str, block: Block) -> tuple[Block, ...]:
    """What a block that is too long is cut into: inner blocks, rows and lines, sentences, and at last two halves."""
    if block.kind == "group" and block.inner:
        return block.inner
    if block.kind in ("table", "lines"):
        return _cut(block, (match.end() for match in _LINE_END.finditer(text, block.start, block.end)))
    if block.kind in ("prose", "heading", "group"):
        return _cut(block, (match.end() for match in _SENTENCE_END.finditer(text, block.start, block.end)))
    return _halves(text, block)


def table_head(text: str, block: Block) -> str:
    """The header row of a table, on one line; "" for other blocks."""
    if block.kind != "table":
        return ""
    first = _LINE_END.split(text[block.start : block.end].strip(), maxsplit=1)[0]
    return " ".join(first.split())[: 2 * TITLE_CHARACTERS]


@cache
def _parser() -> MarkdownIt:
    # Without `inline` a paragraph's text is left alone, without `reference` link definitions are text like any other.
    return MarkdownIt("commonmark").enable("table").disable(["inline", "reference"])


def _line_starts(text: str, at: int) -> list[int]:
    return [at, *(match.end() for match in _LINE_END.finditer(text, at)), len(text)]


def _spans(nodes: Sequence[SyntaxTreeNode], lines: Sequence[int], start: int, end: int) -> tuple[Block, ...]:
    """One block for each node; together they cover `start` to `end`, as the parser leaves out what nests too deep."""
    placed = [(node, lines[node.map[0]]) for node in nodes if node.map is not None]
    borders = [start, *(max(at, start) for _, at in placed[1:]), end]
    spans = zip(placed, borders, borders[1:], strict=False)
    return tuple(_block(node, lines, first, last) for (node, _), first, last in spans if first < last)


def _block(node: SyntaxTreeNode, lines: Sequence[int], start: int, end: int) -> Block:
    words = node.children[0].content if node.type == "heading" and node.children else ""
    # A paragraph right above a line of dashes reads as a heading, too: by its length it is none.
    if node.type == "heading" and "\n" not in words and len(words) <= 2 * TITLE_CHARACTERS:
        return Block("heading", start, end, int(node.tag[1]), plain(words)[:TITLE_CHARACTERS])
    if node.type in _GROUPS:
        return Block("group", start, end, inner=_spans(node.children, lines, start, end))
    kind: Kind = "table" if node.type == "table" else "lines" if node.type in _LINES else "prose"
    return Block(kind, start, end)


def _cut(block: Block, ends: Iterator[int]) -> tuple[Block, ...]:
    borders = [block.start, *(at for at in ends if block.start < at < block.end), block.end]
    return tuple(Block("words", start, end) for start, end in pairwise(borders))


def _halves(text: str, block: Block) -> tuple[Block, ...]:
    """Two halves, parted at the space nearest to the middle; in the middle of a word where there is none."""
    middle = (block.start + block.end) // 2
    after = _SPACE.search(text, middle, block.end - 1)
    before = text.rfind(" ", block.start + 1, middle)
    places = [place for place in (after and after.end(), before + 1) if place and block.start < place < block.end]
    at = min(places, key=lambda place: abs(place - middle), default=middle)
    return tuple(Block("words", *span) for span in ((block.start, at), (at, block.end)) if span[0] < span[1])
