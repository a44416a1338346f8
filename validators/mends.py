"""How a fault against the contract is mended, where a machine can know what is meant."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from validators.edits import comment_out, delete_lines, quoted
from validators.leaffile import NEWEST, LeafFile
from validators.model import Edit, Fix
from validators.schema import Fault, load_schema, locate
from validators.yamltree import Node

_WORD = re.compile(r"[^a-z]+")


def near_key(name: str, known: tuple[str, ...]) -> str:
    """The known key that `name` is a slip of ("Seed examples" → "seed_examples"), or ""."""
    plain = _WORD.sub("_", name[:60].lower()).strip("_")
    if plain in known:
        return plain
    from difflib import get_close_matches  # slow to load, and most leaves have no slip

    return next(iter(get_close_matches(plain, known, 1, 0.75)), "")


def has_old_shape(leaf: LeafFile) -> bool:
    """Knowledge whose seed examples are pairs without contexts, as before version 3."""
    seeds = leaf.seeds()
    return leaf.schema_name == "knowledge" and any(
        seed.get("question") and not seed.get("questions_and_answers") for seed in seeds
    )


def missing_key(leaf: LeafFile, fault: Fault) -> Fix | None:
    """`version` is known, and `created_by` where the author is."""
    if fault.path or leaf.root is None or leaf.root.style is not None:
        return None
    if fault.name == "version" and not has_old_shape(leaf) and leaf.version == NEWEST:
        line, meaning = f"version: {NEWEST}\n", f"the leaf says that it is of version {NEWEST}"
    elif fault.name == "created_by" and leaf.config.author:
        line, meaning = f"created_by: {leaf.config.author}\n", f"the leaf says that {leaf.config.author} made it"
    else:
        return None
    row, column = leaf.source.position(leaf.root.start)
    if column != 1:
        return None
    at = leaf.source.start_of(row)
    return Fix(f"add `{line.strip()}`", (Edit(at, at, line),), meaning=meaning)


def unknown_key(leaf: LeafFile, fault: Fault) -> Fix | None:
    """A slip of a known key gets its right name; what the contract has no place for becomes a comment."""
    if fault.key is None or has_old_shape(leaf):
        return None
    _, parent = locate(leaf.root, fault.path) if leaf.root else (None, fault.node)
    near = near_key(fault.name, fault.known)
    if near:
        if parent.get(near) is not None:
            return None
        edit = Edit(fault.key.start, fault.key.end, near)
        return Fix(f"write it as `{near}`", (edit,), meaning=f"the key {fault.name[:40]!r} is `{near}` now")
    if parent.style is not None or any(parent.get(name) is None for name in _required(leaf, fault)):
        return None
    meaning = f"`{fault.name[:40]}` and its value are a comment now; the contract has no place for them"
    return comment_out(leaf.source, fault.key, fault.node, "turn it into a comment", meaning)


def _required(leaf: LeafFile, fault: Fault) -> tuple[str, ...]:
    """The keys that must stand where the fault's key does not belong."""
    return tuple(_schema_of(leaf, fault).get("required", ()))


def _schema_of(leaf: LeafFile, fault: Fault) -> dict[str, Any]:
    """The part of the leaf's schema that speaks of the place of the fault."""
    schema = load_schema(leaf.schema_name, leaf.version)
    for step in fault.path:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    return schema


def wrong_type(leaf: LeafFile, fault: Fault) -> Fix | None:
    """A number, date or truth value that should be text is quoted as it is written; one pattern becomes a list."""
    node = fault.node
    if node.kind != "scalar" or node.start == node.end:
        if node.value is None and fault.path == ("created_by",) and leaf.config.author:
            return _author(leaf, node)
        return None
    written = leaf.source.text[node.start : node.end]
    if fault.wanted == "string" and node.value is not None and node.style is None:
        edit = Edit(node.start, node.end, quoted(written))
        return Fix("put it in quotes", (edit,), meaning=f"{written[:40]} is text now")
    if fault.wanted == "integer" and fault.path == ("version",) and node.text.strip() == str(leaf.version):
        edit = Edit(node.start, node.end, node.text.strip())
        return Fix("write it as a number", (edit,), meaning="the version is a number now")
    if fault.wanted == "array" and fault.path[-1:] == ("patterns",) and "\n" not in written:
        text = written if node.style else quoted(written)
        edit = Edit(node.start, node.end, f"[{text}]")
        return Fix("make it a list", (edit,), meaning="the pattern is a list of one now")
    return None


def _author(leaf: LeafFile, node: Node) -> Fix:
    author = leaf.config.author
    edit = Edit(node.start, node.end, author if leaf.source.text[node.start - 1 : node.start] == " " else f" {author}")
    return Fix(f"write `{author}`", (edit,), meaning=f"the leaf says that {author} made it")


def attribution_file(leaf: LeafFile) -> Fix | None:
    """`attribution.txt` out of what the seed examples say of themselves, as leaves of the first contract did.

    Only if each seed example names source and licence: nothing is made up.
    """
    works: dict[tuple[str, str], None] = {}
    for seed in leaf.seeds():
        told = seed.get("attribution")
        entries = told.value if told and isinstance(told.value, list) else [told.value] if told else []
        for entry in entries or [None]:
            source, licence = (entry.get(key) for key in ("source", "license")) if isinstance(entry, dict) else ("", "")
            if not (isinstance(source, str) and isinstance(licence, str) and source.strip() and licence.strip()):
                return None
            works[" ".join(source.split()), " ".join(licence.split())] = None
    creator = leaf.root.get("created_by") if leaf.root else None
    name = str(creator.value) if creator and creator.value else ""
    if not works or not name:
        return None
    text = "\n".join(_work(source, licence, name) for source, licence in works)
    title = "write it from the `attribution` of the seed examples"
    meaning = "attribution.txt says what the seed examples said of source and licence"
    return Fix(title, meaning=meaning, creates=((leaf.attribution_path, text),))


def _work(source: str, licence: str, name: str) -> str:
    """One work of an attribution. The contract's first version wrote `self-authored` for one's own texts."""
    if source.lower().startswith(("http://", "https://")):
        return f"Link to work: {source}\nLicense of the work: {licence}\n"
    own = source.lower() == "self-authored"
    title = "Own work" if own else source
    return f"Title of work: {title}\nLicense of the work: {licence}\n" + (f"Creator names: {name}\n" if own else "")


def wrong_version(leaf: LeafFile, fault: Fault) -> Fix | None:
    """A skill of version 2 is one of version 3; so is knowledge that has its shape already."""
    node = fault.node
    if node.kind != "scalar" or fault.wanted != NEWEST or has_old_shape(leaf) or not node.text.strip():
        return None
    edit = Edit(node.start, node.end, str(NEWEST))
    return Fix(f"write `{NEWEST}`", (edit,), meaning=f"the leaf says that it is of version {NEWEST}")


def repeated_item(leaf: LeafFile, fault: Fault) -> Fix | None:
    """An entry that says what an earlier one says is deleted, if enough are left."""
    if leaf.root is None:
        return None
    _, parent = locate(leaf.root, fault.path)
    if parent.style is not None or len(parent.items) <= _schema_of(leaf, fault).get("minItems", 1):
        return None
    row, column = leaf.source.position(fault.node.start)
    hyphen = leaf.source.line(row)[: column - 1]
    if hyphen.strip() != "-":
        return None
    start = leaf.source.start_of(row)
    dash = Node("scalar", start + hyphen.index("-"), fault.node.end)
    fix = delete_lines(leaf.source, dash, fault.node, "delete the repeated entry")
    return replace(fix, meaning="the repeated entry is gone") if fix else None
