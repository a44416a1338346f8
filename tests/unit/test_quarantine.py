from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipeline import quarantine
from pipeline.blame import Blame, Culprit
from pipeline.ledger import Entry, record
from pipeline.quarantine import Ended, Quarantine, Quarantined, QuarantineError, parse, sentence, sift, to_json
from pipeline.statistics import Interval
from pipeline.waivers import Waiver
from tests.building import bare_repository

TODAY = date(2026, 5, 10)
LEAF = "knowledge/geo/tarn"


def entry(leaf: str = LEAF, key: str = "k1", expires: date = date(2026, 6, 9)) -> Quarantined:
    return Quarantined(leaf, key, "b1", ("knowledge/geo/loch",), 0.31, 0.2, 0.42, expires)


def test_a_blame_becomes_entries_that_last_thirty_days() -> None:
    culprits = (
        Culprit(LEAF, ("knowledge/geo/loch",), Interval(0.31, 0.2, 0.42)),
        Culprit("compositional_skills/rude", ("safety",), None),
    )
    found = sentence(
        Blame(culprits, 3, "why"), {LEAF: "k1", "compositional_skills/rude": "k2"}, build="b1", today=TODAY
    )
    assert found[0] == entry()
    assert (found[1].effect, found[1].expires) == (None, date(2026, 6, 9))


def test_entries_are_kept_sorted_and_canonical(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path)
    assert kept.entries() == ()
    one, two = entry("knowledge/b"), entry("knowledge/a")
    assert kept.add([one]) == (one,)
    assert kept.add([two, one]) == (two, one)
    assert Quarantine(tmp_path).entries() == (two, one)
    data = (tmp_path / "quarantine.json").read_bytes()
    assert data == to_json([one, two]) == to_json([two, one])
    assert parse(data) == (two, one)
    kept.add([one])
    assert len((tmp_path / "quarantine.log.jsonl").read_text().splitlines()) == 2  # the third changed nothing


def test_a_new_entry_replaces_the_old_one_of_its_leaf(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path)
    kept.add([entry()])
    assert kept.add([entry(key="k2")]) == (entry(key="k2"),)


@pytest.mark.parametrize(
    ("keys", "today", "live", "why"),
    [
        ({LEAF: "k1"}, TODAY, True, ""),
        ({LEAF: "k1"}, date(2026, 6, 9), True, ""),
        ({LEAF: "k1"}, date(2026, 6, 10), False, "its quarantine ended on 2026-06-09"),
        ({LEAF: "k2"}, TODAY, False, "its content changed"),
        ({}, TODAY, True, ""),  # it is gone, and may come back as it was
    ],
)
def test_an_entry_ends_with_its_day_or_its_content(keys: dict[str, str], today: date, live: bool, why: str) -> None:
    found, ended = sift([entry()], keys, today)
    assert found == ((entry(),) if live else ())
    assert [one.why for one in ended] == ([] if live else [why])


def test_a_waiver_suspends_an_entry_and_does_not_end_it() -> None:
    waiver = Waiver("w", LEAF, "ada", "we know about it", date(2026, 6, 1), ".seedbed/waivers/w.yaml")
    assert sift([entry()], {LEAF: "k1"}, TODAY, [waiver]) == ((), ())
    assert sift([entry("knowledge/b")], {"knowledge/b": "k1"}, TODAY, [waiver])[0] == (entry("knowledge/b"),)


def test_what_ended_is_taken_out_and_logged_once(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path)
    kept.add([entry(), entry("knowledge/b")])
    ended = [Ended(entry(), "its content changed"), Ended(entry("knowledge/c"), "was never in")]
    assert kept.end(ended) == kept.end(ended) == (entry("knowledge/b"),)
    last = json.loads((tmp_path / "quarantine.log.jsonl").read_text().splitlines()[-1])
    assert last == {"action": "end", "leaves": [LEAF], "why": "its content changed"}


def test_an_entry_that_was_renewed_meanwhile_stays(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path)
    kept.add([entry(key="k2")])
    assert kept.end([Ended(entry(key="k1"), "its content changed")]) == (entry(key="k2"),)


