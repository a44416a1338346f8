"""Documents cut into chunks: by their structure, token-true, each of them a span of its source.

A section (what stands under one heading) is one chunk where it fits, else it is cut between its blocks into chunks of
about the same size. Sections smaller than `low` join their neighbours under the same heading. Tables, code, list items
and paragraphs stay whole unless one alone is longer than a chunk may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pipeline.documents import Document
from pipeline.reading.blocks import Block, markdown_blocks, parts, plain_blocks, table_head
from validators import Seed

LOW, HIGH = 400, 800
"""Tokens of a chunk: enough for several facts, and few enough for one prompt with examples."""

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that a knowledge flow works on as a whole.

    `text`: as it stands in the source, headings and tables kept. `heading`: the path of headings above it, " > "
    between them; of rows of a table that was cut, its header row, too. `start`, `end`: its characters in the source.
    `source`: `repo@commit:path`, or "" for a seed context. `seed`: index of the seed whose context it is, -1 for a
    document. `tokens`: of the teacher, headings included.
    """

    text: str
    heading: str
    start: int
    end: int
    source: str = ""
    seed: int = -1
    tokens: int = 0


def chunk_document(document: Document, count_tokens: Count, *, low: int = LOW, high: int = HIGH) -> tuple[Chunk, ...]:
    """All chunks of a document, file by file. `count_tokens` is asked once for each block, and for parts of long ones.

    The tokens of a chunk are the sum over its blocks, so a tokenizer may need a few less for the whole.
    """
    origin = f"{document.repo}@{document.commit}"
    return tuple(
        replace(chunk, source=f"{origin}:{file.path}")
        for file in document.files
        for chunk in chunk_text(file.text, count_tokens, plain=file.path.lower().endswith(".txt"), low=low, high=high)
    )


def chunk_seeds(seeds: Iterable[Seed], count_tokens: Count) -> tuple[Chunk, ...]:
    """Chunks of the contexts of `seeds`, for a leaf whose document is not at hand. Equal contexts count once."""
    first = {seed.context: seed.index for seed in reversed(list(seeds)) if seed.context.strip()}
    ordered = sorted(first.items(), key=lambda item: item[1])
    return tuple(replace(chunk, seed=index) for text, index in ordered for chunk in chunk_text(text, count_tokens))


def chunk_text(
    text: str, count_tokens: Count, *, plain: bool = False, low: int = LOW, high: int = HIGH
) -> tuple[Chunk, ...]:
    """The chunks of one text, in order. `plain`: it is no Markdown."""
    cutter = _Cutter(text, count_tokens, high)
    sections = _sections(plain_blocks(text) if plain else markdown_blocks(text))
    pieces = [piece for section in sections for piece in cutter.pieces(section)]
    chunks = (cutter.chunk(piece) for piece in cutter.joined(pieces, low))
    return tuple(chunk for chunk in chunks if any(character.isalnum() for character in chunk.text))


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading. `path`: the headings above it. `lead`: those of them right before it."""

    path: tuple[Block, ...]
    lead: tuple[Block, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span on its way to a chunk. `whole`: of whole sections. `head`: of the table whose rows it starts with."""

    start: int
    end: int
    tokens: int
    path: tuple[Block, ...]
    lead: tuple[Block, ...]
    whole: bool
    head: str = ""


def _sections(blocks: Iterable[Block]) -> Iterator[_Section]:
    path: tuple[Block, ...] = ()
    lead: tuple[Block, ...] = ()
    body: list[Block] = []
    for block in blocks:
        if block.kind != "heading":
            body.append(block)
            continue
        if lead and not body and lead[-1].level >= block.level:  # nothing stands under it, so it is text itself
            body, path, lead = [replace(lead[-1], kind="prose")], path[:-1], lead[:-1]
        if body:
            yield _Section(path, lead, tuple(body))
        lead = (block,) if body else (*lead, block)
        path = (*(above for above in path if above.level < block.level), block)
        body = []
    if lead and not body:
        body, path, lead = [replace(lead[-1], kind="prose")], path[:-1], lead[:-1]
    if body:
        yield _Section(path, lead, tuple(body))


