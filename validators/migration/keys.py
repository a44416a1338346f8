"""Keys that version 3 does not know: misspelt ones are set right, others become comments where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from validators.leaffile import NEWEST
from validators.mends import near_key
from validators.migration.lines import Rows, commented
from validators.model import Edit
from validators.schema import load_schema
from validators.yamltree import Node

# Keys that say that the leaf is of the other kind: as comments they would hide that.
_TELLING = {"document", "document_outline", "questions_and_answers"}
_LONGEST = 40


@dataclass(slots=True)
class KeyEdits:
    """How to edit the keys of one file, what that does in words, and the scalars that become comments."""

    edits: list[Edit] = field(default_factory=list)
    removed: list[Node] = field(default_factory=list)
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def steps(self) -> Iterator[str]:
        """What is done, one sentence for each key."""
        for (old, new), count in self.renamed.items():
            yield f"the key `{old}` is now `{new}`{_times(count)}"
        for (key, where), count in self.dropped.items():
            became = "became comments" if count > 1 else "became a comment"
            yield f"`{key}`{where} {became}{_times(count)}: version {NEWEST} has no such key there"


def key_edits(text: str, root: Node, kind: str, spared: Collection[str] = ()) -> KeyEdits:
    """The edits for a leaf of `kind` (`knowledge` or `compositional_skills`); `spared` keys of the root stay."""
    result = KeyEdits()
    rows = Rows(text)
    for mapping, known, where in _mappings(root, kind):
        _edit(text, rows, mapping, known, where, spared if mapping is root else (), result)
    return result


def as_comment(text: str, rows: Rows, key: Node, value: Node) -> Edit:
    """The edit that turns an entry that has its lines to itself into a comment."""
    start, end = rows.start(key.start), rows.after(max(key.end, value.end) - 1)
    return Edit(start, end, commented(text[start:end], rows.column(key.start)))


def scalars(root: Node) -> Iterator[Node]:
    """Every key and every scalar value of a tree."""
    for node in root.walk():
        if node.kind == "scalar":
            yield node
        yield from (key for key, _ in node.entries)


def _mappings(root: Node, kind: str) -> Iterator[tuple[Node, Collection[str], str]]:
    """(mapping, its known keys, where it is, in words)."""
    top = load_schema(kind, NEWEST)["properties"]
    yield root, top, ""
    document = root.get("document")
    if document and document.kind == "mapping" and "document" in top:
        yield document, top["document"]["properties"], " of document"
    seeds = root.get("seed_examples")
    known = top["seed_examples"]["items"]["properties"]
    for seed in seeds.items if seeds else ():
        if seed.kind == "mapping":
            flat = kind == "knowledge" and "questions_and_answers" not in seed.value
            yield seed, {"question", "answer", "context"} if flat else known, " of a seed example"


def _edit(
    text: str, rows: Rows, mapping: Node, known: Collection[str], where: str, spared: Collection[str], result: KeyEdits
) -> None:
    """Add the edits for one block mapping; a mapping that would have no key left is not touched."""
    if mapping.style is not None:
        return
    wanting = [name for name in known if name not in mapping.value]
    kept: list[Node] = []
    gone: list[tuple[Node, Node]] = []
    renames: list[tuple[Node, str]] = []
    for key, value in mapping.entries:
        right = "" if key.text in known else near_key(key.text, tuple(wanting))
        if right == "version" and not isinstance(value.value, int):
            right = ""  # its value will be replaced, so it must be one that says nothing else
        if right:
            wanting.remove(right)
            renames.append((key, right))
        if right or key.text in known or key.text in spared or key.text in _TELLING:
            kept.append(key)
        else:
            gone.append((key, value))
    if not kept:
        return
    for key, right in renames:
        result.edits.append(Edit(key.start, key.end, right))
        result.renamed[key.text[:_LONGEST], right] += 1
    for key, value in gone:
        result.removed += [key, *scalars(value)]
        result.dropped[key.text[:_LONGEST], where] += 1
    result.edits += _comments(text, rows, mapping, kept[0], gone)


def _comments(
    text: str, rows: Rows, mapping: Node, first_kept: Node, gone: Iterable[tuple[Node, Node]]
) -> Iterator[Edit]:
    """The edits that turn entries into comments; a hyphen before the first moves on to the first that is kept."""
    start = rows.start(mapping.start)
    hyphen = text[start : mapping.start]
    for key, value in gone:
        if key is mapping.entries[0][0] and hyphen.strip():
            end = rows.after(max(key.end, value.end) - 1)
            column = rows.column(mapping.start)
            at = len(hyphen) - len(hyphen.lstrip())
            yield Edit(start, end, commented(" " * column + text[mapping.start : end], column, at))
            yield Edit(rows.start(first_kept.start), first_kept.start, hyphen)
        else:
            yield as_comment(text, rows, key, value)


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""
