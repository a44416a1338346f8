"""Looking after a response file: looking into it, taking out, saving what can be read."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.responses import Responses
from pipeline.responses.inspection import Figures, faults, figures, files
from pipeline.responses.removal import Removed, Unwanted, remove
from pipeline.responses.salvage import salvage
from pipeline.store.port import StoreError
from pipeline.teacher.port import ChatRequest, Completion, Message

DAY = 20_000
PAGE = 4096


def key(number: int) -> str:
    return ChatRequest((Message("user", str(number)),)).key("teacher")


def answer(number: int) -> Completion:
    return Completion(f"{number} " + "word " * 120, prompt_tokens=number)


def fill(path: Path, numbers: range, day: int = DAY) -> None:
    responses = Responses(path, today=lambda: day)
    responses.put_many({key(number): answer(number) for number in numbers})
    responses.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responses.sqlite"


def stored(path: Path, numbers: range) -> set[int]:
    responses = Responses(path, today=lambda: DAY)
    found = responses.get_many(key(number) for number in numbers)
    responses.close()
    assert all(found[key(n)] == answer(n) for n in numbers if key(n) in found)
    return {number for number in numbers if key(number) in found}


def test_figures(path: Path) -> None:
    assert figures(path, DAY) == Figures()
    fill(path, range(10), DAY - 9)
    fill(path, range(10, 30), DAY - 2)
    found = figures(path, DAY)
    assert (found.count, found.oldest, found.unused) == (30, 9, 9)
    assert 30 * 600 < found.text_bytes < found.used_bytes <= found.file_bytes == path.stat().st_size


def test_a_sound_file_has_no_faults(path: Path) -> None:
    assert faults(path) == []
    fill(path, range(100))
    assert faults(path) == []


def test_an_altered_text_is_found(path: Path) -> None:
    fill(path, range(30))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE responses SET body = replace(body, 'word', 'wort') WHERE id = 7")
        db.execute("DELETE FROM responses WHERE id = 8")
    said = faults(path)
    assert len(said) == 2
    assert said[0] == f"response {key(6)[:12]} is unreadable: a stored answer is not what was written"
    assert said[1] == "1 responses are missing whose uses are noted"


def test_many_faults_are_counted(path: Path) -> None:
    fill(path, range(50))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE responses SET body = x'ff'")
    said = faults(path)
    assert len(said) == 21
    assert said[-1] == "30 more responses are unreadable"


@pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_database_is_a_fault(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert len(faults(path)) == 1


def test_an_old_file_is_looked_into_as_it_is(path: Path) -> None:
    old_file(path, 5)
    assert faults(path) == []
    assert (figures(path, DAY).count, figures(path, DAY).oldest) == (5, None)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (0,)


def test_what_was_not_used_for_long_goes(path: Path) -> None:
    fill(path, range(2000), DAY - 40)
    fill(path, range(2000, 2010), DAY - 5)
    reader = Responses(path, today=lambda: DAY)
    assert reader.get(key(3)) == answer(3)
    reader.flush()
    unwanted = Unwanted(before=DAY - 30, safe=DAY - 1, bytes_over=0, kept=lambda: [key(4), "unheard of"])
    said = remove(path, unwanted, DAY, dry_run=True)
    reader.close()
    assert (said.count, stored(path, range(2000))) == (1998, set(range(2000)))


def test_space_is_given_back_beside_a_reader(path: Path) -> None:
    fill(path, range(2000), DAY - 40)
    fill(path, range(2000, 2010), DAY - 5)
    reader = Responses(path, today=lambda: DAY)
    reader.get(key(3))
    reader.flush()
    size = figures(path, DAY).file_bytes
    unwanted = Unwanted(before=DAY - 30, safe=DAY - 1, bytes_over=0, kept=lambda: [key(4), "unheard of"])
    said = remove(path, unwanted, DAY)
    assert said == Removed(1998, said.bytes)
    assert reader.get(key(5)) is None
    assert reader.get(key(2005)) == answer(2005)
    assert stored(path, range(2010)) == {3, 4, *range(2000, 2010)}
    reader.close()
    assert path.stat().st_size < size / 20
    assert faults(path) == []


def test_the_least_recently_used_go_first(path: Path) -> None:
    for part in range(4):
        fill(path, range(part * 100, part * 100 + 100), DAY - 10 + part)
    used = figures(path, DAY).used_bytes
    said = remove(path, Unwanted(before=0, safe=DAY - 1, bytes_over=used // 2), DAY)
    assert abs(said.bytes - used / 2) < used / 100
    assert stored(path, range(400)) == set(range(said.count, 400))


def test_what_was_used_yesterday_stays_whatever_the_size(path: Path) -> None:
    fill(path, range(100), DAY - 1)
    assert remove(path, Unwanted(before=DAY, safe=DAY - 1, bytes_over=1 << 40), DAY) == Removed()


def test_nobody_is_asked_what_to_keep_where_nothing_could_go(path: Path) -> None:
    def kept() -> list[str]:
        raise AssertionError

    fill(path, range(10), DAY - 5)
    assert remove(path, Unwanted(before=DAY - 9, safe=DAY - 1, bytes_over=0, kept=kept), DAY) == Removed()
    assert remove(path.with_name("absent"), Unwanted(DAY, DAY, 1, kept), DAY) == Removed()


def test_a_file_of_an_older_version_shrinks_too(path: Path) -> None:
    old_file(path, 2000)
    Responses(path, today=lambda: DAY - 50).close()
    size = path.stat().st_size
    assert remove(path, Unwanted(before=DAY - 1, safe=DAY - 1, bytes_over=0), DAY).count == 2000
    assert path.stat().st_size < size / 20


@pytest.fixture
def filled(path: Path) -> Path:
    fill(path, range(1000), DAY - 7)
    return path


def test_all_of_a_sound_file_is_saved(filled: Path) -> None:
    assert salvage(filled, DAY, dry_run=True).saved == 1000
    done = salvage(filled, DAY)
    assert (done.saved, done.lost, done.aside) == (1000, 0, filled.with_name("responses.sqlite.damaged-1"))
    assert figures(filled, DAY).unused == 7
    assert stored(filled, range(1000)) == set(range(1000))


@pytest.mark.parametrize("seed", range(6))
def test_broken_pages_cost_what_was_on_them(filled: Path, seed: int) -> None:
    chance = random.Random(seed)
    damaged = bytearray(filled.read_bytes())
    pages = chance.sample(range(1, len(damaged) // PAGE), 4)
    for page in pages:
        damaged[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)
    filled.write_bytes(damaged)
    assert faults(filled)
    planned = salvage(filled, DAY, dry_run=True)
    assert filled.read_bytes() == damaged
    done = salvage(filled, DAY)
    assert (done.saved, done.lost) == (planned.saved, planned.lost)
    assert done.saved >= 900, pages
    assert done.aside is not None
    assert done.aside.read_bytes() == damaged
    assert faults(filled) == []
    assert len(stored(filled, range(1000))) == done.saved


def test_a_broken_root_is_walked_around(filled: Path) -> None:
    with sqlite3.connect(filled) as db:
        (number,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'responses'").fetchone()
    damaged = bytearray(filled.read_bytes())
    damaged[(number - 1) * PAGE : number * PAGE] = bytes(PAGE)
    filled.write_bytes(damaged)
    done = salvage(filled, DAY)
    assert (done.saved, done.lost) == (1000, 0)


def test_a_broken_beginning_is_walked_around(path: Path) -> None:
    """Long texts stand on several pages, keys need not be digests, and days are lost with the table's name."""
    long = {f"key {n}": Completion("é" * n * 3000) for n in range(1, 9)}
    Responses(path).put_many(long)
    fill(path, range(200), DAY - 3)
    damaged = bytearray(path.read_bytes())
    damaged[:PAGE] = random.Random(1).randbytes(PAGE)
    path.write_bytes(damaged)
    done = salvage(path, DAY)
    assert (done.saved, done.lost) == (208, None)
    assert Responses(path).get_many(long) == long
    assert stored(path, range(200)) == set(range(200))
    assert figures(path, DAY).unused == 0


