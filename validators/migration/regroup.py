"""Flat questions and answers of an old knowledge leaf, put under contexts as version 3 wants them.

The pairs are moved as they are written, comments included; only their indentation changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from validators.content.placeholders import CONTEXT
from validators.migration.lines import Rows, ended, shifted, split
from validators.migration.passages import CONTEXTS, PAIRS, find
from validators.model import Edit
from validators.yamltree import Node

TODO = "# TODO seedbed migrate: "
_DASH = re.compile(r"^[ ]*-(?=\s)", re.MULTILINE)
_PAIR_KEYS = {"question", "answer"}


@dataclass(frozen=True, slots=True)
class Regrouped:
    """The edit that puts the pairs under contexts, and what came of it."""

    edit: Edit
    pairs: int
    contexts: int
    found: int
    """How many of the contexts come from the document."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A flat seed example: `text` is its lines, its key at column `column`."""

    question: str
    answer: str
    column: int
    text: str
    lead: str
    """Comment lines above it."""
    context: str
    """The lines of its own `context`, if it has one."""
    meant: str
    """The value of that context."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Pairs for one context. `context` is its lines at column 0, beginning with the key."""

    context: str
    pairs: tuple[_Pair, ...]
    first: int
    wanting: bool = False


def is_flat(node: Node) -> bool:
    """Whether a seed example is a question and answer without a list of pairs."""
    return node.kind == "mapping" and bool(_PAIR_KEYS & node.value.keys()) and "questions_and_answers" not in node.value


def regroup(text: str, root: Node, document: str) -> Regrouped | None:
    """The edit for `seed_examples`; None where no example is flat, or the list is written with brackets.

    `text` has LF line ends. With a document, pairs go to the passages that answer them; what is left is grouped by
    three, in order, under a placeholder.
    """
    entry = root.entry("seed_examples")
    if not entry or entry[1].kind != "sequence" or entry[1].style or not any(map(is_flat, entry[1].items)):
        return None
    key, seeds = entry
    rows = Rows(text)
    dashes = _dashes(text, rows, key, seeds.items)
    if dashes is None:
        return None
    column = rows.column(dashes[0])
    layout = _Layout(column, column - rows.column(key.start))
    start = rows.after(key.end)
    cut = list(_cut(text, rows, seeds.items, dashes, start))
    flat = [(index, part) for index, part in enumerate(cut) if isinstance(part, _Pair)]
    groups = _grouped(flat, document)
    blocks = [(index, part) for index, part in enumerate(cut) if isinstance(part, str)]
    blocks += [(group.first, layout.block(group)) for group in groups]
    body = layout.head(len(blocks)) + "".join(block for _, block in sorted(blocks))
    end = _tail(text, rows, seeds.items[-1], column)
    found = sum(not group.wanting for group in groups)
    return Regrouped(Edit(start, end, body), len(flat), len(groups), found)


def _cut(text: str, rows: Rows, items: Sequence[Node], dashes: Sequence[int], start: int) -> Iterator[_Pair | str]:
    """Each seed example with its comments: a pair, or the lines of what is grouped already. The list is at `start`."""
    for item, dash in zip(items, dashes, strict=True):
        end = _tail(text, rows, item, rows.column(dashes[0]))
        if is_flat(item):
            yield _pair(text, rows, item, text[start : rows.start(dash)] + _remarks(text[dash + 1 : item.start]), end)
        else:
            yield ended(text[start:end])
        start = end


def _dashes(text: str, rows: Rows, key: Node, items: Sequence[Node]) -> list[int] | None:
    """Index of each item's hyphen; None where one does not begin a line."""
    found = []
    at = rows.after(key.end)
    for item in items:
        match = _DASH.search(text, at, item.start + 1)
        if not match:
            return None
        found.append(match.end() - 1)
        at = rows.after(max(item.end - 1, match.end() - 1))
    return found


def _tail(text: str, rows: Rows, item: Node, column: int) -> int:
    """Index behind an item, the empty lines below it, and comments that stand further in than the hyphens."""
    end = at = rows.after(max(item.end - 1, item.start))
    for line in split(text, at):
        at += len(line)
        said = line.strip()
        if said and not (said.startswith("#") and len(line) - len(line.lstrip(" ")) > column):
            break
        end = at
    return end


def _remarks(text: str) -> str:
    """The comments in a text that holds no value, as lines of their own."""
    return "".join(line[line.index("#") :].rstrip() + "\n" for line in split(text) if "#" in line)


