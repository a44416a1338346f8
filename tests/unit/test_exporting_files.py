"""The other formats, and the folder that holds them all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.exporting import dataset_card, lm_eval, parquet
from pipeline.exporting.folder import FORMATS, LIST, export
from pipeline.exporting.inventory import licences_in, take_stock
from pipeline.exporting.shelf import ExportError, Shelf
from pipeline.leafdata import save_dataset
from pipeline.store.memory import MemoryStore
from tests.unit.exporting_data import PATHS, SKILL, datasets

pyarrow_parquet = pytest.importorskip("pyarrow.parquet")


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_parquet_holds_every_row_with_its_provenance(tmp_path: Path) -> None:
    counts = parquet.write(datasets(), tmp_path, rejected=True)
    tables = {path: pyarrow_parquet.read_table(tmp_path / path).to_pylist() for path in counts}
    assert {path: len(rows) for path, rows in tables.items()} == counts
    rows = tables["data/samples.parquet"]
    samples = {sample.id: sample for dataset in datasets() for sample in dataset.samples}
    assert {row["id"] for row in rows} == set(samples)
    for row in rows:
        sample = samples[row["id"]]
        assert [row["leaf"], row["author"], row["pull"]] == [sample.leaf, sample.author, sample.pull]
        assert {one["name"]: one["value"] for one in row["scores"]} == sample.scores
        assert {one["name"]: one["value"] for one in row["attributes"]} == sample.attributes
        assert [(one["stage"], one["request"]) for one in row["trace"]] == list(sample.trace)
        assert (row["chunk"] is None) == (sample.chunk is None)
    assert all(row["reason"] for row in tables["data/rejected.parquet"])
    assert {row["task"] for row in tables["data/choices.parquet"]} == {"choice"}


def test_rejected_rows_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    assert sorted(parquet.write(datasets(), tmp_path, rejected=False)) == [
        "data/choices.parquet",
        "data/samples.parquet",
    ]


def test_a_broken_half_of_a_character_is_written_as_an_escape(tmp_path: Path) -> None:
    parquet.write(datasets()[:1], tmp_path, rejected=False)
    rows = pyarrow_parquet.read_table(tmp_path / "data/samples.parquet").to_pylist()
    assert any("splitting logs \\ud800" in row["messages"][1]["content"] for row in rows)


def test_choices_become_tasks(tmp_path: Path) -> None:
    counts = lm_eval.write(datasets(), tmp_path)
    folder = tmp_path / "lm-eval"
    names = ["seedbed_knowledge_history_valley_clocks", "seedbed_knowledge_technology_ostrel_clock"]
    assert sorted(counts) == [f"lm-eval/{name}.{ext}" for name in names for ext in ("jsonl", "yaml")]
    for name, dataset in zip(names, datasets()[1:], strict=True):
        task = yaml.safe_load((folder / f"{name}.yaml").read_text())
        assert [task["task"], task["task_alias"], task["output_type"]] == [name, dataset.leaf, "multiple_choice"]
        assert {"seedbed", "mmlu_pr", "seedbed_below_knowledge"} < set(task["tag"])
        file = folder / task["dataset_kwargs"]["data_files"]["test"]
        items = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(items) == len(dataset.choices)
        for item in items:
            assert len(set(item["choices"])) == 4
            assert item["answer"] in range(4)
            assert item["open_book"] == 1.0


def test_leaves_of_like_names_get_tasks_of_their_own(tmp_path: Path) -> None:
    first = datasets()[1]
    twin = replace(first, leaf=first.leaf.replace("valley_clocks", "valley-clocks"), leaf_key="99" * 32)
    counts = lm_eval.write([first, twin], tmp_path)
    assert sorted(path for path in counts if path.endswith("yaml")) == [
        "lm-eval/seedbed_knowledge_history_valley_clocks.yaml",
        "lm-eval/seedbed_knowledge_history_valley_clocks_99999999.yaml",
    ]


def test_tasks_can_be_read_by_the_library_that_reads_them_in_the_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dataset = pytest.importorskip("datasets").load_dataset
    lm_eval.write(datasets(), tmp_path)
    monkeypatch.chdir(tmp_path / "lm-eval")
    task = yaml.safe_load(next(Path().glob("*.yaml")).read_text())
    kwargs = {**task["dataset_kwargs"], "cache_dir": str(tmp_path / "cache")}
    found = load_dataset(task["dataset_path"], split=task["test_split"], **kwargs)
    assert sorted(found.column_names) == ["answer", "choices", "closed_book", "id", "open_book", "question", "subject"]


def front_matter(text: str) -> dict[str, Any]:
    loaded = yaml.safe_load(text.split("---\n")[1])
    assert isinstance(loaded, dict)
    return loaded


def test_the_card_rolls_up_licences_and_attributions(tmp_path: Path) -> None:
    made = export(datasets(), tmp_path / "out", FORMATS, rejected=True)
    text = (made.folder / "README.md").read_text()
    data = front_matter(text)
    assert data["license"] == ["cc0-1.0", "mit"]
    paths = {file.path for file in made.files}
    configs = {config["config_name"]: config["data_files"][0]["path"] for config in data["configs"]}
    assert set(configs.values()) <= paths
    assert configs["default"] == "data/samples.parquet"
    kept = sum(len(dataset.samples) for dataset in datasets()[1:])
    assert f"| CC0-1.0 | 2 | {kept} |" in text
    assert "| MIT | 1 | 2 |" in text
    assert "#7" in text
    assert "https://github.com/invented/clock@" in text
    assert "Finch\\|\\<b\\>" in text  # an author's name cannot leave its cell
    assert "stopped at 2 of 24 samples" in text
    assert "the judge rejects the pair" in text
    licences = (made.folder / "LICENSE.md").read_text()
    assert licences.index("## CC0-1.0") < licences.index(PATHS[0]) < licences.index("## MIT") < licences.index(SKILL)


def test_the_card_can_be_read_by_the_hub() -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard(dataset_card.render("README.md", take_stock(datasets()), {}))
    assert card.data.license == ["cc0-1.0", "mit"]
    assert card.data.size_categories == ["n<1K"]


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-SA-4.0", {"license": "cc-by-sa-4.0"}),
        ("GPL-3.0-or-later", {"license": "gpl-3.0"}),
        ("ODbL-1.0", {"license": "odbl"}),
        ("Apache License, Version 2.0", {"license": "apache-2.0"}),
        ("our own terms", {"license": "other", "license_name": "several-see-license-md", "license_link": "LICENSE.md"}),
        ("not stated", {"license": "other", "license_name": "several-see-license-md", "license_link": "LICENSE.md"}),
    ],
)
def test_licences_as_the_hub_names_them(licence: str, expected: dict[str, str]) -> None:
    first = datasets()[0]
    other = replace(first, samples=tuple(replace(sample, licence=licence) for sample in first.samples))
    assert dataset_card.hub_licence(take_stock([other])) == expected


def test_a_leaf_may_name_several_licences() -> None:
    assert licences_in("CC-BY-4.0, MIT License") == ("CC-BY-4.0", "MIT")
    assert licences_in("our own terms") == ("our own terms",)


def test_an_export_is_the_same_each_time(tmp_path: Path) -> None:
    export(datasets(), tmp_path / "one", FORMATS, rejected=True)
    store = MemoryStore()
    for dataset in datasets():
        save_dataset(store, dataset)
    shelf = Shelf(store, [dataset.leaf_key for dataset in datasets()])
    export(shelf, tmp_path / "other", FORMATS, rejected=True)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_the_list_names_every_file(tmp_path: Path) -> None:
    made = export(datasets(), tmp_path / "out", FORMATS)
    listed = json.loads((made.folder / LIST).read_text())
    assert {file["path"] for file in listed["files"]} == set(tree(made.folder)) - {LIST}
    assert [file.path for file in made.files] == [file["path"] for file in listed["files"]]


def test_an_export_replaces_nothing_but_an_export_and_only_when_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    export(datasets(), out, ["card"])
    with pytest.raises(ExportError, match="--force"):
        export(datasets(), out, ["parquet"])
    export(datasets(), out, ["parquet"], replace=True)
    assert not (out / "README.md").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="no export of Seedbed"):
        export(datasets(), mine, FORMATS, replace=True)
    with pytest.raises(ExportError, match="not a folder"):
        export(datasets(), mine / "thesis.txt", FORMATS)
    assert tree(mine) == {"thesis.txt": b"years of work"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_a_failure_leaves_the_earlier_export_and_no_half_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(datasets(), out, ["card"])
    before = tree(out)
    with pytest.raises(ExportError, match="missing or damaged"):
        export(Shelf(MemoryStore(), ["ab" * 32]), out, FORMATS, replace=True)
    assert tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> dict[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.exporting.instructlab.write", full)
    with pytest.raises(ExportError, match="No space left on device; free some space"):
        export(datasets(), tmp_path / "out", FORMATS)
    assert list(tmp_path.iterdir()) == []
