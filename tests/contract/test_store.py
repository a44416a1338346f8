"""What every store keeps to."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from pipeline.store.choose import open_store
from pipeline.store.files import FileStore
from pipeline.store.memory import MemoryStore
from pipeline.store.port import Blob, Store, StoreError
from pipeline.store.remote import FsspecStore


@pytest.fixture(params=["memory", "files", "fsspec memory", "fsspec file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    makers: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "files": lambda: FileStore(tmp_path / "deep" / "store"),
        "fsspec memory": lambda: FsspecStore(f"memory://{tmp_path.name}/store"),
        "fsspec file": lambda: FsspecStore(f"file://{tmp_path}/deep/store"),
    }
    return makers[request.param]()


def test_reads_what_was_written_last(store: Store) -> None:
    store.write("leaves/k/samples.jsonl", b"one")
    store.write("leaves/k/samples.jsonl", b"two")
    assert store.read("leaves/k/samples.jsonl") == b"two"
    assert store.exists("leaves/k/samples.jsonl")


def test_a_missing_key_is_a_key_error(store: Store) -> None:
    store.write("a/b", b"")
    for key in ("nothing", "a", "a/b/c"):
        assert not store.exists(key)
        with pytest.raises(KeyError):
            store.read(key)
        store.delete(key)
    assert store.read("a/b") == b""


def test_keys_are_sorted_and_start_with_the_prefix(store: Store) -> None:
    for key in ("leaves/b/x", "leaves/a/x", "leaves-old", "builds/1", "top"):
        store.write(key, b".")
    assert list(store.keys()) == ["builds/1", "leaves-old", "leaves/a/x", "leaves/b/x", "top"]
    assert list(store.keys("leaves/")) == ["leaves/a/x", "leaves/b/x"]
    assert list(store.keys("leaves/a")) == ["leaves/a/x"]
    assert list(store.keys("le")) == ["leaves-old", "leaves/a/x", "leaves/b/x"]
    assert list(store.keys("none/at/all")) == []


def test_blobs_have_size_and_age(store: Store) -> None:
    before = time.time()
    store.write("leaves/a/x", b"12345")
    store.write("leaves/b", b"")
    (first, second) = store.blobs("leaves/")
    assert (first.key, first.size, second.key, second.size) == ("leaves/a/x", 5, "leaves/b", 0)
    assert all(before - 1 <= blob.written <= time.time() + 1 for blob in (first, second))
    assert list(store.blobs("none/at/all")) == []


def test_what_a_blob_leaves_behind_takes_another(store: Store) -> None:
    store.write("leaves/a/x", b"1")
    store.delete("leaves/a/x")
    assert list(store.keys()) == []
    store.write("leaves/a/x", b"2")
    assert store.read("leaves/a/x") == b"2"


def test_readers_see_old_bytes_or_new(store: Store) -> None:
    old, new = b"o" * 300_000, b"n" * 300_000
    store.write("a/b", old)
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(store.read("a/b"))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(30):
        store.write("a/b", new)
        store.write("a/b", old)
    done.set()
    reader.join()
    assert seen <= {old, new}
    assert list(store.leftovers()) == []


def test_deleting_twice_is_harmless(store: Store) -> None:
    store.write("a", b"1")
    store.delete("a")
    store.delete("a")
    assert not store.exists("a")


@pytest.mark.parametrize(
    "key", ["", "/a", "a//b", "../a", "a/../b", "a/.", ".hidden", "a\\b", "a b", "a/", "x" * 300, "a\0"]
)
def test_a_key_never_leaves_the_store(store: Store, key: str) -> None:
    for action in (lambda: store.write(key, b""), lambda: store.read(key), lambda: store.exists(key)):
        with pytest.raises(ValueError, match="store key"):
            action()


@pytest.mark.parametrize("prefix", ["../", "/", "a/../../"])
def test_a_prefix_never_leaves_the_store(store: Store, prefix: str) -> None:
    with pytest.raises(ValueError, match="store key"):
        list(store.keys(prefix))


def test_a_failed_write_keeps_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(tmp_path)
    store.write("a/b", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"a/b: the disk is full; free some space"):
        store.write("a/b", b"new")
    monkeypatch.undo()
    assert store.read("a/b") == b"old"
    assert list(store.keys()) == ["a/b"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot write"):
        FileStore(tmp_path / "file").write("a", b"")


@pytest.mark.parametrize("kind", ["files", "fsspec file"])
def test_what_a_kill_left_behind_is_no_key(tmp_path: Path, kind: str) -> None:
    store: Store = FileStore(tmp_path) if kind == "files" else FsspecStore(f"file://{tmp_path}")
    store.write("a/b", b"1")
    (tmp_path / "a" / ".writing-xyz").write_bytes(b"half")
    assert list(store.keys()) == ["a/b"]
    (left,) = store.leftovers()
    assert (left.key, left.size) == ("a/.writing-xyz", 4)
    store.sweep(left)
    store.sweep(left)
    assert list(store.leftovers()) == []
    assert store.read("a/b") == b"1"


@pytest.mark.parametrize("kind", ["files", "fsspec file"])
def test_a_failed_read_is_no_absence(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's answer is put in its mouth."""
    store: Store = FileStore(tmp_path) if kind == "files" else FsspecStore(f"file://{tmp_path}")
    store.write("leaves/a/b", b"1")

    def denied(path: object, *args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(StoreError, match="make the folder writable for this user"):
        list(store.keys())


class Gone(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A filesystem whose server does not answer: the lowest calls fail, as those of sftp do."""

    protocol = "sftp-like"

    def _refuse(self, *_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    ls = info = makedirs = rm_file = cat_file = mkdir = _refuse


def test_a_server_that_is_gone_is_named_without_its_password() -> None:
    fsspec.register_implementation("sftp-like", Gone, clobber=True)
    store = FsspecStore("sftp-like://bot:geheim@nowhere.invalid/seedbed")
    for action in (
        lambda: store.write("a/b", b""),
        lambda: store.read("a/b"),
        lambda: store.exists("a/b"),
        lambda: list(store.keys("a/")),
        lambda: store.delete("a/b"),
        lambda: store.sweep(Blob("a/.writing-x", 0, 0.0)),
    ):
        with pytest.raises(StoreError, match=r"cannot .+ sftp-like://nowhere\.invalid/seedbed/.*network") as said:
            action()
        assert "geheim" not in str(said.value)


@pytest.mark.parametrize(("url", "said"), [("nosuch://x/y", "nosuch"), ("gs://bucket/x", "gcsfs")])
def test_a_protocol_without_a_driver_is_named(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=f"cannot be reached: .*{said}"):
        open_store(url)


def test_a_place_is_a_folder_or_a_url(tmp_path: Path) -> None:
    for place in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        found = open_store(place)
        assert isinstance(found, FileStore)
        assert found.root == tmp_path
    assert isinstance(open_store("memory://x"), FsspecStore)
