from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.gate import Verdict
from pipeline.registry import Aliases, Registry, RegistryError


def verdict(build: str, against: str = "base", *, hold: bool = False) -> Verdict:
    return Verdict("HOLD" if hold else "PROMOTE", ("because",), (), against, build)


def test_promotion_moves_the_names_and_writes_the_log(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.aliases() == Aliases()
    registry.nominate("b1")
    assert registry.promote(verdict("b1")) == Aliases("b1", None, None)
    assert registry.promote(verdict("b2", "b1")) == Aliases("b2", "b1", None)
    assert Registry(tmp_path).aliases() == Aliases("b2", "b1", None)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["action"] for entry in log] == ["nominate", "promote", "promote"]


def test_promoting_twice_is_once(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote(verdict("b1"))
    registry.promote(verdict("b1"))
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_a_held_build_is_never_promoted(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="not promoted by the gate: because"):
        Registry(tmp_path).promote(verdict("b1", hold=True))


def test_a_verdict_against_another_champion_does_not_count(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote(verdict("b1"))
    with pytest.raises(RegistryError, match="compared with base, and the champion is now b1"):
        registry.promote(verdict("b2"))


def test_rollback_goes_back_one_and_then_to_the_base(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote(verdict("b1"))
    registry.promote(verdict("b2", "b1"))
    assert registry.rollback().champion == "b1"
    assert registry.rollback().champion is None
    with pytest.raises(RegistryError, match="nothing to roll back"):
        registry.rollback()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text("{")
    with pytest.raises(RegistryError, match=r"aliases\.json is damaged"):
        Registry(tmp_path).aliases()
