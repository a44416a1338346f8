from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.git import Access, Repository
from pipeline.ledger import BRANCH, Entry, LedgerError, Remote, entries, record
from tests.building import bare_repository


def entry(commit: str, build: str = "b1", text: str = "{}") -> Entry:
    return Entry(build, commit, f"Build {build}: HOLD", {"manifest.json": text.encode(), "verdict.json": b"{}"})


def files_at(repo: Repository, commit: str) -> dict[str, bytes]:
    tree = repo.tree(commit)
    blobs = repo.blobs(line.sha for line in tree.values())
    return {path: blobs[line.sha] for path, line in tree.items()}


def test_builds_are_added_and_nothing_else_moves(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    repo = Repository(tmp_path / "a.git")
    assert entries(repo.path) == []
    record(repo.path, entry(commit, "b1"))
    tip = record(repo.path, entry(commit, "b2", "[]"))
    assert entries(repo.path) == ["b1", "b2"]
    assert files_at(repo, tip)["builds/b2/manifest.json"] == b"[]"
    assert repo.resolve("main") == commit


def test_the_same_build_is_the_same_commit(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    assert bare_repository(tmp_path / "b.git") == commit
    first = record(tmp_path / "a.git", entry(commit))
    assert record(tmp_path / "b.git", entry(commit)) == first
    assert record(tmp_path / "a.git", entry(commit)) == first
    record(tmp_path / "a.git", entry(commit, "b2"))
    assert record(tmp_path / "a.git", entry(commit)) == first  # found again below later builds


def test_pushes_on_top_of_what_others_pushed(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for name in ("b.git", "hub.git"):
        bare_repository(tmp_path / name)
    hub = Remote(str(tmp_path / "hub.git"), Access(allow_file=True))
    record(tmp_path / "a.git", entry(commit, "mine"))  # while the hub was out of reach
    record(tmp_path / "b.git", entry(commit, "theirs"), hub)
    record(tmp_path / "a.git", entry(commit, "mine"), hub)
    assert entries(tmp_path / "hub.git") == ["mine", "theirs"]
    assert Repository(tmp_path / "hub.git").resolve(BRANCH) == Repository(tmp_path / "a.git").resolve(BRANCH)


def test_a_lost_race_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for name in ("b.git", "hub.git"):
        bare_repository(tmp_path / name)
    hub = Remote(str(tmp_path / "hub.git"), Access(allow_file=True))
    push, raced = Repository.push, []

    def late(self: Repository, *arguments: object, **options: object) -> None:
        if not raced:
            raced.append(True)
            record(tmp_path / "b.git", entry(commit, "theirs"), hub)  # between our fetch and our push
        push(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Repository, "push", late)
    record(tmp_path / "a.git", entry(commit, "mine"), hub)
    assert entries(tmp_path / "hub.git") == ["mine", "theirs"]


def test_an_unreachable_remote_is_an_error_with_the_build(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    with pytest.raises(LedgerError, match="ledger entry of build b1"):
        record(tmp_path / "a.git", entry(commit), Remote(str(tmp_path / "none.git"), Access(allow_file=True)))
