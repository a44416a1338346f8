"""Where YAML 1.1 reads something else than people write: numbers, comments, escapes and folded lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from validators.content.secretscan import masked
from validators.content.texts import lazy, seed_texts, words
from validators.edits import quoted
from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix
from validators.registry import check, declare
from validators.schema import VERSIONS, load_schema
from validators.yamltree import Node

_GROUPS = ("default", "yaml-values")
SURPRISE = declare(
    "yaml-surprise",
    "warning",
    "A value has the type that it seems to have.",
    *_GROUPS,
    reason="YAML 1.1 reads `no` as false, `190:20:30` as 685230, `012` as 10 and `1.10` as 1.1.",
    example=Example(bad="version: 3.0\n", good="version: 3\n"),
    fixes=True,
)
CUT = declare(
    "text-cut-by-comment",
    "warning",
    "No text is cut off by a `#` that was meant as part of it.",
    *_GROUPS,
    reason="Behind a space, # begins a comment, and the model never sees the rest of the sentence.",
    example=Example(
        bad="  - question: What do I call berth #7 of the harbour?\n    answer: Quillrest, for its quiet.\n",
        good='  - question: "What do I call berth #7 of the harbour?"\n    answer: Quillrest, for its quiet.\n',
    ),
    fixes=True,
)
ESCAPE = declare(
    "literal-escape",
    "warning",
    "A line break is no backslash with an n behind it.",
    *_GROUPS,
    reason="Only inside double quotes \\n is a line break; elsewhere the model learns to write a backslash and an n.",
    example=Example(
        bad="  - question: Name three ferries.\n    answer: Letterbird\\nPatience\\nLantern Line\n",
        good='  - question: Name three ferries.\n    answer: "Letterbird\\nPatience\\nLantern Line"\n',
    ),
    fixes=True,
)
_LIST = """\
  - question: Name three ferries.
    answer: {marker}
      Try these:
      - Letterbird
      - Patience
      - Lantern Line
"""
LINES = declare(
    "lost-line-breaks",
    "warning",
    "A list keeps its lines.",
    *_GROUPS,
    reason="Below `>`, in quotes and in plain text YAML joins lines; the model sees one long line and no list.",
    example=Example(
        bad=_LIST.format(marker=">"),
        good=_LIST.format(marker="|"),
    ),
    fixes=True,
)

_TEXT_KEYS = frozenset(
    words("created_by task_description domain document_outline question answer context repo commit patterns")
)
_KINDS = ((bool, "a truth value"), ((int, float), "a number"), (date, "a date"))
# "\n" and a small letter may be a command such as \nabla, or a path.
_BACKSLASH_N = lazy(r"(?:\\n)+(?![a-z\"'`%);])")
_CODE = lazy(
    r"```|printf|print\(|echo |puts |console\.|regex|#include|def |split\(|join\(|\\[dws(\[]|[{};]\s*$|\\begin|\\frac",
    re.MULTILINE,
)
_LIST_LINE = lazy(r"\n[ \t]*((?:[-*•]|[0-9]{1,2}[.)])[ \t]+[^\n\w]{0,9}\w[^\n]*|\|[^\n]*\|[ \t]*(?=\n))")
_LINES_OF_A_LIST = 2
_MOST_CHARS = 64 * 1024


@check("mapping", SURPRISE)
def surprise(leaf: LeafFile) -> Iterator[Finding]:
    """Values of an unexpected type, where the contract's own rules keep silent about them."""
    if leaf.root is None or leaf.broken:
        return
    version = leaf.root.get("version")
    is_number = version is not None and type(version.value) in (int, float)
    if version and is_number and version.value == leaf.version and version.text != str(leaf.version):
        yield _other_number(leaf, version)
    silent = leaf.version not in VERSIONS or load_schema(leaf.schema_name, leaf.version).get("deprecated")
    for mapping in leaf.nodes:
        for key, value in mapping.entries:
            extra = key.text not in _TEXT_KEYS and mapping.get("question") is not None
            if (silent and key.text in _TEXT_KEYS) or (extra and leaf.schema_name == "knowledge"):
                for node in value.items or (value,):
                    yield from _typed(leaf, node)


def _other_number(leaf: LeafFile, node: Node) -> Finding:
    number = str(leaf.version)
    fix = Fix(
        f"write `{number}`", (Edit(node.start, node.end, number),), meaning=f"the version is the whole number {number}"
    )
    return SURPRISE.at(
        leaf, leaf.span(node), f"{node.text} is another way to write {number}", f"Write `{number}`.", fix=fix
    )


