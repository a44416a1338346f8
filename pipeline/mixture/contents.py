"""What a mixture holds, and how it differs from another: as data, and in words for the card and the page."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.tokens import estimate

ANCHORS = "anchors"  # the name under which rows without a leaf are counted
SHOWN = 20  # leaves by name in the text


@dataclass(frozen=True, slots=True)
class LeafContents:
    """The rows of one leaf: `ids`, rows by `sources`, and about how many `tokens` they say, template aside."""

    ids: frozenset[str]
    sources: Mapping[str, int]
    tokens: int

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.ids)


Contents = Mapping[str, LeafContents]
"""By leaf, anchors under "anchors"."""


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf in two mixtures: its rows and tokens before and after, and how many rows `came` and `went`."""

    leaf: str
    rows_before: int
    rows_after: int
    tokens_before: int
    tokens_after: int
    came: int
    went: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Two mixtures compared, by leaf: those that came, went, changed rows; how many stayed as they were. `before` and
    `after`: [leaves, rows, tokens] of each."""

    came: tuple[Change, ...]
    went: tuple[Change, ...]
    changed: tuple[Change, ...]
    same: int
    before: tuple[int, int, int]
    after: tuple[int, int, int]

    def to_json(self) -> dict[str, Any]:
        """All of it; the same difference gives the same bytes."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return fields

    def to_markdown(self) -> str:
        """A table, for the card and the page. Leaves' paths are theirs: a backtick in one cannot end its cell."""
        if not (self.came or self.went or self.changed):
            return f"The mixture is the last one: {self.after[1]} rows of {self.after[0]} leaves.\n"
        lines = [
            f"{self.before[1]} rows of {self.before[0]} leaves before, {self.after[1]} of {self.after[0]} now "
            f"(about {self.before[2]} and {self.after[2]} tokens). {self.same} stayed as they were.",
            "",
            "| leaf | | rows | rows that came | rows that went | tokens, about |",
            "|---|---|---|---|---|---|",
        ]
        told = [(change, word) for word in ("came", "went", "changed") for change in getattr(self, word)]
        lines += [_line(change, word) for change, word in told[:SHOWN]]
        if len(told) > SHOWN:
            lines += ["", f"And {len(told) - SHOWN} more leaves."]
        return "\n".join(lines) + "\n"


def contents(data: bytes, count: Callable[[str], int] = estimate) -> Contents:
    """What a mixture's JSONL holds. `count`: tokens of a text; a quarter of its characters without a tokenizer."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in data.split(b"\n"):
        if line:
            row = json.loads(line)
            rows[row["leaf"] or ANCHORS].append(row)
    return {leaf: _contents(rows[leaf], count) for leaf in sorted(rows)}


def difference(before: Contents, after: Contents) -> Difference:
    """What came and went between two mixtures; {} for before the first one."""
    changes = [_change(leaf, before.get(leaf), after.get(leaf)) for leaf in sorted({*before, *after})]
    return Difference(
        came=tuple(change for change in changes if change.leaf not in before),
        went=tuple(change for change in changes if change.leaf not in after),
        changed=tuple(c for c in changes if c.leaf in before and c.leaf in after and (c.came or c.went)),
        same=sum(not (change.came or change.went) for change in changes),
        before=_sums(before),
        after=_sums(after),
    )


def _contents(rows: Iterable[Mapping[str, Any]], count: Callable[[str], int]) -> LeafContents:
    ids: set[str] = set()
    sources: defaultdict[str, int] = defaultdict(int)
    tokens = 0
    for row in rows:
        ids.add(row["id"])
        sources[row["source"]] += 1
        tokens += sum(count(message["content"]) for message in row["messages"])
    return LeafContents(frozenset(ids), dict(sorted(sources.items())), tokens)


def _change(leaf: str, before: LeafContents | None, after: LeafContents | None) -> Change:
    old, new = before or _NOTHING, after or _NOTHING
    return Change(
        leaf, old.rows, new.rows, old.tokens, new.tokens, came=len(new.ids - old.ids), went=len(old.ids - new.ids)
    )


def _sums(mixture: Contents) -> tuple[int, int, int]:
    leaves = [entry for leaf, entry in mixture.items() if leaf != ANCHORS]
    return len(leaves), sum(e.rows for e in mixture.values()), sum(e.tokens for e in mixture.values())


def _line(change: Change, word: str) -> str:
    rows = f"{change.rows_before} → {change.rows_after}"
    tokens = f"{change.tokens_before} → {change.tokens_after}"
    name = change.leaf.replace("`", "'").replace("|", "\\|")
    return f"| `{name}` | {word} | {rows} | {change.came} | {change.went} | {tokens} |"


_NOTHING = LeafContents(frozenset(), {}, 0)
