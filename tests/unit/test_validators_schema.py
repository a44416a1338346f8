"""The quick answer of `conforms` is jsonschema's answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.leaf_texts import knowledge, skill
from validators.schema import VERSIONS, conforms, load_schema
from validators.source import Source
from validators.yamltree import parse

NAMES = ("knowledge", "compositional_skills")
_SCALARS = st.none() | st.booleans() | st.integers(0, 4) | st.floats(0, 4) | st.sampled_from(["", "a", "b", "3"])
_KEYS = st.sampled_from(["version", "created_by", "seed_examples", "question", "answer", "context", "document", "foo"])
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_KEYS, inner, max_size=5))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", VERSIONS)
def test_our_schemas_use_only_keywords_that_the_quick_check_knows(name: str, version: int) -> None:
    known = {"$schema", "$id", "title", "description", "examples", "deprecated", "default", "$comment"}
    known |= {"type", "const", "minLength", "minItems", "uniqueItems", "items", "properties", "required"}
    known |= {"additionalProperties"}
    todo = [load_schema(name, version)]
    while todo:
        schema = todo.pop()
        assert schema.keys() <= known
        todo += [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        assert schema.get("additionalProperties", False) in (True, False)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(value=_VALUES, version=st.sampled_from(VERSIONS))
def test_any_value(name: str, value: object, version: int) -> None:
    schema = load_schema(name, version)
    assert conforms(value, schema) == Draft202012Validator(schema).is_valid(value)


@settings(max_examples=300, deadline=None)
@given(
    text=st.sampled_from([skill(), knowledge()]),
    name=st.sampled_from(NAMES),
    version=st.sampled_from(VERSIONS),
    path=st.lists(st.integers(0, 7), max_size=4),
    value=_SCALARS,
    key=_KEYS,
)
def test_a_leaf_with_one_value_changed(
    text: str, name: str, version: int, path: list[int], value: object, key: str
) -> None:
    root = parse(Source(text))
    assert root is not None
    place = root.value
    for step in path:
        inner = place.get(sorted(place)[step % len(place)]) if isinstance(place, dict) else place[step % len(place)]
        if not isinstance(inner, (dict, list)) or not inner:
            break
        place = inner
    if isinstance(place, dict):
        place[key] = value
    else:
        place.append(place[0] if value is None else value)
    schema = load_schema(name, version)
    assert conforms(root.value, schema) == Draft202012Validator(schema).is_valid(root.value)
