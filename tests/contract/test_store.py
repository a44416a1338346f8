"""What every store keeps to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store.files import FileStore
from pipeline.store.memory import MemoryStore
from pipeline.store.port import Store, StoreError


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    makers: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "files": lambda: FileStore(tmp_path / "deep" / "store"),
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


def test_what_a_kill_left_behind_is_no_key(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("a/b", b"1")
    (tmp_path / "a" / ".writing-xyz").write_bytes(b"half")
    assert list(store.keys()) == ["a/b"]