def _pair(text: str, rows: Rows, item: Node, above: str, tail: int) -> _Pair:
    """One flat item, cut out; its own context apart."""
    column = rows.column(item.start)
    chunks = {
        name: " " * (column if first else 0) + ended(text[start:end])
        for name, start, end, first in _chunks(rows, item, tail)
    }
    context = chunks.pop("context", "")
    meant = str(item.value.get("context") or "") if context else ""
    if not meant:
        above += _remarks(context)
    question, answer = (str(item.value.get(name) or "") for name in ("question", "answer"))
    return _Pair(question, answer, column, "".join(chunks.values()), above, context, meant)


def _chunks(rows: Rows, item: Node, tail: int) -> Iterator[tuple[str, int, int, bool]]:
    """(key, start, end, whether it is the first) of each entry's lines; a flow mapping is one piece."""
    if item.style is not None or len({key.text for key, _ in item.entries}) < len(item.entries):
        yield "", item.start, tail, True
        return
    starts = [item.start, *(rows.start(key.start) for key, _ in item.entries[1:])]
    for index, (key, _) in enumerate(item.entries):
        yield key.text, starts[index], starts[index + 1] if index + 1 < len(starts) else tail, index == 0


def _grouped(flat: Sequence[tuple[int, _Pair]], document: str) -> list[_Group]:
    """Pairs by their own contexts, then by passages of the document, then by three in the file's order."""
    own: dict[str, list[tuple[int, _Pair]]] = {}
    rest = []
    for index, pair in flat:
        if pair.meant:
            own.setdefault(pair.meant, []).append((index, pair))
        else:
            rest.append((index, pair))
    groups = [_group(members, _at_zero(members[0][1])) for members in own.values()]
    found, left = (
        find([(pair.question, pair.answer) for _, pair in rest], document) if document else ([], range(len(rest)))
    )
    groups += [_group([rest[i] for i in part.pairs], _literal(part.passage)) for part in found]
    order = list(left)
    for at in range(0, len(order), PAIRS):
        groups.append(_group([rest[i] for i in order[at : at + PAIRS]], _literal(CONTEXT), wanting=True))
    return groups


def _group(members: Sequence[tuple[int, _Pair]], context: str, *, wanting: bool = False) -> _Group:
    return _Group(context, tuple(pair for _, pair in members), members[0][0], wanting)


def _at_zero(pair: _Pair) -> str:
    return shifted(pair.context, -pair.column)


def _literal(passage: str) -> str:
    """`context:` with a text below it, as it is."""
    marker = "|2" if passage[:1].isspace() else "|"
    return f"context: {marker}\n" + shifted(passage + "\n", 2)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand: the hyphens of seed examples, and how far lists are indented below their keys."""

    column: int
    step: int

    def head(self, contexts: int) -> str:
        """What must be said above the first context."""
        lacking = CONTEXTS - contexts
        return self._todo(f"add {counted(lacking, 'more context')}, each with {PAIRS} questions") if lacking > 0 else ""

    def block(self, group: _Group) -> str:
        """One seed example of version 3."""
        keys = self.column + 2
        hyphen = keys + self.step
        todo = []
        if group.wanting:
            todo.append("copy the passage that answers this into the context")
        if len(group.pairs) < PAIRS:
            todo.append(f"add {counted(PAIRS - len(group.pairs), 'more question')}")
        context = shifted(group.context, keys)
        return "".join(
            [
                self._todo(", and ".join(todo)) if todo else "",
                " " * self.column + "- " + context[keys:],
                " " * keys + "questions_and_answers:\n",
                *(_placed(pair, hyphen) for pair in group.pairs),
            ]
        )

    def _todo(self, words: str) -> str:
        return f"{' ' * self.column}{TODO}{words}\n"


def _placed(pair: _Pair, hyphen: int) -> str:
    """A pair's lines behind a hyphen at this column, its comments above it."""
    lead = "".join(" " * hyphen + line.lstrip(" ") if line.strip() else line for line in split(pair.lead))
    body = shifted(pair.text, hyphen + 2 - pair.column)
    return lead + " " * hyphen + "- " + body[hyphen + 2 :]


def counted(number: int, word: str) -> str:
    """A number and what it counts: "1 context", "2 contexts"."""
    return f"{number} {word}{'' if number == 1 else 's'}"
