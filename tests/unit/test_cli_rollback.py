from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.cli.main import main
from pipeline.gate import Verdict
from pipeline.registry import Registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Three champions one after another, the last of them now."""
    monkeypatch.setenv("SEEDBED_REPOSITORY", "valley/taxonomy")
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    found = Registry(tmp_path / "registry")
    for before, build in (("base", "b1"), ("b1", "b2"), ("b2", "b3")):
        (tmp_path / "builds" / build / "model").mkdir(parents=True)
        found.promote(Verdict("PROMOTE", (), (), before, build))
    return found


def test_a_build_can_be_named_with_who_and_why(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--to", "b1", "--reason", "b2 began it", "--by", "ada"]) == 0
    assert capsys.readouterr().out == (
        "champion was b3, is b1; not promoted again before their inputs change: b2, b3\n"
    )
    last = registry.history()[-1]
    assert (last["who"], last["why"], last["from"], last["champion"]) == ("ada", "b2 began it", "b3", "b1")
    assert last["at"].endswith("+00:00")


def test_the_account_signs_where_nobody_is_named(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    assert main(["rollback"]) == 0
    assert registry.history()[-1]["who"] == "grace"


def test_a_dry_run_says_it_and_changes_nothing(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--to", "base", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["dry_run"], said["before"]["champion"], said["after"]["champion"]) == (True, "b3", None)
    assert registry.aliases().champion == "b3"


def test_a_build_that_was_never_champion_is_refused(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--to", "b9"]) == 1
    assert "b9 was never the champion" in capsys.readouterr().err
    assert registry.aliases().champion == "b3"


def test_a_model_that_is_missing_is_not_gone_back_to(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tmp_path / "builds" / "b2")
    assert main(["rollback"]) == 1
    assert "the model of build b2 is missing" in capsys.readouterr().err
    assert registry.aliases().champion == "b3"
    assert main(["rollback", "--to", "b1"]) == 0


def test_damaged_names_are_repaired_on_demand(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "registry" / "aliases.json").write_text("{")
    assert main(["rollback"]) == 1
    assert "`seedbed rollback --repair`" in capsys.readouterr().err
    assert main(["rollback", "--repair", "--by", "ada"]) == 0
    assert capsys.readouterr().out == "champion is b3\n"
    assert main(["rollback"]) == 0
    assert registry.aliases().champion == "b2"


@pytest.mark.parametrize("more", [["--to", "b1"], ["--dry-run"]])
def test_a_repair_goes_alone(registry: Registry, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--repair", *more]) == 2
    assert "--repair goes with neither" in capsys.readouterr().err
