"""The contract by version: JSON Schema files, and their errors as plain faults with places in the tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from validators.yamltree import Node

VERSIONS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a value breaks its schema. `keyword` is JSON Schema's; `node` the value at fault."""

    keyword: str
    path: tuple[str | int, ...]
    node: Node
    key: Node | None
    """The key that the value stands under, or that should not be there; None in lists and at the root."""
    name: str = ""
    """The missing or unknown key."""
    wanted: Any = None
    """What the schema asks for: a type, a number, a constant."""
    known: tuple[str, ...] = ()
    """The keys that the mapping may have, for suggestions."""
    first: Node | None = None
    """For a repeated item, the item that it repeats."""


@lru_cache(maxsize=16)
def load_schema(name: str, version: int) -> dict[str, Any]:
    """The schema of `name` (`knowledge` or `compositional_skills`) in a version out of VERSIONS."""
    text = files("validators").joinpath("schemas", f"v{version}", f"{name}.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def faults(root: Node, name: str, version: int) -> Iterator[Fault]:
    """Every fault of the tree, in the file's order of discovery; linear in the number of nodes."""
    schema = load_schema(name, version)
    if conforms(root.value, schema):
        return  # most leaves; jsonschema takes longer to say so than the file to parse
    for error in _validator_class()(schema).iter_errors(root.value):
        path = tuple(error.absolute_path)
        key, node = locate(root, path)
        yield from _faults_of(error, path, key, node)


def conforms(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value keeps the schema, for the keywords that our schemas use (a test holds it to jsonschema)."""
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if isinstance(value, str):
        return len(value) >= int(schema.get("minLength", 0))
    if isinstance(value, list):
        items = schema.get("items", {})
        if len(value) < schema.get("minItems", 0) or not all(conforms(item, items) for item in value):
            return False
        return "uniqueItems" not in schema or len({_hashable(item) for item in value}) == len(value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not all(name in value for name in schema.get("required", ())):
            return False
        if schema.get("additionalProperties") is False and not value.keys() <= known.keys():
            return False
        return all(conforms(item, known[name]) for name, item in value.items() if name in known)
    return True


def _is(value: Any, kind: str) -> bool:
    """JSON Schema's types; a truth value is no number there, and 3.0 is an integer."""
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    return isinstance(value, {"string": str, "array": list, "object": dict}[kind])


def locate(root: Node, path: Sequence[str | int]) -> tuple[Node | None, Node]:
    """(key node or None, value node) at a path of keys and list indexes."""
    key: Node | None = None
    node = root
    for step in path:
        if node.kind == "sequence" and isinstance(step, int):
            key, node = None, node.items[step]
        else:
            entry = node.entry(step)
            if entry is None:
                break
            key, node = entry
    return key, node


def _faults_of(error: Any, path: tuple[str | int, ...], key: Node | None, node: Node) -> Iterator[Fault]:
    """One error of jsonschema as one fault, or one fault for each unknown key or repeated item."""
    keyword, wanted = error.validator, error.validator_value
    if keyword == "additionalProperties":
        known = tuple(error.schema["properties"])
        for name, value in node.entries:
            if name.value not in known:
                yield Fault(keyword, path, value, name, name.text, known=known)
    elif keyword == "required":
        missing = next(name for name in wanted if error.message.startswith(repr(name)))
        yield Fault(keyword, path, node, key, missing)
    elif keyword == "uniqueItems":
        for item, first in repeated(node):
            yield Fault(keyword, path, item, None, first=first)
    else:
        yield Fault(keyword, path, node, key, wanted=wanted)


def repeated(sequence: Node) -> Iterator[tuple[Node, Node]]:
    """(item, the earlier item that it equals) of a list."""
    seen: dict[str, Node] = {}
    for item in sequence.items:
        text = _canonical(item.value)
        if text in seen:
            yield item, seen[text]
        else:
            seen[text] = item


def same(one: Any, other: Any) -> bool:
    """Whether JSON Schema calls two values equal."""
    return _canonical(one) == _canonical(other)


def _hashable(value: Any) -> Any:
    """Like `_canonical`, at once for the mappings of texts that most entries are."""
    if isinstance(value, dict) and all(type(item) is str for item in value.values()):
        return frozenset(value.items())
    return _canonical(value)


def _canonical(value: Any) -> str:
    """A text that is the same for values that JSON Schema calls equal."""
    if isinstance(value, dict):
        pairs = sorted((repr(key), _canonical(item)) for key, item in value.items())
        return "{" + ",".join(f"{key}:{item}" for key, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(value)


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    """Draft 2020-12 with a `uniqueItems` that hashes; jsonschema's own compares each item with each.

    Imported here because jsonschema takes longer to import than a leaf to judge.
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def unique(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
        if wanted and isinstance(instance, list):
            texts = [_canonical(item) for item in instance]
            if len(set(texts)) < len(texts):
                yield ValidationError("repeated items")

    make: Any = extend
    return make(Draft202012Validator, {"uniqueItems": unique})
