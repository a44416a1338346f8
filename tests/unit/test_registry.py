from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import registry as module
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


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b"\xff", b'"b1"', b'{"champion": 1}', b'{"champion": ""}', b'{"king": "b1"}'),
        *(b'{"rejected": ["b1"]}', b'{"rejected": {"b1": 1}}', b'{"generation": "two"}'),
    ],
)
def test_a_damaged_file_is_named_and_nothing_moves(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "aliases.json").write_bytes(data)
    registry = Registry(tmp_path)
    actions: list[Callable[[], object]] = [
        registry.aliases,
        registry.rollback,
        lambda: registry.nominate("b1"),
        lambda: registry.promote(verdict("b1")),
    ]
    for action in actions:
        with pytest.raises(RegistryError, match=r"aliases\.json is damaged.*seedbed rollback --repair"):
            action()
    assert (tmp_path / "aliases.json").read_bytes() == data
    with pytest.raises(RegistryError, match=r"log\.jsonl has no whole line; copy champion and previous"):
        registry.repair()


def promoted(folder: Path, *builds: str) -> Registry:
    registry = Registry(folder)
    for before, build in zip(("base", *builds), builds, strict=False):
        registry.promote(verdict(build, before))
    return registry


def test_names_are_repaired_from_the_last_whole_line_of_the_log(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    before = registry.aliases()
    with (tmp_path / "log.jsonl").open("ab") as log:
        log.write(b'{"action": "promote", "champ')
    for damage in ("{", None):
        (tmp_path / "aliases.json").unlink() if damage is None else (tmp_path / "aliases.json").write_text(damage)
        with pytest.raises(RegistryError, match="seedbed rollback --repair"):
            registry.aliases()
        repaired = registry.repair(who="ada")
        assert repaired == before
        assert repaired.generation > before.generation
    assert registry.promote(verdict("b3", "b2")).champion == "b3"
    assert [entry["action"] for entry in registry.history()] == ["promote", "promote", "repair", "repair", "promote"]
    generation = registry.aliases().generation
    assert registry.repair().generation == generation  # nothing to repair


def test_lost_names_are_no_base_model(tmp_path: Path) -> None:
    """A champion must not give way to the base because a file went away."""
    promoted(tmp_path, "b1", "b2")
    (tmp_path / "aliases.json").unlink()
    with pytest.raises(RegistryError, match=r"aliases\.json is missing"):
        Registry(tmp_path).aliases()


def test_every_move_counts_and_no_other(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    counts = [registry.aliases().generation, registry.nominate("b1").generation, registry.nominate("b1").generation]
    counts += [registry.promote(verdict("b1")).generation, registry.rollback().generation]
    assert counts == [0, 1, 1, 2, 3]
    assert json.loads((tmp_path / "aliases.json").read_bytes())["generation"] == 3


def test_names_of_an_older_version_are_read(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text('{"candidate": null, "champion": "b2", "previous": "b1"}')
    pairs = (("b1", None), ("b2", "b1"))
    moves = [{"action": "promote", "candidate": None, "champion": now, "previous": before} for now, before in pairs]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(move) + "\n" for move in moves))
    after = Registry(tmp_path).rollback()
    assert (after.champion, after.previous, after.generation) == ("b1", None, 1)


def test_a_rollback_says_who_and_why_in_the_log(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    registry.rollback(who="ada", why="it is rude", at="2026-05-10T10:00:00Z")
    last = registry.history()[-1]
    assert {name: last[name] for name in ("action", "from", "champion", "who", "why", "at")} == {
        "action": "rollback",
        "from": "b2",
        "champion": "b1",
        "who": "ada",
        "why": "it is rude",
        "at": "2026-05-10T10:00:00Z",
    }


def test_what_was_rolled_back_is_not_promoted_again(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    registry.rollback(who="ada", why="it is rude")
    assert registry.aliases().rejected == {"b2": "rolled back by ada: it is rude"}
    with pytest.raises(RegistryError, match=r"b2 was rolled back by ada: it is rude.*change a leaf.*--to b2"):
        registry.promote(verdict("b2", "b1"))
    assert registry.foresee(verdict("b2", "b1")) == registry.aliases()
    assert "rolled back by ada" in (registry.rejection("b2") or "")
    assert registry.rejection("b1") is None
    assert registry.promote(verdict("b3", "b1")).champion == "b3"  # other inputs, another id
    with pytest.raises(RegistryError, match="rolled back by ada"):
        registry.promote(verdict("b2", "b3"))


def test_repeated_rollbacks_walk_back_through_the_champions(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2", "b3")
    seen = [registry.rollback() for _ in range(3)]
    assert [(names.champion, names.previous) for names in seen] == [("b2", "b1"), ("b1", None), (None, None)]
    assert set(registry.aliases().rejected) == {"b1", "b2", "b3"}


def test_rolling_back_to_a_build_skips_and_rejects_what_came_after(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2", "b3")
    assert registry.preview_rollback("b1").champion == "b1"
    assert registry.aliases().champion == "b3"
    after = registry.rollback("b1", who="ada", why="older is better")
    assert (after.champion, after.previous, set(after.rejected)) == ("b1", None, {"b2", "b3"})


def test_a_rejected_build_can_be_put_back_by_hand(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    registry.rollback()
    after = registry.rollback("b2", why="it was not to blame")
    assert (after.champion, after.previous, set(after.rejected)) == ("b2", "b1", set())


def test_a_champion_that_gives_way_to_one_of_another_line_is_rejected(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    registry.rollback()
    registry.promote(verdict("b3", "b1"))
    after = registry.rollback("b2")
    assert (after.champion, after.previous, set(after.rejected)) == ("b2", "b1", {"b3"})


def test_rolling_back_to_the_base(tmp_path: Path) -> None:
    after = promoted(tmp_path, "b1", "b2").rollback("base")
    assert (after.champion, after.previous, set(after.rejected)) == (None, None, {"b1", "b2"})


@pytest.mark.parametrize(
    ("to", "message"),
    [("b2", "b2 is the champion already"), ("b9", "b9 was never the champion.*knows b1, b2")],
)
def test_a_rollback_to_what_cannot_be_is_refused(tmp_path: Path, to: str, message: str) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    with pytest.raises(RegistryError, match=message):
        registry.rollback(to)
    assert registry.aliases().champion == "b2"


def test_without_a_champion_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    for to in (None, "base"):
        with pytest.raises(RegistryError, match="nothing to roll back"):
            Registry(tmp_path).rollback(to)


def test_what_the_ledger_keeps_depends_on_no_machine(tmp_path: Path) -> None:
    here, there = promoted(tmp_path / "here", "b1", "b2"), promoted(tmp_path / "there", "b1", "b2")
    there.nominate("b9")
    assert here.aliases().for_ledger() == there.aliases().for_ledger()
    assert json.loads(here.aliases().for_ledger()) == {"champion": "b2", "previous": "b1", "rejected": {}}


def test_the_ledger_can_be_written_before_the_names_move(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1")
    coming = registry.foresee(verdict("b2", "b1"))
    assert registry.aliases().champion == "b1"
    assert registry.promote(verdict("b2", "b1")) == coming
    assert registry.foresee(verdict("b3", "b2", hold=True)) == registry.aliases()
    with pytest.raises(RegistryError, match="compared with b1, and the champion is now b2"):
        registry.foresee(verdict("b4", "b1"))


@pytest.mark.parametrize("writer", ["append_durably", "write_durably"])
def test_a_full_disk_leaves_the_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    registry = promoted(tmp_path, "b1")

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, writer, full)
        for action in (lambda: registry.promote(verdict("b2", "b1")), registry.rollback):
            with pytest.raises(RegistryError, match=r"No space left on device.*the champion is what it was"):
                action()
    assert registry.aliases().champion == "b1"
    assert registry.promote(verdict("b2", "b1")).champion == "b2"


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline import registry
from pipeline.gate import Verdict
whole = getattr(registry, sys.argv[2])
def die(path, data):
    if sys.argv[3] == "after":
        whole(path, data)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(registry, sys.argv[2], die)
registry.Registry(Path(sys.argv[1])).promote(Verdict("PROMOTE", (), (), "b1", "b2"))
"""


@pytest.mark.parametrize("writer", ["append_durably", "write_durably"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_the_writes_leaves_one_champion_or_the_other(tmp_path: Path, writer: str, when: str) -> None:
    registry = promoted(tmp_path, "b1")
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), writer, when], cwd=Path(__file__).parents[2])
    assert run.returncode == -signal.SIGKILL
    moved = (writer, when) == ("write_durably", "after")
    assert registry.aliases().champion == ("b2" if moved else "b1")
    assert registry.promote(verdict("b2", "b1" if not moved else "base")).champion == "b2"
    assert registry.aliases().previous == "b1"
    assert registry.rollback().champion == "b1"


def test_moves_of_several_come_one_after_another(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Registry(tmp_path).nominate(f"b{number}"), range(40)))
    moves = Registry(tmp_path).history()
    assert [move["generation"] for move in moves] == list(range(1, 41))
    assert Registry(tmp_path).aliases().candidate == moves[-1]["candidate"]


def test_a_rollback_takes_less_than_a_second_after_years(tmp_path: Path) -> None:
    registry = promoted(tmp_path, "b1", "b2")
    line = (tmp_path / "log.jsonl").read_bytes().splitlines()[0]
    with (tmp_path / "log.jsonl").open("ab") as log:
        log.write((line + b"\n") * 4000)  # ten years of nights
    start = time.process_time()
    assert registry.rollback().champion == "b1"
    assert time.process_time() - start < 1.0
