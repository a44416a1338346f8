from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from bot.cli.main import main
from pipeline.ledger import Entry, record
from pipeline.quarantine import Quarantine, Quarantined, to_json
from tests.building import bare_repository

ENTRY = Quarantined(
    "knowledge/geo/tarn", "k1", "b1", ("knowledge/geo/loch", "safety"), 0.31, 0.2, 0.42, date(2026, 6, 9)
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with one leaf in quarantine."""
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    Quarantine(tmp_path / "registry").add([ENTRY])
    return tmp_path


def test_the_list_says_why_and_until_when(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "list"]) == 0
    assert capsys.readouterr().out == (
        "knowledge/geo/tarn\n"
        "    until 2026-06-09, or until it changes; blocked build b1\n"
        "    harmed knowledge/geo/loch, safety by +0.310 nats per token (+0.200 to +0.420)\n"
    )
    assert main(["quarantine", "list", "--json"]) == 0
    (only,) = json.loads(capsys.readouterr().out)["quarantined"]
    assert (only["leaf"], only["expires"], only["effect"]) == ("knowledge/geo/tarn", "2026-06-09", 0.31)


def test_a_release_takes_the_leaf_out_and_says_so(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "release", "knowledge/geo/tarn/", "--reason", "loch was wrong", "--by", "ada"]) == 0
    assert capsys.readouterr().out == "knowledge/geo/tarn takes part in the next build again\n"
    assert main(["quarantine", "list"]) == 0
    assert capsys.readouterr().out == "no leaf is in quarantine\n"
    line = json.loads((state / "registry" / "quarantine.log.jsonl").read_text().splitlines()[-1])
    assert (line["who"], line["why"], line["leaves"]) == ("ada", "loch was wrong", ["knowledge/geo/tarn"])


def test_a_release_of_what_is_not_in_names_what_is(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "release", "knowledge/geo/loch", "--reason", "because", "--json"]) == 1
    assert "in it: knowledge/geo/tarn" in capsys.readouterr().err


def test_a_release_without_a_reason_is_wrong_use(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["quarantine", "release", "knowledge/geo/tarn"])
    assert stop.value.code == 2
    assert "--reason" in capsys.readouterr().err
    assert main(["quarantine", "release", "knowledge/geo/tarn", "--reason", " "]) == 1
    assert Quarantine(state / "registry").entries() == (ENTRY,)


def test_a_damaged_file_is_restored_from_the_ledger(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit = bare_repository(state / "mirror.git")
    record(state / "mirror.git", Entry("b1", commit, "Build b1: HOLD", {"x": b""}, quarantine=to_json([ENTRY])))
    (state / "registry" / "quarantine.json").write_text("{")
    assert main(["quarantine", "list"]) == 1
    assert "`seedbed quarantine restore`" in capsys.readouterr().err
    assert main(["quarantine", "restore", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quarantined"][0]["leaf"] == "knowledge/geo/tarn"
    assert Quarantine(state / "registry").entries() == (ENTRY,)


def test_a_state_folder_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "list", "--state", str(tmp_path / "none")]) == 2
    assert "name the state folder with --state" in capsys.readouterr().err


def test_text_of_strangers_cannot_steer_the_terminal(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Quarantine(state / "registry").add(
        [Quarantined("knowledge/\x1b[2J", "k", "b1", ("a\x1b[0m",), None, None, None, date(2026, 6, 9))]
    )
    assert main(["quarantine", "list"]) == 0
    assert "\x1b" not in capsys.readouterr().out
