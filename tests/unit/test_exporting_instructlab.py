"""InstructLab's training files: skills, knowledge for phase 0.7 and, among distractors, for phase 1.0."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.exporting import instructlab
from pipeline.exporting.messages import phase07_rows, skill_rows
from pipeline.exporting.raft import DOCUMENTS, GOLD_SHARE, drawn, phase10_rows
from pipeline.flows.schema.chunked import shown
from tests.unit.exporting_data import PATHS, datasets


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_files_have_instructlabs_shape(tmp_path: Path) -> None:
    counts = instructlab.write(datasets(), tmp_path)
    folder = tmp_path / "instructlab"
    assert sorted(counts) == sorted(f"instructlab/{path.name}" for path in folder.iterdir())
    for name in (instructlab.SKILLS, instructlab.PHASE_07, instructlab.PHASE_10):
        rows = lines(folder / name)
        assert len(rows) == counts[f"instructlab/{name}"] > 0
        assert len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            assert sorted(row) == ["id", "messages", "metadata", "unmask"]
            assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
            assert json.loads(row["metadata"])["leaf"]


def test_what_has_no_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    """JSON allows half of a surrogate pair, and the readers of other people's programs do not."""
    instructlab.write(datasets(), tmp_path)
    text = (tmp_path / "instructlab" / instructlab.SKILLS).read_text(encoding="utf-8")
    assert "splitting logs \\\\ud800" in text


def test_recipes_name_the_files_of_each_phase(tmp_path: Path) -> None:
    instructlab.write(datasets(), tmp_path)
    folder = tmp_path / "instructlab"
    named = {name: yaml.safe_load((folder / name).read_text())["datasets"] for name in instructlab.RECIPES}
    assert named == {
        "knowledge_recipe.yaml": [{"path": instructlab.PHASE_07, "sampling_size": 1.0}],
        "skills_recipe.yaml": [
            {"path": instructlab.SKILLS, "sampling_size": 1.0},
            {"path": instructlab.PHASE_10, "sampling_size": 1.0},
        ],
    }
    assert all((folder / part["path"]).is_file() for parts in named.values() for part in parts)


def test_what_has_no_rows_has_no_file(tmp_path: Path) -> None:
    assert sorted(instructlab.write(datasets()[:1], tmp_path)) == [
        "instructlab/skills_recipe.yaml",
        "instructlab/skills_train_msgs.jsonl",
    ]


def test_skills_are_learnt_as_they_are() -> None:
    rows = list(skill_rows(datasets()))
    assert [row.id for row in rows] == [sample.id for sample in datasets()[0].samples]
    assert not any(row.unmask for row in rows)
    assert all(row.messages == row.sample.messages for row in rows)


def test_phase_07_reads_each_chunk_before_its_question() -> None:
    for row in phase07_rows(datasets()):
        assert row.unmask
        assert row.chunk is not None
        asked = row.messages[0].content
        assert asked.startswith(shown(row.chunk))
        assert asked.count(row.chunk.text) == 1  # auxiliary rows hold it already
        if row.sample.task == "qa":
            assert asked.endswith(f"\n\n{row.sample.question}")
    assert {row.sample.task for row in phase07_rows(datasets())} == {"qa", "summary", "facts"}


def test_no_held_out_item_is_in_a_training_file(tmp_path: Path) -> None:
    instructlab.write(datasets(), tmp_path)
    text = "".join(path.read_text() for path in (tmp_path / "instructlab").iterdir())
    items = [sample for dataset in datasets() for sample in dataset.choices]
    assert items
    assert not any(json.dumps(sample.question)[1:-1] in text for sample in items)


def test_phase_10_has_each_question_among_documents_and_in_its_chunk() -> None:
    rows = list(phase10_rows(datasets()))
    questions = [sample for dataset in datasets()[1:] for sample in dataset.samples if sample.task == "qa"]
    others = [sample for dataset in datasets()[1:] for sample in dataset.samples if sample.task != "qa"]
    assert sorted(row.id for row in rows) == sorted(
        [f"{sample.id}/{form}" for sample in questions for form in ("p07", "raft")]
        + [f"{sample.id}/p07" for sample in others]
    )
    for row in rows:
        assert row.unmask == row.id.endswith("/p07")


def test_raft_rows_hold_four_documents_and_two_in_five_hold_the_gold_one() -> None:
    rows = [row for row in phase10_rows(datasets()) if row.id.endswith("/raft")]
    gold = 0
    for row in rows:
        asked = row.messages[0].content
        assert asked.count("Document:\n") == DOCUMENTS
        assert asked.endswith(f"\n\n{row.sample.question}")
        assert row.chunk is not None
        gold += row.chunk.text in asked
    assert 0 < gold < len(rows)


def test_the_gold_share_is_two_in_five() -> None:
    own = {f"text {number}": number for number in range(9)}
    held = [("text 0" in drawn(f"row {number}", "text 0", own, {})) for number in range(2000)]
    assert abs(sum(held) / len(held) - GOLD_SHARE) < 0.03
    places = [drawn(f"row {number}", "text 0", own, {}).index("text 0") for number in range(400) if held[number]]
    assert {places.count(place) > 20 for place in range(DOCUMENTS)} == {True}  # the gold one stands anywhere


def test_distractors_come_from_the_leaf_first_then_from_others() -> None:
    own, pool = {"a": 1, "gold": 2}, {"a": 1, "gold": 2, "x": 3, "y": 4, "z": 5, "w": 6}
    for number in range(50):
        documents = drawn(f"row {number}", "gold", own, pool)
        assert len(documents) == len(set(documents)) == DOCUMENTS
        assert "a" in documents
    assert drawn("row", "gold", {"gold": 2}, {"gold": 2}) == ["gold"]


def test_a_row_keeps_its_distractors_when_others_come_and_go() -> None:
    first, *others = datasets()[1:]
    fewer = replace(first, samples=first.samples[::2])
    kept = {row.id for row in phase10_rows([fewer, *others])}
    assert [row for row in phase10_rows([first, *others]) if row.id in kept] == list(phase10_rows([fewer, *others]))


def test_rows_of_small_teachers_have_no_chunk_and_stay_bare() -> None:
    first = datasets()[1]
    bare = replace(first, chunks=(), samples=tuple(replace(sample, chunk=None) for sample in first.samples[:3]))
    rows = [*phase07_rows([bare]), *phase10_rows([bare])]
    assert len(rows) == 6
    assert all(row.messages == row.sample.messages for row in rows)
    assert "sdg_document" not in json.loads(json.loads(rows[0].to_json())["metadata"])


@pytest.mark.parametrize("rows", [skill_rows, phase07_rows, phase10_rows])
def test_the_same_datasets_give_the_same_bytes(rows: Any) -> None:
    once = b"".join(row.to_json() for row in rows(datasets()))
    shuffled = [replace(dataset, samples=dataset.samples[::-1]) for dataset in datasets()]
    assert once == b"".join(row.to_json() for row in rows(shuffled))
    assert PATHS[0] in once.decode() or rows is skill_rows
