"""The contract of each version, said in words that its author can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from validators import mends
from validators.examples import SKILL, Example
from validators.leaffile import NEWEST, LeafFile
from validators.model import Finding, Span
from validators.registry import check, declare
from validators.schema import VERSIONS, Fault, faults, load_schema
from validators.yamltree import Node

_GROUPS = ("compat", "schema")
_SEEDS = SKILL[SKILL.index("seed_examples") :]
_VERSION = declare(
    "schema-version",
    "error",
    "The version is one that is taken.",
    *_GROUPS,
    reason="Each version of the contract has keys of its own; the newest one is what teacher and build understand.",
    example=Example(bad="version: 2\n", good="version: 3\n"),
    fixes=True,
)
_MISSING = declare(
    "schema-missing-key",
    "error",
    "Every required key is there.",
    *_GROUPS,
    reason="The missing part is what the teacher is shown, or what tells where the leaf comes from.",
    example=Example(
        bad="task_description: Find a name for a boat that fits its work.\ncreated_by: ada-lovelace\n",
        good="version: 3\ntask_description: Find a name for a boat that fits its work.\ncreated_by: ada-lovelace\n",
        without=("version",),
    ),
    fixes=True,
)
_UNKNOWN = declare(
    "schema-unknown-key",
    "error",
    "No key stands there that the contract does not name.",
    *_GROUPS,
    reason="Nothing reads it: a slip of the pen in a key makes its whole value disappear.",
    example=Example(
        bad="  - Question: Name a small boat.\n    answer: Letterbird.\n",
        good="  - question: Name a small boat.\n    answer: Letterbird.\n",
    ),
    fixes=True,
)
_TYPE = declare(
    "schema-type",
    "error",
    "Every value has the type that the contract names.",
    *_GROUPS,
    reason="YAML reads 1837, yes and 2024-01-31 as a number, a truth value and a date; a text must be marked as one.",
    example=Example(
        bad="  - question: When was the tug built?\n    answer: 1837\n",
        good='  - question: When was the tug built?\n    answer: "1837"\n',
    ),
    fixes=True,
)
_EMPTY = declare(
    "schema-empty-text",
    "error",
    "No required text is empty.",
    *_GROUPS,
    reason="An empty text teaches nothing; most often a line was forgotten or indented too little.",
    example=Example(bad='task_description: ""\n', good="task_description: Find a name for a boat.\n"),
)
_FEW = declare(
    "schema-too-few",
    "error",
    "Lists are long enough.",
    *_GROUPS,
    reason="From fewer than five examples a teacher repeats itself, and none is left to test what was learnt.",
    example=Example(
        bad="seed_examples:\n  - question: Name a small boat.\n    answer: Letterbird.\n"
        "  - question: Name an old tug that pushes barges.\n    answer: Patience.\n",
    ),
)
_REPEATED = declare(
    "schema-duplicate-item",
    "error",
    "No list holds the same thing twice.",
    *_GROUPS,
    reason="Repeats teach the model nothing and make a leaf look larger than it is.",
    example=Example(
        bad=_SEEDS + "  - question: Name a small boat that carries post between islands.\n"
        "    answer: Letterbird, because it flies from door to door.\n",
        good=_SEEDS,
    ),
    fixes=True,
)

_TYPES = {"string": "text", "array": "a list", "object": "keys and values", "integer": "a whole number"}
_PURPOSE = {
    "version": f"Add `version: {NEWEST}` as the first line.",
    "created_by": "Add `created_by:` with your GitHub login.",
    "task_description": "Add `task_description:` with a sentence that says what the skill does.",
    "domain": "Add `domain:` with the subject, such as `astronomy`.",
    "document_outline": "Add `document_outline:` with a line that says what the document is about.",
    "document": "Add `document:` with `repo`, `commit` and `patterns`, to say where the source text lies.",
    "context": "Add `context:` with a piece of the document that the questions are about.",
    "questions_and_answers": "Put at least 3 pairs of `question` and `answer` under `questions_and_answers:`.",
    "seed_examples": "Add `seed_examples:` with at least 5 entries.",
}


@check("mapping", _VERSION, _MISSING, _UNKNOWN, _TYPE, _EMPTY, _FEW, _REPEATED)
def contract(leaf: LeafFile) -> Iterator[Finding]:
    """Every fault that the schema of the leaf's version finds."""
    if leaf.root is None:
        return
    name = leaf.schema_name
    if leaf.version not in VERSIONS:
        message = f"version {str(leaf.version)[:20]} of the contract does not exist"
        yield _VERSION.at(leaf, _version_span(leaf), message, f"Write `version: {NEWEST}`.")
    elif load_schema(name, leaf.version).get("deprecated"):
        message = f"knowledge of version {leaf.version} is no longer taken; version {NEWEST} is needed"
        remedy = "Version 3 gives each context three questions and adds `document_outline` and `document`."
        yield _VERSION.at(leaf, _version_span(leaf), message, remedy)
    else:
        yield from _faults(leaf, leaf.root)


def _faults(leaf: LeafFile, root: Node) -> Iterator[Finding]:
    """What the schema says; of seed examples in an old form one thing for all, not four for each."""
    old = mends.has_old_shape(leaf) and leaf.version == NEWEST
    if old:
        key, _ = root.entry("seed_examples") or (root, root)
        remedy = "Version 3 puts three questions and answers under each context. `seedbed migrate` does what it can."
        message = "the seed examples have the form of version 2: questions without contexts"
        yield _VERSION.at(leaf, leaf.span(key), message, remedy)
    for fault in faults(root, leaf.schema_name, leaf.version):
        if not (old and len(fault.path) >= 2 and fault.keyword in ("required", "additionalProperties")):
            yield _SAY[fault.keyword](leaf, fault)


