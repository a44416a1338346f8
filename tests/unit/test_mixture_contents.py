from __future__ import annotations

import json
from dataclasses import replace

from pipeline.mixture import contents, difference, mix
from tests.building import QUIET
from tests.unit.test_mixture import ANCHORS, pairs_of, told


def mixture_of(*names: str, rows: int = 6) -> bytes:
    return mix(pairs_of(names, rows), ANCHORS, replace(QUIET, leaf_rows=32)).data


def test_contents_count_rows_tokens_and_sources() -> None:
    data = mixture_of("amberly")
    held = contents(data)
    assert {leaf: entry.rows for leaf, entry in held.items()} == {
        "anchors": 15,
        "compositional_skills/amberly": 15,
    }
    assert held["compositional_skills/amberly"].sources == {"sample": 6, "seed": 9}
    assert held["anchors"].tokens == sum(
        -(-len(message["content"]) // 4)
        for row in map(json.loads, data.splitlines())
        if not row["leaf"]
        for message in row["messages"]
    )
    assert contents(data, len)["anchors"].tokens > held["anchors"].tokens


def test_no_difference_to_itself() -> None:
    held = contents(mixture_of("amberly", "birchen"))
    same = difference(held, held)
    assert (same.came, same.went, same.changed) == ((), (), ())
    assert same.same == 3
    assert same.to_markdown() == "The mixture is the last one: 60 rows of 2 leaves.\n"


def test_leaves_come_go_and_change() -> None:
    old, new = mixture_of("amberly", "birchen"), mixture_of("birchen", "cedarow", rows=9)
    found = difference(contents(old), contents(new))
    assert [change.leaf for change in found.came] == ["compositional_skills/cedarow"]
    assert [change.leaf for change in found.went] == ["compositional_skills/amberly"]
    changed = {
        change.leaf: (change.rows_before, change.rows_after, change.came, change.went) for change in found.changed
    }
    assert changed == {"compositional_skills/birchen": (15, 18, 3, 0), "anchors": (30, 36, 6, 0)}
    assert (found.same, found.before[:2], found.after[:2]) == (0, (2, 60), (2, 72))
    text = found.to_markdown()
    assert text.startswith("60 rows of 2 leaves before, 72 of 2 now (about ")
    assert "| `compositional_skills/cedarow` | came | 0 → 18 | 18 | 0 | 0 → " in text
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_the_first_mixture_differs_from_none() -> None:
    found = difference({}, contents(mixture_of("amberly")))
    assert {change.leaf for change in found.came} == {"anchors", "compositional_skills/amberly"}
    assert found.before == (0, 0, 0)


def test_many_leaves_are_counted_and_a_path_stays_in_its_cell() -> None:
    pair = pairs_of(["amberly"])[0]
    odd = replace(pair[0], path="compositional_skills/a|b`c")
    data = mix([(odd, told(odd))], (), QUIET).data
    assert "| `compositional_skills/a\\|b'c` | came |" in difference({}, contents(data)).to_markdown()
    many = {f"leaf {i}": next(iter(contents(data).values())) for i in range(25)}
    assert difference({}, many).to_markdown().endswith("\n\nAnd 5 more leaves.\n")
