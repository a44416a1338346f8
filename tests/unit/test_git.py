"""A bare repository is made once, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.git import GitError, Repository, run


def test_many_at_once_make_one(tmp_path: Path) -> None:
    path = tmp_path / "state" / "main.git"
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda _: Repository(path).init(), range(36)))
    assert {one.path for one in made} == {path}
    assert run(["rev-parse", "--is-bare-repository"], at=path) == b"true\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["main.git"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "main.git"
    Repository(path).init()
    run(["config", "--file", str(path / "config"), "seedbed.kept", "yes"])
    Repository(path).init()
    assert run(["config", "seedbed.kept"], at=path) == b"yes\n"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert (Repository(tmp_path).init().path / "HEAD").exists()


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.mkdir()
    (path / "letter.txt").write_text("hello")
    with pytest.raises(GitError, match="not empty and no repository; move it away"):
        Repository(path).init()
    assert [entry.name for entry in path.iterdir()] == ["letter.txt"]
