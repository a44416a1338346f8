"""YAML into a tree of nodes that know their places, safe on hostile input.

The tree is built from the parser's event stream, without recursion, while a guard counts. So an alias bomb, deep
nesting or a million nodes stops after a few events and before anything is composed. Aliases, anchors, tags, merge
keys and several documents are refused: a leaf has no use for them, and each has been used to attack YAML readers
(CVE-2019-11253 and its kin). Values follow YAML 1.1 as the reference reads it: `yes` is a boolean, `2024-01-31` a date.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from validators.limits import LIMITS, Limits
from validators.model import Edit, Fix
from validators.source import Source
from validators.yamlhelp import Problem, explain

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = yaml.resolver.Resolver()
_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
# What YAML 1.1 calls printable; everything else stops every YAML reader.
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = {"int": "number", "float": "number", "timestamp": "date"}
_BLOCK_HEAD = re.compile(r"[|>][-+0-9]*")
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)

Kind = Literal["scalar", "sequence", "mapping"]


class YamlError(Exception):
    """The text cannot be read as one safe YAML document; `problem` says what, where and how to mend it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class Node:
    """One value with its place: characters `start` up to, not including, `end`."""

    kind: Kind
    start: int
    end: int
    value: Any = None
    """The plain Python value; for a collection, of everything inside it."""
    text: str = ""
    """A scalar as text, whatever type its value has."""
    style: str | None = None
    """The scalar's quote or block marker: ', ", |, > or None; "{" or "[" for a flow collection."""
    entries: list[tuple[Node, Node]] = field(default_factory=list)
    """Keys and values of a mapping, in order, repeated keys included."""
    items: list[Node] = field(default_factory=list)
    _index: dict[tuple[type, object], tuple[Node, Node]] = field(default_factory=dict, repr=False, compare=False)

    def get(self, key: object) -> Node | None:
        """The value under `key` (the last one, as YAML readers take it), or None."""
        found = self.entry(key)
        return found[1] if found else None

    def entry(self, key: object) -> tuple[Node, Node] | None:
        """Key node and value node under `key`, or None. True and 1 are different keys."""
        return self._index.get((type(key), key))

    def add(self, key: Node, value: Node) -> None:
        """One more entry of a mapping."""
        self.entries.append((key, value))
        self.value[key.value] = value.value
        self._index[type(key.value), key.value] = (key, value)

    def repeated(self) -> Iterator[list[tuple[Node, Node]]]:
        """The entries with keys that are written alike, two or more each time."""
        alike: dict[str, list[tuple[Node, Node]]] = {}
        for entry in self.entries:
            alike.setdefault(entry[0].text, []).append(entry)
        return (entries for entries in alike.values() if len(entries) > 1)

    def walk(self) -> Iterator[Node]:
        """This node and all below it (values, not keys), in the file's order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.items or [value for _, value in node.entries]))


def parse(source: Source, limits: Limits = LIMITS) -> Node | None:
    """The root of the only document in `source`, or None where there is none. Raises YamlError."""
    _refuse_early(source.text, limits)
    builder = _Builder(source, limits)
    try:
        # A copy without a byte order mark has the same indexes: Source never holds one.
        for event in yaml.parse(source.text, Loader=_LOADER):
            builder.feed(event)
    except yaml.YAMLError as error:
        raise YamlError(explain(error, source)) from None
    if builder.root is not None:
        _refuse_tabs(builder.root, source.text)
        _refuse_block_heads(builder.root, source.text)
    return builder.root


def _refuse_tabs(root: Node, text: str) -> None:
    """Tabs outside of quotes, blocks and comments: libyaml takes them for spaces, other YAML readers stop there."""
    at = text.find("\t")
    if at < 0:
        return
    scalars = sorted((node.start, _line_end(node, text), node.style) for node in _scalars(root))
    starts = [start for start, _, _ in scalars]
    while at >= 0:
        place = bisect_right(starts, at) - 1
        inside = place >= 0 and at < scalars[place][1]
        comment = "#" in text[text.rfind("\n", 0, at) + 1 : at] and not inside
        if not comment and not (inside and scalars[place][2] and text[scalars[place][0] : at].strip("|>+-0123456789")):
            raise YamlError(_tab(text, at))
        at = text.find("\t", at + 1)


def _line_end(node: Node, text: str) -> int:
    """Where a scalar ends; a block's last line with all its spaces."""
    if node.style not in ("|", ">"):
        return node.end
    end = text.find("\n", node.end)
    return len(text) if end < 0 else end


def _scalars(root: Node) -> Iterator[Node]:
    for node in root.walk():
        yield from (key for key, _ in node.entries)
        if node.kind == "scalar":
            yield node


def _tab(text: str, at: int) -> Problem:
    end = at + len(text[at:]) - len(text[at:].lstrip("\t"))
    last = text[end : end + 1] in ("\n", "\r", "")
    fix = Fix("delete the tab" if last else "write a space", (Edit(at, end, "" if last else " "),))
    message = "a tab stands where YAML takes only spaces"
    return Problem("yaml-syntax", message, "Write spaces, or put the whole text in quotes.", at, end, fix)


