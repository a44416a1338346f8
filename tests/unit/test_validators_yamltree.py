from __future__ import annotations

import datetime
import time

import pytest
import yaml

from validators.limits import Limits
from validators.source import Source
from validators.yamltree import Node, YamlError, parse


def root(text: str) -> Node:
    node = parse(Source(text))
    assert node is not None
    return node


def problem(text: str) -> tuple[str, int, int, str]:
    source = Source(text)
    with pytest.raises(YamlError) as caught:
        parse(source)
    found = caught.value.problem
    return found.rule, *source.position(found.start), found.message


def test_values_follow_yaml_1_1() -> None:
    text = 'a: 1\nb: yes\nc: 2024-01-31\nd: "5"\ne:\nf: 1.5\ng: 1:30\nh: [x, 2]\n'
    assert root(text).value == {
        "a": 1,
        "b": True,
        "c": datetime.date(2024, 1, 31),
        "d": "5",
        "e": None,
        "f": 1.5,
        "g": 90,
        "h": ["x", 2],
    }


def test_places_count_code_points_and_skip_no_line() -> None:
    text = "ключ: значение\r\nb: |\n  two\n  lines\n\nc: [x, 'y z']\n"
    source, node = Source(text), root(text)
    places = {}
    for key, value in node.entries:
        span = source.span(value.start, value.end)
        places[key.text] = (span.line, span.column, span.end_line, span.end_column)
    assert places == {"ключ": (1, 7, 1, 15), "b": (2, 4, 4, 8), "c": (6, 4, 6, 14)}


def test_unicode_line_breaks_of_yaml_do_not_shift_lines() -> None:
    text = 'a: "one\u2028two"\nb: x\n'
    entry = root(text).entry("b")
    assert entry is not None
    assert Source(text).position(entry[0].start) == (2, 1)


def test_a_collection_ends_with_its_last_value_not_at_the_next_key() -> None:
    text = "a:\n  - x\n\n# note\nb: 1\n"
    entry = root(text).entry("a")
    assert entry is not None
    assert Source(text).position(entry[1].end) == (2, 6)


def test_repeated_keys_are_kept_and_the_last_counts() -> None:
    node = root("a: 1\nb: 2\na: 3\n")
    assert node.value == {"a": 3, "b": 2}
    assert [[key.start for key, _ in entries] for entries in node.repeated()] == [[0, 10]]
    found = node.get("a")
    assert found is not None
    assert found.value == 3


def test_true_and_one_are_different_keys() -> None:
    node = root("1: x\nyes: y\n")
    one, true = node.get(1), node.get(True)
    assert one is not None
    assert true is not None
    assert (one.value, true.value) == ("x", "y")


def test_nothing_has_no_root() -> None:
    assert parse(Source("")) is None
    assert parse(Source("# only a note\n")) is None


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: &x 1\nb: *x\n", "yaml-unsafe", 1, 4),
        ("answer: *bold* words\n", "yaml-syntax", 1, 9),
        ("answer: *bold words\n", "yaml-unsafe", 1, 9),
        ("a: !!python/object:os.system x\n", "yaml-unsafe", 1, 4),
        ("a: !foo x\n", "yaml-unsafe", 1, 4),
        ("<<: {a: 1}\n", "yaml-unsafe", 1, 1),
        ("a: 1\n---\nb: 2\n", "yaml-unsafe", 2, 1),
        ("a: " + "[" * 40 + "]" * 40 + "\n", "yaml-unsafe", 1, 35),
        ("a: " + "9" * 5000 + "\n", "yaml-value", 1, 4),
        ("a: 2024-13-45\n", "yaml-value", 1, 4),
        ("a: =\n", "yaml-value", 1, 4),
        ("? [a, b]\n: c\n", "yaml-value", 1, 3),
        ("a: x\0y\n", "yaml-character", 1, 5),
        ("a: x\nb: \x1b[31m\n", "yaml-character", 2, 4),
        ("a: | text\n  more\n", "yaml-syntax", 1, 6),
        ("a: b: c\n", "yaml-syntax", 1, 5),
        ("a: 1\nno colon here\nb: 2\n", "yaml-syntax", 2, 1),
        ('a: "open\nb: 2\n', "yaml-syntax", 1, 4),
        ('a: "\\q"\n', "yaml-syntax", 1, 5),
        ("a: @x\n", "yaml-syntax", 1, 4),
        ("a:\n  - x\n - y\n", "yaml-syntax", 3, 2),
        ("a: 'x' y\n", "yaml-syntax", 1, 8),
    ],
)
def test_what_is_refused_and_where(text: str, rule: str, line: int, column: int) -> None:
    found = problem(text)
    assert found[:3] == (rule, line, column), found


def test_a_string_tag_is_harmless() -> None:
    assert root("a: !!str 12\nb: ! 12\n").value == {"a": "12", "b": "12"}


def test_the_limit_of_nodes() -> None:
    with pytest.raises(YamlError, match="more than 10 values"):
        parse(Source("\n".join(f"- {i}" for i in range(30))), Limits(nodes=10))


def test_alias_bomb_deep_nesting_and_directives_stop_at_once() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    started = time.perf_counter()
    for text in (bomb, "[" * 200_000, "- " * 100_000, "{a: " * 50_000, "%TAG !a! b\n" * 20_000 + "--- x\n"):
        with pytest.raises(YamlError):
            parse(Source(text))
    assert time.perf_counter() - started < 2


def test_the_parser_without_libyaml_gives_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "ключ: [a, 'b']\r\nx: |\n  y\nz:\n  - 1\n  - q: \"w\"\n"
    fast = root(text)
    monkeypatch.setattr("validators.yamltree._LOADER", yaml.SafeLoader)
    assert root(text) == fast
    assert problem("a: *x\n")[:3] == ("yaml-unsafe", 1, 4)
    assert problem("[" * 2000)[:3] == ("yaml-unsafe", 1, 33)
    assert problem("a: | text\n")[0] == "yaml-syntax"
