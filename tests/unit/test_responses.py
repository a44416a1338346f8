"""The response store: nothing asked twice, nothing lost, nothing half written."""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.responses import Responses
from pipeline.responses.body import decode, encode
from pipeline.responses.schema import VERSION
from pipeline.store.port import StoreError
from pipeline.teacher.port import ChatRequest, Completion, Message

KEY = ChatRequest((Message("user", "hello"),)).key("teacher")
DAY = 20_000


class Days:
    """A calendar that is turned by hand."""

    def __init__(self) -> None:
        self.day = DAY

    def __call__(self) -> int:
        return self.day


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "responses.db"


@pytest.fixture
def responses(path: Path) -> Iterator[Responses]:
    opened = Responses(path)
    yield opened
    opened.close()


def full(path: Path, *, rows: str = "0") -> None:
    """From now on every insert beyond so many rows fails as on a full disk, in every process."""
    with sqlite3.connect(path) as db:
        db.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON responses WHEN (SELECT count(*) FROM responses) >= {rows} "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )


def room(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER full")


def uses(path: Path) -> list[tuple[int, int]]:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT first, last FROM uses ORDER BY id").fetchall()


def test_stored_completions_come_back_from_another_connection(responses: Responses) -> None:
    rows = {f"k{n}": Completion(f"text {n} é", "length", 3, n) for n in range(1200)}
    responses.put_many(rows)
    other = Responses(responses.path)
    assert other.get_many([*rows, "absent"]) == rows
    assert other.get("absent") is None
    assert other.count() == 1200


def test_what_is_put_is_seen_at_once_and_on_the_disk_after_a_flush(responses: Responses) -> None:
    responses.put(KEY, Completion("yes"))
    assert responses.get(KEY) == Completion("yes")
    responses.flush()
    assert Responses(responses.path).get(KEY) == Completion("yes")


def test_what_is_put_is_written_without_a_flush(responses: Responses) -> None:
    """`PRAGMA data_version` changes when somebody else wrote; waiting for it is the test's only loop."""
    with sqlite3.connect(responses.path) as db:
        before = db.execute("PRAGMA data_version").fetchone()
        responses.put(KEY, Completion("yes"))
        written = threading.Event()
        for _ in range(1000):
            if db.execute("PRAGMA data_version").fetchone() != before:
                break
            written.wait(0.01)
        assert db.execute("SELECT count(*) FROM responses").fetchone() == (1,)


def test_what_is_stored_first_stays(responses: Responses) -> None:
    responses.put_many({"k": Completion("first")})
    responses.put_many({"k": Completion("second"), "l": Completion("new")})
    responses.put("m", Completion("one"))
    responses.put("m", Completion("two"))
    responses.flush()
    assert {key: row.text for key, row in responses.get_many("klm").items()} == {"k": "first", "l": "new", "m": "one"}
    assert responses.count() == 3


@pytest.mark.parametrize(
    "completion",
    [
        Completion(""),
        Completion("half a pair \ud83d", "length", 1, 2, None, 3, (("A", -0.25), ("\ud83d", float("-inf")))),
        Completion("\0 and \n and 'quotes' and é"),
        Completion("x" * 100_000),
    ],
)
def test_every_field_comes_back(responses: Responses, completion: Completion) -> None:
    responses.put_many({KEY: completion})
    assert Responses(responses.path).get(KEY) == completion


def test_defaults_are_not_stored() -> None:
    assert encode(Completion("a")) == '{"text":"a"}'
    assert decode('{"text":"a"}') == Completion("a")


@pytest.mark.parametrize("reason", ["error", "unfit"])
def test_a_failure_is_refused(responses: Responses, reason: str) -> None:
    failed = Completion("", reason, error="too long")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not stored: too long"):
        responses.put(KEY, failed)
    with pytest.raises(ValueError, match="not stored"):
        responses.put_many({"good": Completion("a"), KEY: failed})
    assert responses.count() == 0


def test_memory_keeps_to_the_same_rules() -> None:
    responses = Responses(":memory:")
    responses.put("a", Completion("1"))
    responses.put_many({"a": Completion("2"), "b": Completion("3")})
    assert {key: row.text for key, row in responses.get_many("abc").items()} == {"a": "1", "b": "3"}
    assert responses.count() == 2
    responses.close()
    responses.close()


def test_many_threads_and_two_connections_share_a_file(path: Path) -> None:
    stores = [Responses(path), Responses(path)]
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(200):
                store = stores[number % 2]
                store.put(f"{number}-{n}", Completion(f"{number} {n}"))
                store.put("shared", Completion("same"))
                assert store.get(f"{number}-{n}") == Completion(f"{number} {n}")
                assert store.get("shared") == Completion("same")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert faults == []
    assert Responses(path).count() == 6 * 200 + 1


def test_a_closed_store_takes_nothing(responses: Responses) -> None:
    responses.put("a", Completion("1"))
    responses.close()
    with pytest.raises(ValueError, match="closed"):
        responses.put("b", Completion("2"))
    assert Responses(responses.path).count() == 1


def test_a_forgotten_store_writes_what_it_has(path: Path) -> None:
    Responses(path).put("a", Completion("1"))
    gc.collect()
    assert Responses(path).get("a") == Completion("1")


def test_a_process_that_ends_without_closing_loses_nothing(path: Path) -> None:
    script = (
        "import sys; from pipeline.responses import Responses; from pipeline.teacher.port import Completion\n"
        "kept = Responses(sys.argv[1]); [kept.put(f'k{n}', Completion('x')) for n in range(700)]"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=60)
    assert Responses(path).count() == 700


def test_a_killed_process_keeps_what_was_flushed(path: Path) -> None:
    script = (
        "import os, sys; from pipeline.responses import Responses; from pipeline.teacher.port import Completion\n"
        "kept = Responses(sys.argv[1]); kept.put('a', Completion('x')); kept.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], timeout=60).returncode == -9
    assert Responses(path).get("a") == Completion("x")


def test_days_of_first_and_last_use_are_noted(path: Path) -> None:
    today = Days()
    responses = Responses(path, today=today)
    responses.put_many({"a": Completion("1"), "b": Completion("2")})
    today.day += 3
    assert responses.get("a") == Completion("1")
    responses.close()
    assert uses(path) == [(DAY, DAY + 3), (DAY, DAY)]


def test_the_next_flush_writes_what_was_kept(responses: Responses, path: Path) -> None:
    full(path)
    responses.put("a", Completion("1"))
    for _ in range(2):
        with pytest.raises(StoreError, match=r"responses\.db: .*disk is full.*free some space.*seedbed store gc"):
            responses.flush()
    assert responses.get("a") == Completion("1")
    responses.put("b", Completion("2"))
    room(path)
    responses.flush()
    assert Responses(path).get_many("ab") == {"a": Completion("1"), "b": Completion("2")}


def test_put_many_writes_all_or_none(responses: Responses, path: Path) -> None:
    full(path, rows="3")
    with pytest.raises(StoreError, match="disk is full"):
        responses.put_many({f"k{n}": Completion("x") for n in range(10)})
    assert Responses(path).count() == 0
    room(path)
    assert responses.count() == 10


def test_closing_says_what_could_not_be_written(responses: Responses, path: Path) -> None:
    responses.put_many({"a": Completion("1")})
    full(path)
    responses.put("b", Completion("2"))
    with pytest.raises(StoreError, match="disk is full"):
        responses.close()
    assert Responses(path).count() == 1


def test_a_file_that_may_not_grow(path: Path) -> None:
    """The system's own limit, in a child: a write beyond it fails as on a full disk."""
    script = (
        "import resource, signal, sys; from pipeline.responses import Responses\n"
        "from pipeline.store.port import StoreError; from pipeline.teacher.port import Completion\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "kept = Responses(sys.argv[1]); kept.put_many({'a': Completion('1')})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "kept.put('b', Completion('x' * 300_000))\n"
        "try: kept.flush()\n"
        "except StoreError as error: print(error)\n"
        "print(kept.get('a').text, len(kept.get('b').text))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "kept.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "free some space there" in done.stdout
    assert "1 300000" in done.stdout
    assert Responses(path).count() == 2


def test_a_damaged_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 40)
    with pytest.raises(StoreError, match=r"responses\.db: the response store is damaged .*seedbed store repair"):
        Responses(path)


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"text":1}', '{"text":"a","colour":"red"}', '{"text":null}'])
def test_a_damaged_row_is_named(responses: Responses, body: str) -> None:
    responses.put_many({"k": Completion("x")})
    with sqlite3.connect(responses.path) as db:
        db.execute("UPDATE responses SET body = ?", (body,))
        db.execute("DELETE FROM uses")  # its checksum with it
    with pytest.raises(StoreError, match="damaged"):
        responses.get("k")


def test_an_altered_text_is_never_given_out(responses: Responses) -> None:
    responses.put_many({"k": Completion("x")})
    with sqlite3.connect(responses.path) as db:
        db.execute("UPDATE responses SET body = replace(body, 'x', 'y')")
    with pytest.raises(StoreError, match="not what was written"):
        responses.get("k")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be used.*check that the folder is there and writable"):
        Responses(tmp_path / "file" / "responses.db")


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Responses(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(StoreError, match=r"a newer Seedbed wrote it.*update Seedbed"):
        Responses(path)


@pytest.fixture
def old(path: Path) -> Path:
    path.parent.mkdir()
    body = {"text": "é", "finish_reason": "length", "prompt_tokens": 3, "output_tokens": 4, "error": None}
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE responses (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
        rows = [(KEY, json.dumps(body)), ("odd", json.dumps(body))]
        db.executemany("INSERT INTO responses VALUES (?, ?)", rows)
    return path


def test_its_answers_stay(old: Path) -> None:
    responses = Responses(old, today=Days())
    assert responses.get_many([KEY, "odd"]) == dict.fromkeys([KEY, "odd"], Completion("é", "length", 3, 4))
    responses.put_many({KEY: Completion("new"), "new": Completion("new")})
    assert responses.get(KEY) == Completion("é", "length", 3, 4)
    responses.close()
    assert uses(old) == [(DAY, DAY)] * 3
    with sqlite3.connect(old) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert Responses(old).count() == 3


def test_a_stop_in_between_changes_nothing(old: Path) -> None:
    with sqlite3.connect(old) as db:
        db.execute("CREATE TABLE uses (x)")  # the migration trips over it
    with pytest.raises(StoreError, match="uses already exists"):
        Responses(old)
    with sqlite3.connect(old) as db:
        assert db.execute("SELECT count(*) FROM responses").fetchone() == (2,)
        db.execute("DROP TABLE uses")
    assert Responses(old).count() == 2


def test_two_that_open_it_at_once_migrate_it_once(old: Path) -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(Responses(old).count())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2, 2, 2, 2]


def test_a_folder_that_may_not_be_written_is_named() -> None:
    """In a child, which gives root's rights up."""
    script = (
        "import os, sys; from pathlib import Path; from pipeline.responses import Responses\n"
        "from pipeline.store.files import FileStore; from pipeline.store.port import StoreError\n"
        "folder = Path(sys.argv[1]); folder.chmod(0o555)\n"
        "os.seteuid(65534) if os.geteuid() == 0 else None\n"
        "for work in (lambda: Responses(folder / 'r.sqlite'), lambda: FileStore(folder / 'store').write('a/b', b'')):\n"
        "    try: work()\n"
        "    except StoreError as error: print(error)"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        done = subprocess.run(
            [sys.executable, "-c", script, folder], capture_output=True, text=True, timeout=60, check=True
        )
    database, store = done.stdout.splitlines()
    assert "Permission denied" in database
    assert database.endswith("check that the folder is there and writable")
    assert store.endswith("store/a/b: Permission denied; make the folder writable for this user")