def _refuse_block_heads(root: Node, text: str) -> None:
    """`|#` without a space between: libyaml takes it, other YAML readers stop there."""
    for node in root.walk():
        if node.style in ("|", ">"):
            rest = _BLOCK_HEAD.match(text, node.start)
            if rest and rest.end() < len(text) and text[rest.end()] == "#":
                message = "text stands on the line of the block marker"
                raise YamlError(
                    Problem("yaml-syntax", message, "Put the text on the next line.", rest.end(), rest.end())
                )


def _refuse_early(text: str, limits: Limits) -> None:
    """Faults that a look at the characters finds before the parser runs."""
    bad = UNPRINTABLE.search(text)
    if bad:
        message = f"the character U+{ord(bad.group()):04X} is not allowed in YAML"
        raise YamlError(Problem("yaml-character", message, "Delete it; it often comes with copied text.", *bad.span()))
    directives = list(_TAG_DIRECTIVE.finditer(text))
    if len(directives) > limits.tag_directives:
        raise _unsafe("%TAG directives are not allowed", "Delete these lines.", directives[0].start())


def _unsafe(message: str, remedy: str, start: int, end: int | None = None) -> YamlError:
    return YamlError(Problem("yaml-unsafe", message, remedy, start, start if end is None else end))


class _Builder:
    """Takes events, keeps the open collections on a stack, and counts."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.root: Node | None = None
        self._source = source
        self._limits = limits
        self._open: list[Node] = []
        self._keys: list[Node | None] = []
        self._nodes = 0
        self._documents = 0
        self._constructor: Any = yaml.constructor.SafeConstructor()

    def feed(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.NodeEvent):
            self._guard(event, start, end)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._finish(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                remedy = "Keep one document in the file; delete the `---` line, or indent it if it is text."
                raise _unsafe("a second YAML document starts here", remedy, start)

    def _guard(self, event: Any, start: int, end: int) -> None:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            raise _unsafe(f"more than {self._limits.nodes} values in one file", "Split the leaf.", start)
        if isinstance(event, yaml.AliasEvent):
            remedy = "If the asterisk belongs to the text, put the text in quotes; otherwise write it out in full."
            raise _unsafe(f"the alias *{str(event.anchor)[:40]} is not allowed", remedy, start, end)
        if event.anchor is not None:
            remedy = "If the & belongs to the text, put the text in quotes; otherwise delete the anchor."
            raise _unsafe(f"the anchor &{str(event.anchor)[:40]} is not allowed", remedy, start, end)
        tag = event.tag
        if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag in ("!", _STR)):
            remedy = "If the exclamation mark belongs to the text, put the text in quotes; otherwise delete the tag."
            raise _unsafe(f"the tag {tag[:60]} is not allowed", remedy, start, end)

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if event.style in ("|", ">"):
            end = start + len(self._source.text[start:end].rstrip())
        tag = event.tag or _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
        value = event.value if tag in (_STR, "!") else self._convert(tag, event.value, start, end)
        return Node("scalar", start, end, value, event.value, event.style or None)

    def _convert(self, tag: str, text: str, start: int, end: int) -> Any:
        """A number, boolean, date or null; what no YAML reader can convert is a problem."""
        kind = _KINDS.get(tag.rpartition(":")[2], "special value")
        if tag == _MERGE:
            raise _unsafe("the merge key << is not allowed", "Write the keys out in full.", start, end)
        if len(text) > self._limits.value_chars:
            message = f"this {kind} has {len(text)} characters"
            raise YamlError(Problem("yaml-value", message, "If it is text, put it in quotes.", start, end))
        try:
            return self._constructor.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, OverflowError, yaml.YAMLError):
            message = f"{text[:40]!r} looks like a {kind} but cannot be one"
            raise YamlError(Problem("yaml-value", message, "If it is text, put it in quotes.", start, end)) from None

    def _start(self, event: Any) -> None:
        kind: Kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
        start = event.start_mark.index
        if len(self._open) >= self._limits.depth:
            remedy = "A leaf needs six levels; look for brackets that are not closed or should be in quotes."
            raise _unsafe(f"nested deeper than {self._limits.depth} levels", remedy, start)
        style = self._source.text[start : start + 1] if event.flow_style else None
        value: Any = {} if kind == "mapping" else []
        self._open.append(Node(kind, start, start, value, style=style))
        self._keys.append(None)

    def _finish(self, event: Any) -> None:
        node = self._open.pop()
        self._keys.pop()
        if node.style is not None:
            node.end = event.end_mark.index
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.end = max(parent.end, node.end)
        if parent.kind == "sequence":
            parent.items.append(node)
            parent.value.append(node.value)
        elif self._keys[-1] is None:
            if node.kind != "scalar":
                remedy = "A key is plain text; look for a stray `?`, or a bracket or brace that should be in quotes."
                raise YamlError(Problem("yaml-value", f"a {node.kind} cannot be a key", remedy, node.start, node.end))
            self._keys[-1] = node
        else:
            parent.add(self._keys[-1], node)
            self._keys[-1] = None