def _typed(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    """A plain scalar that YAML does not read as text."""
    kind = next((name for types, name in _KINDS if isinstance(node.value, types)), "")
    if kind and node.style is None:
        new = quoted(node.text)
        meaning = f"{kind}, {str(node.value)[:40].lower()}, becomes the text {node.text[:40]!r}"
        fix = Fix("put it in quotes", (Edit(node.start, node.end, new),), meaning=meaning)
        message = f"{node.text[:40]} is read as {kind} ({str(node.value)[:40].lower()})"
        yield SURPRISE.at(leaf, leaf.span(node), message, f"If it is text, put it in quotes: {new[:60]}.", fix=fix)


@check("mapping", CUT, ESCAPE, LINES)
def changed_texts(leaf: LeafFile) -> Iterator[Finding]:
    """Texts of which YAML makes something else than their author saw."""
    if leaf.broken:
        return
    text = leaf.source.text
    may_escape = "\\n" in text
    for seed in seed_texts(leaf):
        for node in seed.nodes():
            if node.style is None:
                yield from _cut(leaf, node)
            if may_escape and "\\n" in node.text:
                yield from _escape(leaf, node)
            if node.style != "|" and text.find("\n", node.start, node.end) >= 0:
                yield from _lines(leaf, node)


def _cut(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    """A comment that begins like #7 or #word behind plain text."""
    text = leaf.source.text
    if not text.startswith((" #", "  #", "\t#"), node.end):
        return
    hash_at = text.index("#", node.end)
    end = text.find("\n", hash_at)
    rest = text[hash_at : end if end >= 0 else len(text)].rstrip()
    if not rest[1:2].isalnum() or "\n" in text[node.start : node.end]:
        return
    whole = text[node.start : hash_at] + rest
    fix = Fix(
        "put the text in quotes",
        (Edit(node.start, hash_at + len(rest), quoted(whole)),),
        meaning=f"{masked(rest)[:40]!r} belongs to the text now",
    )
    message = f"{masked(rest)[:40]!r} is read as a comment and is no part of the text"
    yield CUT.at(
        leaf, leaf.source.span(hash_at, hash_at + len(rest)), message, "Put the whole text in quotes.", fix=fix
    )


def _escape(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    """Backslash and n in a text that is no code."""
    found = _BACKSLASH_N().search(node.text)
    if not found or len(node.text) > _MOST_CHARS or _CODE().search(node.text):
        return
    written = leaf.source.text[node.start : node.end]
    sign = "\\\\n" if node.style == '"' else "\\n"
    at = node.start + max(0, written.find(sign))
    message = f"this {sign} is no line break but a backslash and an n"
    remedy = "Put the text below `|`, each line on its own; or use double quotes with \\n."
    yield ESCAPE.at(leaf, leaf.source.span(at, at + len(sign)), message, remedy, fix=_unescaped(node, written))


def _unescaped(node: Node, written: str) -> Fix | None:
    """The text in double quotes, in which the sign is a line break; None where it has several lines."""
    meaning = "each backslash with an n becomes a line break"
    if node.style == '"':
        edits = [
            Edit(node.start + m.start(), node.start + m.end(), m.group()[1:])
            for m in re.finditer(r"(?<!\\)\\\\n(?![a-z])", written)
        ]
        return Fix("make line breaks of them", tuple(edits), meaning=meaning) if edits else None
    if node.style in ("|", ">") or "\n" in written:
        return None
    new = re.sub(r"\\\\n(?![a-z])", r"\\n", node.text.replace("\\", "\\\\").replace('"', '\\"'))
    return Fix("make line breaks of them", (Edit(node.start, node.end, f'"{new}"'),), meaning=meaning)


def _lines(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    """Lines of a list or table that are no lines of the value."""
    written = leaf.source.text[node.start : node.end]
    if len(written) > _MOST_CHARS or (node.style == '"' and "\\" in written):
        return
    found = list(_LIST_LINE().finditer(written + "\n"))
    if len(found) < _LINES_OF_A_LIST:
        return
    kept = {_head(line) for line in node.text.split("\n")}
    lost = [match for match in found if _head(match.group(1)) not in kept]
    if len(lost) < _LINES_OF_A_LIST:
        return
    fix = None
    if node.style == ">":
        meaning = "every line break in the text counts now"
        fix = Fix("write `|` for `>`", (Edit(node.start, node.start + 1, "|"),), meaning=meaning)
    message = f"YAML joins the {len(lost)} lines of this list into one"
    remedy = "Put the text below `|`, which keeps the lines."
    start, end = node.start + lost[0].start(1), node.start + lost[-1].end(1)
    yield LINES.at(leaf, leaf.source.span(start, min(end, node.end)), message, remedy, fix=fix)


def _head(line: str) -> str:
    """The mark of a list's line and its first word."""
    return " ".join(line.split(None, 2)[:2])