def test_a_release_wants_a_reason_and_is_logged_with_who(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path)
    kept.add([entry()])
    with pytest.raises(QuarantineError, match="needs a reason"):
        kept.release(LEAF, who="ada", why=" ")
    with pytest.raises(QuarantineError, match=rf"knowledge/nowhere is not in quarantine; in it: {LEAF}"):
        kept.release("knowledge/nowhere", who="ada", why="because")
    assert kept.release(LEAF, who="ada", why="the victim was wrong", at="2026-05-10T10:00:00Z") == entry()
    assert kept.entries() == ()
    assert json.loads((tmp_path / "quarantine.log.jsonl").read_text().splitlines()[-1]) == {
        "action": "release",
        "leaves": [LEAF],
        "who": "ada",
        "why": "the victim was wrong",
        "at": "2026-05-10T10:00:00Z",
    }
    with pytest.raises(QuarantineError, match="in it: none"):
        kept.release(LEAF, who="ada", why="again")


def good() -> dict[str, object]:
    found: dict[str, object] = json.loads(to_json([entry()]))["entries"][0]
    return found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 2, "entries": []}',
        b'{"version": 1}',
        b'{"version": 1, "entries": [1]}',
        *(
            json.dumps({"version": 1, "entries": [good() | change]}).encode()
            for change in (
                {"leaf": ""},
                {"leaf": 7},
                {"victims": "all"},
                {"victims": [1]},
                {"effect": "much"},
                {"effect": True},
                {"effect": float("nan")},
                {"expires": "soon"},
                {"expires": None},
                {"more": 1},
            )
        ),
        json.dumps({"version": 1, "entries": [good(), good()]}).encode(),
        json.dumps({"version": 1, "entries": [{"leaf": "x"}]}).encode(),
    ],
)
def test_a_damaged_file_is_an_error_and_nothing_is_written_over_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "quarantine.json").write_bytes(data)
    kept = Quarantine(tmp_path)
    actions: list[Callable[[], object]] = [
        kept.entries,
        lambda: kept.add([entry()]),
        lambda: kept.end([Ended(entry(), "x")]),
        lambda: kept.release(LEAF, who="ada", why="because"),
    ]
    for action in actions:
        with pytest.raises(QuarantineError, match=r"quarantine\.json is damaged .* `seedbed quarantine restore`"):
            action()
    assert (tmp_path / "quarantine.json").read_bytes() == data


def ledger(path: Path, data: bytes) -> Path:
    commit = bare_repository(path)
    record(path, Entry("b1", commit, "Build b1: HOLD", {"manifest.json": b"{}"}, quarantine=data))
    return path


def test_a_lost_file_is_read_from_the_ledger(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "registry", ledger(tmp_path / "a.git", to_json([entry()])))
    assert kept.entries() == (entry(),)
    kept.add([entry("knowledge/b")])
    assert Quarantine(tmp_path / "registry").entries() == (entry("knowledge/b"), entry())


def test_a_release_after_the_loss_holds(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "registry", ledger(tmp_path / "a.git", to_json([entry()])))
    kept.release(LEAF, who="ada", why="because")
    assert kept.entries() == ()


def test_restoring_moves_the_damaged_file_aside(tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    kept = Quarantine(folder, ledger(tmp_path / "a.git", to_json([entry()])))
    folder.mkdir()
    for number in (1, 2):
        (folder / "quarantine.json").write_text("{")
        assert kept.restore() == (entry(),)
        assert (folder / f"quarantine.json.damaged-{number}").read_text() == "{"
    assert kept.restore() == (entry(),)
    assert not (folder / "quarantine.json.damaged-3").exists()
    kept.release(LEAF, who="ada", why="because")
    assert kept.restore() == ()  # a sound file is newer than the ledger, and stays


def test_a_damaged_ledger_is_said(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "registry", ledger(tmp_path / "a.git", b"{"))
    with pytest.raises(QuarantineError, match=r"quarantine.json at the tip of the ledger is damaged"):
        kept.entries()


@pytest.mark.parametrize("name", ["none.git", "empty.git"])
def test_without_a_ledger_there_are_no_entries(tmp_path: Path, name: str) -> None:
    bare_repository(tmp_path / "empty.git")
    assert Quarantine(tmp_path / "registry", tmp_path / name).entries() == ()


@pytest.mark.parametrize("writer", ["append_durably", "write_durably"])
def test_a_full_disk_changes_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    kept = Quarantine(tmp_path)
    kept.add([entry()])

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(quarantine, writer, full)
        with pytest.raises(QuarantineError, match=r"No space left on device.*entries are what they were"):
            kept.add([entry("knowledge/b")])
    assert kept.entries() == (entry(),)
    assert kept.add([entry("knowledge/b")]) == (entry("knowledge/b"), entry())


def test_entries_without_an_effect_survive(tmp_path: Path) -> None:
    bare = replace(entry(), effect=None, low=None, high=None, victims=())
    assert Quarantine(tmp_path).add([bare]) == Quarantine(tmp_path).entries() == (bare,)
