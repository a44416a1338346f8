"""Housekeeping: what there is, what is wrong with it, what may go, and what never goes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.housekeeping import Collected, Limits, collect, repair, stats, verify
from pipeline.housekeeping.places import Places
from pipeline.leafdata import load_dataset
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.store.port import StoreError
from tests.unit.store_town import DAY_S, NOW, Town, aged, digest

DAYS_30 = 30 * DAY_S


@pytest.fixture
def town(tmp_path: Path) -> Town:
    (tmp_path / "state").mkdir()
    return Town(tmp_path / "state")


@pytest.fixture
def settled(original: Town, tmp_path: Path) -> Town:
    """`main` stands on one dataset of old answers and an old document; all else is old and stands alone."""
    return Town(shutil.copytree(original.state, tmp_path / "state"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = Town(tmp_path_factory.mktemp("original") / "state")
    town.state.mkdir()
    _, document = town.mirror("needed", 400)
    town.mirror("spare", 400)
    town.responses(["needed 1", "needed 2 of the judge"], 400)
    town.responses([f"spare {n}" for n in range(200)], 300)
    town.responses(["fresh"], 3)
    main = town.dataset("knowledge/a", 400, made_of=["needed 1", "needed 2"], document=document)
    town.record([main], 1, latest=True)
    town.dataset("knowledge/b", 200, made_of=["spare 1"])
    town.dataset("knowledge/c", 2)
    return town


def datasets(town: Town) -> int:
    return sum(key.endswith("/manifest.json") for key in town.store.keys("leaves/"))


def test_all_kinds_are_counted(settled: Town) -> None:
    settled.build("b1", [], 5)
    found = stats(settled.places, NOW, keep=3)
    assert found["responses"]["count"] == 203
    assert (found["responses"]["oldest"], found["responses"]["unused"]) == (400, 400)
    assert found["datasets"]["count"] == 3
    assert (found["datasets"]["present"], found["datasets"]["earlier"]) == (1, 0)
    assert (found["datasets"]["oldest"], found["datasets"]["newest"]) == (400, 2)
    assert found["documents"]["count"] == 2
    assert found["documents"]["bytes"] > 1000
    assert found["builds"]["count"] == 1
    assert found["aside"]["count"] == found["leftovers"]["count"] == 0


def test_an_empty_state_has_figures_too(town: Town) -> None:
    found = stats(town.places, NOW, keep=3)
    assert all(kind["count"] == 0 for kind in found.values())
    assert not town.places.responses.exists()


def test_a_damaged_record_hides_only_what_it_would_say(settled: Town) -> None:
    settled.store.write("merges/latest.json", b"{")
    found = stats(settled.places, NOW, keep=3)["datasets"]
    assert (found["count"], found["present"]) == (3, None)


def break_text(town: Town, leaf: str) -> None:
    town.store.write(f"{leaf}/samples.jsonl", b"altered\n")
    aged(town.state / "store" / leaf / "samples.jsonl", 2)


def cut_short(town: Town, leaf: str) -> None:
    town.store.delete(f"{leaf}/manifest.json")


def break_manifest(town: Town, leaf: str) -> None:
    town.store.write(f"{leaf}/manifest.json", b"{")
    aged(town.state / "store" / leaf / "manifest.json", 2)


def test_what_is_sound_is_left_alone(settled: Town) -> None:
    assert list(verify(settled.places, NOW)) == []
    assert list(repair(settled.places, NOW)) == []


@pytest.mark.parametrize("harm", [break_text, cut_short, break_manifest])
def test_a_broken_dataset_is_moved_aside(settled: Town, harm: Callable[[Town, str], None]) -> None:
    leaf = f"leaves/{settled.dataset('knowledge/d', 50)}"
    before = {key: settled.store.read(key) for key in settled.store.keys(f"{leaf}/")}
    harm(settled, leaf)
    (fault,) = verify(settled.places, NOW)
    assert (fault.kind, fault.where) == ("datasets", leaf)
    (planned,) = repair(settled.places, NOW, dry_run=True)
    assert len(list(verify(settled.places, NOW))) == 1
    (done,) = repair(settled.places, NOW)
    assert done == planned
    assert "made anew from the stored responses" in done.did
    assert list(settled.store.keys(f"{leaf}/")) == []
    kept = [key.rpartition("/")[2] for key in settled.store.keys(f"damaged/{leaf}/1/")]
    assert set(kept) <= {key.rpartition("/")[2] for key in before}
    assert "rejected.jsonl" in kept
    assert list(verify(settled.places, NOW)) == []


def test_a_second_damage_finds_a_place_of_its_own(settled: Town) -> None:
    for number in (1, 2):
        leaf = f"leaves/{settled.dataset('knowledge/d', 50)}"
        cut_short(settled, leaf)
        (done,) = repair(settled.places, NOW)
        assert f"damaged/{leaf}/{number}" in done.did


def test_a_dataset_in_the_making_is_no_fault(settled: Town) -> None:
    key = settled.dataset("knowledge/d", 0.01)
    cut_short(settled, f"leaves/{key}")
    assert list(verify(settled.places, NOW)) == []
    assert list(repair(settled.places, NOW)) == []


def test_a_damaged_response_file_is_replaced(settled: Town) -> None:
    path = settled.places.responses
    damaged = bytearray(path.read_bytes())
    damaged[:100] = bytes(100)
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"damaged.*seedbed store repair"):
        Responses(path)
    (fault,) = verify(settled.places, NOW)
    assert (fault.kind, fault.where) == ("responses", "responses.sqlite")
    (planned,) = repair(settled.places, NOW, dry_run=True)
    assert "203 responses saved" in planned.did
    assert path.read_bytes() == damaged
    (done,) = repair(settled.places, NOW)
    assert done.did.endswith("the damaged file is kept as responses.sqlite.damaged-1")
    assert settled.answered() == 203
    assert list(verify(settled.places, NOW)) == []


def test_not_while_a_worker_has_the_file(settled: Town) -> None:
    path = settled.places.responses
    worker = Responses(path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreError, match="in use; stop the worker"):
        list(repair(settled.places, NOW))
    worker.close()


def test_a_broken_document_is_moved_aside(settled: Town) -> None:
    path, _ = settled.mirror("third", 5)
    for file in [*path.glob("objects/??/*"), *path.glob("objects/pack/*")]:
        file.chmod(0o644)
        file.write_bytes(b"rubbish")
    aged(path, 5)
    (fault,) = verify(settled.places, NOW)
    assert (fault.kind, fault.where) == ("documents", f"documents/{path.name}")
    assert fault.what.startswith("git fsck failed")
    (done,) = repair(settled.places, NOW)
    assert "fetched again when it is asked for" in done.did
    assert not path.exists()
    assert path.with_name(f"{path.name}.damaged-1").exists()
    assert list(verify(settled.places, NOW)) == []


def test_a_document_without_its_objects_is_broken(settled: Town) -> None:
    path, _ = settled.mirror("third", 5)
    shutil.rmtree(path / "objects" / "pack")
    for folder in path.glob("objects/??"):
        shutil.rmtree(folder)
    assert [fault.where for fault in verify(settled.places, NOW)] == [f"documents/{path.name}"]


def test_leftovers_are_removed_once_they_are_old(settled: Town) -> None:
    builds = settled.state / "builds" / "b"
    builds.mkdir(parents=True)
    old = [
        settled.state / "store" / "leaves" / ".writing-old",
        builds / ".scores.json.1-2.part",
    ]
    for path in old:
        aged_file(path, 2)
    folder = settled.places.documents / "x.git.partial-abc"
    folder.mkdir()
    aged(folder, 2)
    young = aged_file(settled.state / "store" / "leaves" / ".writing-young", 0.01)
    said = [(fault.kind, fault.where) for fault in verify(settled.places, NOW)]
    names = ["documents/x.git.partial-abc", "builds/b/.scores.json.1-2.part", "store/leaves/.writing-old"]
    assert said == [("leftovers", name) for name in names]
    assert [action.where for action in repair(settled.places, NOW)] == names
    assert list(verify(settled.places, NOW)) == []
    assert young.exists()


def test_a_damaged_record_is_named(settled: Town) -> None:
    settled.store.write("merges/latest.json", b'{"leaves": 3}')
    (fault,) = verify(settled.places, NOW)
    assert fault.kind == "records"
    assert "merges/latest.json is damaged; remove it" in fault.what
    assert list(repair(settled.places, NOW)) == []


def aged_file(path: Path, days: float) -> Path:
    path.write_bytes(b"half")
    return aged(path, days)


def freed(done: Collected) -> dict[str, int]:
    return {kind: removed.count for kind, removed in done.freed.items()}


def test_without_limits_nothing_goes(settled: Town) -> None:
    assert freed(collect(settled.places, Limits(), NOW)) == {}
    assert (settled.answered(), datasets(settled)) == (203, 3)


def test_what_is_old_goes_but_for_what_main_stands_on(settled: Town) -> None:
    planned = collect(settled.places, Limits(age_s=DAYS_30), NOW, dry_run=True)
    assert (settled.answered(), datasets(settled)) == (203, 3)
    done = collect(settled.places, Limits(age_s=DAYS_30), NOW)
    assert freed(done) == freed(planned) == {"datasets": 1, "documents": 1, "responses": 200}
    assert done.notes == []
    assert (settled.answered(), datasets(settled)) == (3, 2)
    assert len(list(settled.places.documents.glob("*.git"))) == 1
    assert list(verify(settled.places, NOW)) == []


def test_a_second_time_nothing_is_left_to_do(settled: Town) -> None:
    collect(settled.places, Limits(age_s=DAYS_30), NOW)
    assert freed(collect(settled.places, Limits(age_s=DAYS_30), NOW)) == {}


def test_what_is_too_much_goes_the_cheapest_first(settled: Town) -> None:
    total = collect(settled.places, Limits(), NOW, dry_run=True).left
    done = collect(settled.places, Limits(bytes=total - 1000), NOW)
    assert freed(done)["datasets"] >= 1
    assert "responses" not in done.freed
    assert done.left <= total - 1000


def test_responses_go_last_and_only_as_many_as_needed(settled: Town) -> None:
    settled.responses([f"more {n}" for n in range(2000)], 100)
    total = collect(settled.places, Limits(), NOW, dry_run=True).left
    done = collect(settled.places, Limits(bytes=total // 2), NOW)
    assert freed(done)["datasets"] == 2
    assert freed(done)["documents"] == 1
    assert 900 < freed(done)["responses"] < 1400
    assert done.left <= total // 2
    assert done.notes == []


def test_a_limit_that_cannot_be_kept_is_said(settled: Town) -> None:
    done = collect(settled.places, Limits(bytes=1), NOW)
    assert "more than the limit stay: the present datasets stand on them" in done.notes[-1]
    assert datasets(settled) == 1
    kept = Responses(settled.places.responses, today=lambda: 20_000)
    assert kept.count() == 2
    kept.close()


def test_what_was_used_since_yesterday_stays(town: Town) -> None:
    town.dataset("knowledge/a", 0.5)
    town.mirror("m", 0.5)
    town.responses(["a"], 1)
    done = collect(town.places, Limits(bytes=1, age_s=1.0), NOW)
    assert freed(done) == {}
    assert (town.answered(), datasets(town)) == (1, 1)


def test_earlier_states_and_builds_stay_as_many_as_asked(town: Town) -> None:
    keys = {name: town.dataset(f"knowledge/{name}", 100) for name in ("now", "r1", "r2", "b1", "b2", "champion")}
    town.record([keys["now"]], 1, latest=True)
    town.record([keys["r1"]], 60)
    town.record([keys["r2"]], 90)
    town.build("b1", [keys["b1"]], 60)
    town.build("b2", [keys["b2"]], 90)
    town.build("champ", [keys["champion"]], 95)
    (town.state / "registry").mkdir()
    (town.state / "registry" / "aliases.json").write_text('{"champion": "champ", "previous": null}')
    done = collect(town.places, Limits(age_s=DAYS_30, keep=1), NOW)
    assert freed(done) == {"datasets": 2, "records": 1}
    left = {name for name, key in keys.items() if load_dataset(town.store, key)}
    assert left == {"now", "r1", "b1", "champion"}


def test_without_a_bot_the_newest_of_each_leaf_stays(town: Town) -> None:
    """`seedbed generate` keeps no record of merges."""
    old = town.dataset("knowledge/a", 100)
    new = town.generation("knowledge/a", "new text")
    town.store.write(f"leaves/{new}/manifest.json", b'{"format": 0}')
    aged(town.state / "store" / "leaves" / new / "manifest.json", 90)
    assert freed(collect(town.places, Limits(age_s=DAYS_30), NOW)) == {"datasets": 1}
    assert not town.store.exists(f"leaves/{old}/manifest.json")
    assert town.store.exists(f"leaves/{new}/manifest.json")


@pytest.mark.parametrize("harm", [break_text, cut_short])
def test_a_broken_present_dataset_keeps_all_responses(settled: Town, harm: Callable[[Town, str], None]) -> None:
    main = settled.dataset("knowledge/a", 400, made_of=["needed 1"])
    harm(settled, f"leaves/{main}")
    done = collect(settled.places, Limits(age_s=DAYS_30), NOW)
    assert freed(done) == {"datasets": 1}
    assert len(done.notes) == 1
    assert "`seedbed store repair` moves it aside" in done.notes[0]
    assert settled.answered() == 203
    assert len(list(settled.places.documents.glob("*.git"))) == 2


def test_a_damaged_record_keeps_everything(settled: Town) -> None:
    settled.store.write("merges/latest.json", b"{")
    done = collect(settled.places, Limits(bytes=1, age_s=DAYS_30), NOW)
    assert freed(done) == {}
    assert "merges/latest.json is damaged" in done.notes[0]


def test_a_leaf_whose_teacher_failed_hinders_nothing(settled: Town) -> None:
    leaves = '{"leaves": [{"key": "nothing-yet", "kept": 0}]}'
    settled.store.write("merges/latest.json", leaves.encode())
    assert collect(settled.places, Limits(age_s=DAYS_30), NOW).notes == []


def test_what_was_moved_aside_goes_by_age_alone(settled: Town) -> None:
    settled.places.responses.with_name("responses.sqlite.damaged-1").write_bytes(b"x" * 10_000)
    aged(settled.places.responses.with_name("responses.sqlite.damaged-1"), 40)
    settled.store.write("damaged/leaves/k/1/samples.jsonl", b"x" * 10_000)
    aged(settled.state / "store" / "damaged" / "leaves" / "k" / "1" / "samples.jsonl", 10)
    assert "aside" not in collect(settled.places, Limits(bytes=1), NOW, dry_run=True).freed
    assert freed(collect(settled.places, Limits(age_s=DAYS_30), NOW))["aside"] == 1
    assert settled.store.exists("damaged/leaves/k/1/samples.jsonl")


def test_beside_a_worker(settled: Town) -> None:
    """It holds the file open, has just used an old answer, and goes on writing."""
    worker = Responses(settled.places.responses, today=lambda: 20_000)
    (old,) = worker.get_many([digest("spare 7")]).values()
    worker.put("new", old)
    worker.flush()
    assert freed(collect(settled.places, Limits(age_s=DAYS_30), NOW))["responses"] == 199
    assert worker.get(digest("spare 7")) == old
    assert worker.get(digest("spare 8")) is None
    worker.put("newer", old)
    worker.close()
    assert settled.answered() == 6


def test_a_store_elsewhere_is_looked_after_the_same(tmp_path: Path) -> None:
    store = MemoryStore(clock=lambda: NOW - 100 * DAY_S)
    store.write("leaves/k/manifest.json", b'{"format": 0}')
    places = Places.below(tmp_path, store)
    assert freed(collect(places, Limits(age_s=DAYS_30), NOW)) == {"datasets": 1}
    assert list(store.keys()) == []
