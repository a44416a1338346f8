"""`seedbed export`: what it finds, what it says, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.datasets import _JSON, _LATEST, Grown, Record
from pipeline import lineage
from pipeline.leafdata import save_dataset
from pipeline.leafkeys import KeyParts
from pipeline.store.files import FileStore
from tests.unit.exporting_data import PATHS, SKILL, datasets


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder: the record names all leaves but the first knowledge leaf, whose dataset is there, too."""
    store = FileStore(tmp_path / "state" / "store")
    for dataset in datasets():
        save_dataset(store, dataset)
    named = [dataset for dataset in datasets() if dataset.leaf != PATHS[0]]
    grown = [Grown(one.leaf, "", one.leaf_key, "", None, "", len(one.samples), len(one.rejected)) for one in named]
    failed = Grown("knowledge/never/answered", "", "0" * 64, "", None, "", 0, 3)
    store.write(_LATEST, _JSON.dump_json(Record("", "", leaves=(*grown, failed))))
    return tmp_path / "state"


def test_the_recorded_leaves_are_exported(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["export", "--state", str(state), str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == 1
    assert [leaf["leaf"] for leaf in said["leaves"]] == [SKILL, PATHS[1]]
    assert {file["path"] for file in said["files"]} >= {"README.md", "data/samples.parquet"}
    assert (out / "export.json").is_file()


def test_one_format_of_one_branch(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    args = ["export", "--state", str(state), "--format", "lm-eval", "--leaf", "knowledge/", "--all", str(out)]
    assert main(args) == 0
    assert sorted(path.name for path in (out / "lm-eval").glob("*.yaml")) == [
        "seedbed_knowledge_history_valley_clocks.yaml",
        "seedbed_knowledge_technology_ostrel_clock.yaml",
    ]
    assert "exported 2 datasets" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--state", str(state), "--dry-run", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert SKILL in said
    assert "would export 2 datasets with" in said
    assert not (tmp_path / "out").exists()


def test_an_earlier_export_needs_force(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["export", "--state", str(state), "--format", "card", str(tmp_path / "out")]
    assert main(args) == 0
    assert main(args) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*args, "--force"]) == 0


def test_an_unknown_leaf_is_said(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--state", str(state), "--leaf", "knowledge/moon", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "no leaf 'knowledge/moon' has a dataset" in said
    assert SKILL in said


def test_without_datasets_the_next_step_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--state", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "`seedbed generate` makes those" in capsys.readouterr().err


def test_without_a_record_of_merges_the_newest_generation_of_each_leaf_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, first = FileStore(tmp_path / "store"), datasets()[0]
    for target in (2, 3):
        parts = KeyParts("text", "", "flow", "teacher", target)
        save_dataset(store, replace(first, leaf_key=parts.key, samples=(), rejected=()))
        lineage.note(store, first.leaf, parts)
    assert main(["export", "--state", str(tmp_path), "--dry-run", "--json", str(tmp_path / "out")]) == 0
    assert [leaf["key"] for leaf in json.loads(capsys.readouterr().out)["leaves"]] == [parts.key]


def test_wrong_use(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", "--state", str(state), "--format", "csv", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "unknown format 'csv'" in capsys.readouterr().err
    assert main(["export", "--state", str(state), "--format", "card", "--rejected", str(tmp_path / "out")]) == 2
    assert "add --format parquet" in capsys.readouterr().err
    assert main(["export", "--settings", str(tmp_path / "none.toml"), str(tmp_path / "out")]) == 2
    assert "none.toml" in capsys.readouterr().err


def test_a_damaged_manifest_is_named(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FileStore(state / "store").write("leaves/bad/manifest.json", b"{")
    assert main(["export", "--state", str(state), "--all", str(tmp_path / "out")]) == 1
    assert "leaves/bad/manifest.json in the store is damaged" in capsys.readouterr().err