def _version_span(leaf: LeafFile) -> Span:
    entry = leaf.root.entry("version") if leaf.root else None
    return leaf.source.span(entry[0].start, entry[1].end) if entry else leaf.top()


def _place(fault: Fault) -> str:
    """The value's name as people write it: `seed_examples[2].answer`; entries count from 1."""
    words = ""
    for step in fault.path:
        words += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if words else str(step)
    return words


def _anchor(leaf: LeafFile, fault: Fault) -> Span:
    """Where to point: at the key for collections and empty values, at the value itself otherwise."""
    node = fault.node
    if fault.key is not None and (node.kind != "scalar" or node.start == node.end or not node.text):
        return leaf.span(fault.key)
    if node.kind == "scalar" and node.start < node.end and "\n" not in leaf.source.text[node.start : node.end]:
        return leaf.span(node)
    return leaf.source.line_span(node.start)


def _missing(leaf: LeafFile, fault: Fault) -> Finding:
    where = _place(fault)
    span = leaf.span(fault.key) if fault.key else leaf.source.line_span(fault.node.start)
    message = f"{where} lacks `{fault.name}`" if where else f"`{fault.name}` is missing"
    remedy = _PURPOSE.get(fault.name, f"Add `{fault.name}:` to it.")
    written = {key.text.strip().lower()[:40]: key.text[:40] for key, _ in fault.node.entries if key.text != fault.name}
    slip = next((name for name in written if name not in _PURPOSE and mends.near_key(name, (fault.name,))), None)
    if slip:
        remedy = f"Write the key {written[slip]!r} as `{fault.name}`."
    fix = None if slip else mends.missing_key(leaf, fault)
    return _MISSING.at(leaf, span, message, remedy, fix=fix)


def _unknown(leaf: LeafFile, fault: Fault) -> Finding:
    name = fault.name[:40]
    span = leaf.span(fault.key) if fault.key else leaf.source.line_span(fault.node.start)
    near = mends.near_key(fault.name, fault.known)
    remedy = f"Did you mean `{near}`?" if near else f"Allowed here: {', '.join(fault.known)}."
    where = f" in {_place(fault)}" if fault.path else ""
    message = f"the key {name!r} is not known{where}"
    return _UNKNOWN.at(leaf, span, message, remedy, fix=mends.unknown_key(leaf, fault))


def _type(leaf: LeafFile, fault: Fault) -> Finding:
    wanted = _TYPES[str(fault.wanted)]
    place, value, node = _place(fault), fault.node.value, fault.node
    if value is None and node.start == node.end:
        # The two commonest reasons for a key without a value.
        remedy = "Write the value behind the colon; a text of several lines goes below `|`, indented."
        message = f"{place} is empty, but must be {wanted}"
        return _TYPE.at(leaf, _anchor(leaf, fault), message, remedy, fix=mends.wrong_type(leaf, fault))
    shown = node.text[:40]
    remedy = {
        "string": f'Put it in quotes: "{shown}".' if node.kind == "scalar" else "Put the text in quotes or below `|`.",
        "array": "Start each entry with `- `.",
        "object": "Write `key: value` lines, indented.",
        "integer": "Write a number without quotes.",
    }[str(fault.wanted)]
    message = f"{place} must be {wanted}, but {_describe(value, shown)}"
    return _TYPE.at(leaf, _anchor(leaf, fault), message, remedy, fix=mends.wrong_type(leaf, fault))


def _describe(value: Any, shown: str) -> str:
    """How YAML reads a value, in words."""
    if isinstance(value, dict):
        return "this is read as keys and values"
    if isinstance(value, list):
        return "this is a list"
    kinds: tuple[tuple[Any, str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (date, "a date"),
        (str, "text"),
    )
    kind = next((word for types, word in kinds if isinstance(value, types)), "nothing")
    return f"{shown} is read as {kind}"


def _empty(leaf: LeafFile, fault: Fault) -> Finding:
    return _EMPTY.at(leaf, _anchor(leaf, fault), f"{_place(fault)} is empty", "Write the text, or delete the entry.")


def _few(leaf: LeafFile, fault: Fault) -> Finding:
    count, least = len(fault.node.items), int(fault.wanted)
    place = _place(fault)
    message = f"{place} has {count} {'entry' if count == 1 else 'entries'}; at least {least} are needed"
    return _FEW.at(leaf, _anchor(leaf, fault), message, f"Add {least - count} more.")


def _repeated(leaf: LeafFile, fault: Fault) -> Finding:
    line, _ = leaf.source.position(fault.first.start if fault.first else 0)
    message = f"an entry of {_place(fault)} repeats the one on line {line}"
    span = leaf.source.line_span(fault.node.start)
    remedy = "Change it or delete it; repeats teach the model nothing."
    return _REPEATED.at(leaf, span, message, remedy, fix=mends.repeated_item(leaf, fault))


def _const(leaf: LeafFile, fault: Fault) -> Finding:
    message = f"{_place(fault)} is {fault.node.text[:20] or 'not a number'}; {fault.wanted} is needed"
    remedy = f"Write `version: {fault.wanted}`."
    return _VERSION.at(leaf, _anchor(leaf, fault), message, remedy, fix=mends.wrong_version(leaf, fault))


_SAY: dict[str, Callable[[LeafFile, Fault], Finding]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "type": _type,
    "minLength": _empty,
    "minItems": _few,
    "uniqueItems": _repeated,
    "const": _const,
}
