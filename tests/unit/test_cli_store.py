"""`seedbed store`: what people and programs get to read, and exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bot.cli.main import main
from tests.unit import store_town
from tests.unit.store_town import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr(time, "time", lambda: store_town.NOW)
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    town = Town(tmp_path / "state")
    town.responses([f"old {n}" for n in range(100)], 200)
    main_key = town.dataset("knowledge/a", 300)
    town.record([main_key], 1, latest=True)
    town.dataset("knowledge/b", 200)
    return town


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["store", *arguments]) == code
    return capsys.readouterr().out


def test_stats(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "stats").splitlines()
    assert lines[0].split()[:2] == ["responses", "100"]
    assert lines[0].endswith("oldest 200 d, longest unused 200 d")
    assert lines[1].split()[:2] == ["datasets", "2"]
    assert lines[-1] == "Of the datasets, 1 are of the present leaves, 0 of earlier states and builds."
    found = json.loads(said(capsys, "stats", "--json"))
    assert found["version"] == 1
    assert set(found) == {"version", "responses", "datasets", "documents", "builds", "aside", "leftovers"}
    assert found["datasets"] == found["datasets"] | {"count": 2, "present": 1, "oldest": 300, "newest": 200}


def test_verify_and_repair(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify") == "all is sound\n"
    assert said(capsys, "repair") == "there is nothing to mend\n"
    key = town.dataset("knowledge/c", 50)
    town.store.delete(f"leaves/{key}/manifest.json")
    assert said(capsys, "verify", code=1).startswith(f"datasets: leaves/{key}: its manifest is missing")
    (fault,) = json.loads(said(capsys, "verify", "--json", code=1))["faults"]
    assert fault == fault | {"kind": "datasets", "where": f"leaves/{key}", "next": "seedbed store repair"}
    planned = said(capsys, "repair", "--dry-run")
    assert planned.startswith(f"leaves/{key}: its manifest is missing")
    assert planned.endswith("Nothing was done. Without --dry-run it would be.\n")
    (action,) = json.loads(said(capsys, "repair", "--json"))["actions"]
    assert f"moved to damaged/leaves/{key}/1" in action["did"]
    assert said(capsys, "verify") == "all is sound\n"


def test_gc(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    planned = said(capsys, "gc", "--max-age", "180d", "--dry-run")
    assert "would free" in planned
    assert "1 datasets\n" in planned
    assert "100 responses\n" in planned
    assert town.answered() == 100
    done = json.loads(said(capsys, "gc", "--max-age", "26w", "--json"))
    assert {kind: removed["count"] for kind, removed in done["freed"].items()} == {"datasets": 1, "responses": 100}
    assert done["left_bytes"] > 0
    assert said(capsys, "gc", "--max-age", "180d").startswith("nothing to remove\n")


def test_gc_without_a_limit_says_how_to_set_one(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No limit is set: give --max-size or --max-age" in said(capsys, "gc")
    assert town.answered() == 100


def test_gc_takes_the_limits_of_the_settings(
    town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_STORE_MAX_DAYS", "150")
    assert "100 responses" in said(capsys, "gc", "--dry-run")
    monkeypatch.setenv("SEEDBED_STORE_MAX_DAYS", "250")
    assert said(capsys, "gc", "--dry-run").startswith("nothing to remove")
    monkeypatch.setenv("SEEDBED_STORE_MAX_GB", "0.000001")
    assert "100 responses" in said(capsys, "gc", "--dry-run")


def test_gc_says_why_something_stays(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.store.write("merges/latest.json", b"{")
    assert main(["store", "gc", "--max-age", "1d"]) == 0
    assert "note: the record merges/latest.json is damaged; remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "limit"), [("20GB", 20e9), ("1.5 TB", 1.5e12), ("500m", 5e8), ("2GiB", 2 << 30), ("100", 100)]
)
def test_sizes(text: str, limit: float) -> None:
    from bot.cli.store import _size

    assert _size(text) == limit


@pytest.mark.parametrize(
    "arguments",
    [
        ("gc", "--max-size", "big"),
        ("gc", "--max-age", "-3d"),
        ("gc", "--max-age", "3y"),
        ("gc", "--keep", "few"),
        ("gc", "--max-size", "-1GB"),
        ("nothing",),
        (),
    ],
)
def test_wrong_use(town: Town, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["store", *arguments])
    assert stopped.value.code == 2


def test_a_state_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "stats", "--state", str(tmp_path / "nowhere")]) == 2
    assert "nowhere; name the state folder with --state" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_store_elsewhere(town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_STORE_URL", "memory://test_a_store_elsewhere/x")
    assert json.loads(said(capsys, "stats", "--json"))["datasets"]["count"] == 0
    monkeypatch.setenv("SEEDBED_STORE_URL", "nosuch://place")
    assert main(["store", "stats"]) == 1
    assert "nosuch://place cannot be reached" in capsys.readouterr().err


def test_a_file_in_use_is_not_repaired(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.responses import Responses

    worker = Responses(town.places.responses)
    with town.places.responses.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    assert main(["store", "repair"]) == 1
    assert "is in use; stop the worker" in capsys.readouterr().err
    worker.close()
