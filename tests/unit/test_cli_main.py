"""The entry point: subcommands, wrong use, and the commands that need no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli import doctor
from bot.cli import main as entry
from bot.cli.main import COMMANDS, main
from pipeline.gate import Verdict
from pipeline.registry import Registry
from pipeline.teacher import choose
from pipeline.teacher.port import TeacherError


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_subcommand_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"seedbed {name}" in said
    assert "example" in said or "such as" in said


@pytest.mark.parametrize("arguments", [[], ["plant"], ["rollback", "--sideways"]])
def test_wrong_use_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: seedbed" in capsys.readouterr().err


def test_a_missing_extra_is_said_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError("No module named 'dbos'", name="dbos")

    monkeypatch.setattr(entry, "import_module", absent)
    with pytest.raises(SystemExit) as stop:
        main(["worker"])
    assert stop.value.code == 2
    assert "pip install 'seedbed[bot,train]'" in capsys.readouterr().err


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("SEEDBED_REPOSITORY", "valley/taxonomy")
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    for build in ("b1", "b2"):
        (tmp_path / "builds" / build / "model").mkdir(parents=True)
    found = Registry(tmp_path / "registry")
    found.promote(Verdict("PROMOTE", (), (), "base", "b1"))
    found.promote(Verdict("PROMOTE", (), (), "b1", "b2"))
    return found


def test_rollback_puts_the_previous_champion_back(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--dry-run"]) == 0
    assert registry.aliases().champion == "b2"
    assert main(["rollback", "--json"]) == 0
    assert registry.aliases().champion == "b1"
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "champion b2 would become b1"
    assert json.loads(said[1])["after"]["champion"] == "b1"


def test_rollback_without_a_champion_says_so(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["rollback"]) for _ in range(3)] == [0, 0, 1]
    assert registry.aliases().champion is None
    assert "nothing to roll back" in capsys.readouterr().err


def test_the_doctor_reports_a_machine_that_can_only_lint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing() -> None:
        raise TeacherError("no engine is installed")

    monkeypatch.setattr(choose, "which_engine", nothing)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert main(["doctor", "--json"]) == 1
    found = {line["what"]: line for line in json.loads(capsys.readouterr().out)["findings"]}
    assert found["teacher engine"]["next"].startswith("no engine is installed")
    assert "seedbed[bot]" in found["extra bot"]["next"]
    assert found["git"]["mark"] == "ok"


@pytest.mark.parametrize("name", ["serve", "worker", "build", "rollback"])
def test_missing_settings_are_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SEEDBED_REPOSITORY", raising=False)
    assert main([name]) == 2
    assert "SEEDBED_REPOSITORY" in capsys.readouterr().err


def test_serve_refuses_to_start_without_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEEDBED_REPOSITORY", "valley/taxonomy")
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    assert main(["serve"]) == 2
    assert "SEEDBED_WEBHOOK_SECRETS" in capsys.readouterr().err
