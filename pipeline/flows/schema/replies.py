"""What a schema-bound reply must look like, and reading it: a server may be unable to enforce the schema.

Reading is lenient where nothing is lost (text around the object, more items than wanted, keys besides), and strict
where something is: a missing key, a wrong type or a verdict too few is `Unparsable`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pipeline.flows.filters import strip_control
from pipeline.flows.model import Unparsable
from pipeline.teacher.port import Completion

T = TypeVar("T")
MAX_REPLY = 60_000  # characters; a longer reply is no answer to any of our prompts
Schema = Mapping[str, object]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}


def record(**properties: Schema) -> Schema:
    """An object that has exactly these keys, in this order."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def array(items: Schema, least: int, most: int) -> Schema:
    """A list of `least` to `most` items."""
    return {"type": "array", "items": dict(items), "minItems": least, "maxItems": most}


def one_of(*values: int | str) -> Schema:
    """One of some integers, or of some strings."""
    return {"type": "integer" if isinstance(values[0], int) else "string", "enum": list(values)}


def schema_text(schema: Schema) -> str:
    """Canonical text of a schema, for `Sampling.schema`. Keys keep their order: a model answers in it."""
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def texts_schema(key: str, most: int) -> str:
    """The schema of `{key: [text, …]}` with 1 to `most` texts."""
    return schema_text(record(**{key: array(STRING, 1, most)}))


def verdicts_schema(checks: Sequence[str], count: int) -> str:
    """The schema of `{"verdicts": [{"number": 1, check: boolean, …}, …]}` with `count` verdicts."""
    one = record(number=INTEGER, **dict.fromkeys(checks, BOOLEAN))
    return schema_text(record(verdicts=array(one, count, count)))


def read(completion: Completion) -> dict[str, object]:
    """The JSON object of a reply. Raises `Unparsable`."""
    text = completion.text
    if len(text) > MAX_REPLY:
        raise Unparsable(f"the reply has {len(text):,} characters; at most {MAX_REPLY:,} are read")
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1], parse_constant=_no_number) if 0 <= start < end else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        cut = f", cut off at {completion.output_tokens} tokens" if completion.finish_reason == "length" else ""
        raise Unparsable(f"the reply is no JSON object{cut}: {_shown(text)}")
    return value


def texts(completion: Completion, key: str, most: int, *, longest: int) -> list[str]:
    """The texts of `{key: [text, …]}`, at most `most`, without chat marks; empty ones and longer ones are left out.

    `longest`: characters. Raises `Unparsable` where none is left.
    """
    items = field(read(completion), key, list)
    if not all(isinstance(item, str) for item in items):
        raise Unparsable(f'"{key}" does not hold texts alone')
    found = [text for item in items[:most] if 0 < len(text := strip_control(item).strip()) <= longest]
    if not found:
        raise Unparsable(f'"{key}" holds no text of 1 to {longest:,} characters')
    return found


def verdicts(completion: Completion, checks: Sequence[str], count: int) -> list[dict[str, bool]]:
    """The verdicts of `verdicts_schema`, in order, by name of the check. Raises `Unparsable` unless `count` came."""
    items = field(read(completion), "verdicts", list)
    if len(items) != count:
        raise Unparsable(f"{count} verdicts were asked for, and {len(items)} came")
    found = []
    for place, item in enumerate(items, start=1):
        if not isinstance(item, dict) or item.get("number", place) != place:
            raise Unparsable(f"verdict {place} is not an object with the number {place}")
        found.append({check: field(item, check, bool) for check in checks})
    return found


def field(value: Mapping[str, object], key: str, kind: type[T]) -> T:
    """The value under `key`, of this type; a boolean is no integer. Raises `Unparsable`."""
    found = value.get(key)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Unparsable(f'the reply lacks "{key}" as {_KINDS.get(kind, kind.__name__)}')
    return found


_KINDS: dict[type, str] = {list: "a list", bool: "true or false", int: "an integer", str: "a text", dict: "an object"}


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _shown(text: str) -> str:
    plain = " ".join(strip_control(text).split())
    return repr(plain[:80] + ("…" if len(plain) > 80 else ""))