class _Cutter:
    """Cuts one text. Counts each block once."""

    def __init__(self, text: str, count_tokens: Count, high: int) -> None:
        self._text, self._count, self._high = text, count_tokens, high
        self._counted: dict[tuple[int, int], int] = {}
        self._headings: dict[tuple[Block, ...], tuple[str, int]] = {}

    def pieces(self, section: _Section) -> list[_Piece]:
        """The section cut into spans of about the same size, none above the limit: one, where it fits."""
        room = self._high - self._heading(section.path)[1]
        fitting = [piece for block in section.blocks for piece in self._fit(block, section, room)]
        total = sum(piece.tokens for piece in fitting)
        if total <= room:
            whole = _Piece(fitting[0].start, fitting[-1].end, total, section.path, section.lead, True)
            return [whole]
        aim = total / -(-total // room)
        packed: list[_Piece] = []
        for piece in fitting:
            now = packed[-1] if packed else None
            if now and now.tokens < aim and now.tokens + self._head(now) + piece.tokens <= room:
                packed[-1] = replace(now, end=piece.end, tokens=now.tokens + piece.tokens)
            else:
                packed.append(piece)
        return packed

    def joined(self, pieces: Iterable[_Piece], low: int) -> list[_Piece]:
        """Whole sections that are small, joined with their neighbours up to the limit."""
        done: list[_Piece] = []
        for piece in pieces:
            both = self._join(done[-1], piece) if done and min(done[-1].tokens, piece.tokens) < low else None
            if both is None:
                done.append(piece)
            else:
                done[-1] = both
        return done

    def chunk(self, piece: _Piece) -> Chunk:
        """The chunk of a span, without blank lines around it."""
        raw = self._text[piece.start : piece.end]
        blank = len(raw) - len(raw.lstrip())
        start = piece.start + max(raw.rfind("\n", 0, blank), raw.rfind("\r", 0, blank)) + 1
        end = max(start, piece.start + len(raw.rstrip()))
        heading, tokens = self._heading(piece.path)
        heading = " > ".join(part for part in (heading, piece.head) if part)
        return Chunk(self._text[start:end], heading, start, end, tokens=piece.tokens + tokens + self._head(piece))

    def _fit(self, block: Block, section: _Section, room: int, head: str = "") -> Iterator[_Piece]:
        tokens = self._tokens(block)
        if tokens <= room or block.end - block.start <= 1:
            yield _Piece(block.start, block.end, tokens, section.path, (), False, head)
            return
        own = head or self._affordable(table_head(self._text, block))
        for part in parts(self._text, block):
            under = own if part.start > block.start else head
            yield from self._fit(part, section, room - (self._count(own) if own else 0), under)

    def _join(self, first: _Piece, second: _Piece) -> _Piece | None:
        """Both in one span under the headings that they share; None where they should not, or do not fit."""
        shared = _shared(first.path, second.path)
        related = shared or max(len(first.path), len(second.path)) <= 1
        named = first.path[len(shared) :]
        own = first.lead[len(first.lead) - len(named) :] if named else ()
        if not (first.whole and second.whole and related and own == named):
            return None
        inside = sum(self._tokens(block) for block in (*own, *second.lead))
        tokens = first.tokens + inside + second.tokens
        if tokens + self._heading(shared)[1] > self._high:
            return None
        start = own[0].start if own else first.start
        return _Piece(start, second.end, tokens, shared, first.lead[: len(first.lead) - len(own)], True)

    def _heading(self, path: tuple[Block, ...]) -> tuple[str, int]:
        """The path in words, and its tokens; without its outer headings where it would take a quarter of a chunk."""
        if path not in self._headings:
            titles = [block.title for block in path if block.title]
            while titles and self._count(" > ".join(titles)) > self._high // 4:
                titles = titles[1:]
            joined = " > ".join(titles)
            self._headings[path] = joined, self._count(joined) if joined else 0
        return self._headings[path]

    def _affordable(self, head: str) -> str:
        return head if head and self._count(head) <= self._high // 4 else ""

    def _head(self, piece: _Piece) -> int:
        return self._count(piece.head) if piece.head else 0

    def _tokens(self, block: Block) -> int:
        span = block.start, block.end
        if span not in self._counted:
            self._counted[span] = self._count(self._text[block.start : block.end])
        return self._counted[span]


def _shared(one: tuple[Block, ...], other: tuple[Block, ...]) -> tuple[Block, ...]:
    pairs = zip(one, other, strict=False)
    same = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    return one[:same]