def test_what_was_taken_out_stays_out(filled: Path) -> None:
    remove(filled, Unwanted(before=0, safe=DAY, bytes_over=figures(filled, DAY).used_bytes // 2), DAY)
    left = figures(filled, DAY).count
    damaged = bytearray(filled.read_bytes())
    damaged[-PAGE:] = b"\xff" * PAGE
    filled.write_bytes(damaged)
    assert left - 10 <= salvage(filled, DAY).saved <= left


def test_cut_short(filled: Path) -> None:
    size = filled.stat().st_size
    with filled.open("r+b") as file:
        file.truncate(size // 2 + 100)
    done = salvage(filled, DAY)
    assert 300 < done.saved < 700
    assert faults(filled) == []


def test_a_second_damage_does_not_overwrite_the_first(filled: Path) -> None:
    for number in (1, 2):
        filled.write_bytes(b"no database" * number)
        done = salvage(filled, DAY)
        assert (done.saved, done.lost) == (0, None)
        assert done.aside == filled.with_name(f"responses.sqlite.damaged-{number}")
        assert done.aside.read_bytes() == b"no database" * number
    assert Responses(filled).count() == 0


def test_not_while_it_is_used(filled: Path) -> None:
    user = Responses(filled)
    with pytest.raises(StoreError, match="is in use; stop the worker"):
        salvage(filled, DAY)
    user.close()
    assert salvage(filled, DAY).saved == 1000


def test_what_stands_in_the_log_alone_is_saved_too(filled: Path, tmp_path: Path) -> None:
    kept = Responses(filled)
    kept.put_many({key(5000): answer(5000)})
    copy = tmp_path / "copy.sqlite"
    for file in files(filled):
        copy.with_name(copy.name + file.name.removeprefix(filled.name)).write_bytes(file.read_bytes())
    kept.close()
    done = salvage(copy, DAY)
    assert (done.saved, done.lost) == (1001, 0)
    assert stored(copy, range(5000, 5001)) == {5000}
    assert [file.name for file in files(copy)] == ["copy.sqlite"]


def test_an_old_file_is_saved_from_both_ends(path: Path) -> None:
    old_file(path, 1000)
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // PAGE // 2 * PAGE
    damaged[middle : middle + PAGE] = b"\xff" * PAGE
    path.write_bytes(damaged)
    assert faults(path)
    assert salvage(path, DAY).saved > 700
    assert faults(path) == []


def old_file(path: Path, count: int) -> None:
    """As the first version of Seedbed wrote it."""
    rows: Iterator[tuple[str, str]] = (
        (key(n), json.dumps({"text": answer(n).text, "finish_reason": "stop", "prompt_tokens": n, "error": None}))
        for n in range(count)
    )
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE responses (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
    db.executemany("INSERT INTO responses VALUES (?, ?)", rows)
    db.commit()
    db.close()
