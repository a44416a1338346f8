"""The texts of a leaf's seed examples with their places, for rules that read what people wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

from validators.leaffile import LeafFile
from validators.model import Span
from validators.yamltree import Node

MOST = 1000
"""Most findings that a rule looks for in one file: a hostile one must not buy time with their number."""


class Pair(NamedTuple):
    """A question and its answer; None where one is missing or is no scalar."""

    question: Node | None
    answer: Node | None


class SeedTexts(NamedTuple):
    """One seed example: `node` is the whole of it, `pairs` has one entry for a skill."""

    node: Node
    context: Node | None
    pairs: list[Pair]

    def nodes(self) -> Iterator[Node]:
        """Context, questions and answers, as far as they are there."""
        if self.context:
            yield self.context
        for pair in self.pairs:
            if pair.question:
                yield pair.question
            if pair.answer:
                yield pair.answer


_last: tuple[LeafFile | None, list[SeedTexts]] = (None, [])


def lazy(pattern: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    """A pattern that is compiled when it is first called for; most leaves need few of them."""
    return cache(lambda: re.compile(pattern, flags))


def words(text: str) -> tuple[str, ...]:
    """The words of a list that is written as one text."""
    return tuple(text.split())


def seed_texts(leaf: LeafFile) -> list[SeedTexts]:
    """The seed examples that are mappings, in order.

    Several rules ask for those of one leaf in turn, so the last answer is kept.
    """
    global _last
    known, seeds = _last
    if known is not leaf:
        seeds = [_seed(seed) for seed in leaf.seeds()]
        _last = (leaf, seeds)
    return seeds


def _seed(seed: Node) -> SeedTexts:
    answered = seed.get("questions_and_answers")
    pairs = [item for item in answered.items if item.kind == "mapping"] if answered else [seed]
    return SeedTexts(
        seed, _scalar(seed, "context"), [Pair(_scalar(p, "question"), _scalar(p, "answer")) for p in pairs]
    )


def _scalar(node: Node, key: str) -> Node | None:
    found = node.get(key)
    return found if found is not None and found.kind == "scalar" and found.text else None


def place(leaf: LeafFile, node: Node, start: int, end: int) -> Span:
    """Where the characters `start` up to `end` of a scalar's text stand in the file.

    Folded lines and indentation are seen through. Where escapes hide the piece: the scalar as a whole.
    """
    piece = re.compile(r"\s+".join(map(re.escape, node.text[start:end].split())))
    source, first = leaf.source.text, node.start
    if node.style in ("|", ">"):
        first = source.find("\n", node.start, node.end) + 1 or node.end  # its first line is the marker's
    earlier = sum(1 for _ in piece.finditer(node.text, 0, start))
    found = next(islice(piece.finditer(source, first, node.end), earlier, None), None)
    return leaf.source.span(*found.span()) if found and piece.pattern else leaf.span(node)


def matches(leaf: LeafFile, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, text) of each match in the file, comments included; at most MOST of them.

    A match that escapes or folded lines of double quotes make, and that the file's text does not show, is placed
    at its whole scalar.
    """
    text = leaf.source.text
    for match in islice(pattern.finditer(text), MOST):
        yield match.start(), match.end(), match.group()
    for node in escaped(leaf):
        written = text[node.start : node.end]
        for match in islice(pattern.finditer(node.text), MOST):
            if match.group() not in written:
                yield node.start, node.end, match.group()


_last_escaped: tuple[LeafFile | None, list[Node]] = (None, [])


def escaped(leaf: LeafFile) -> list[Node]:
    """Scalars in double quotes that hold a backslash: their values may hold what their text does not show."""
    global _last_escaped
    known, nodes = _last_escaped
    if known is not leaf:
        text = leaf.source.text
        if "\\" in text and '"' in text:
            nodes = [node for node in leaf.nodes if node.style == '"' and "\\" in text[node.start : node.end]]
        else:
            nodes = []
        _last_escaped = (leaf, nodes)
    return nodes
