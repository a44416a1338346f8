"""git over HTTP against localhub, with the real git command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bot.localhub import Hub, serve
from tests.integration.localhub_world import NAME, World, git, receiver, world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_anybody_clones_and_fetches_pull_requests(here: World) -> None:
    pull = here.open()
    url = f"{here.server.url}/{NAME}.git"
    git(here.folder, "clone", "-q", url, "anonymous")
    git(here.folder / "anonymous", "fetch", "-q", "origin", "refs/pull/1/head")
    assert git(here.folder / "anonymous", "rev-parse", "FETCH_HEAD") == pull.head.sha
    newer = here.push("leaf", {"leaf.txt": "newer\n"})
    git(here.folder / "anonymous", "fetch", "-q", "origin", "refs/pull/1/head")
    assert git(here.folder / "anonymous", "rev-parse", "FETCH_HEAD") == newer
    assert here.repo().get_pull(1).head.sha == newer


def test_push_needs_a_right_token(here: World) -> None:
    folder = here.clone()
    git(folder, "checkout", "-q", "-b", "x")
    for remote in (f"{here.server.url}/{NAME}.git", here.remote("alice", "wrong")):
        said = git(folder, "push", remote, "x", check=False)
        assert "could not read Username" in said or "Authentication failed" in said
    answer = requests.get(f"{here.server.url}/{NAME}.git/info/refs?service=git-receive-pack", timeout=5)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert [branch.name for branch in here.repo().get_branches()] == ["main"]


def test_who_only_reads_pushes_below_its_own_login(here: World) -> None:
    here.push("bob/leaf", {"bob.txt": "bob\n"}, login="bob")
    assert here.repo("bob").create_pull(base="main", head="bob/leaf", title="Bob's", body="").user.login == "bob"
    folder = here.clone("bob")
    for target in ("main", "other", "bobby/leaf"):
        said = git(folder, "push", "origin", f"HEAD:refs/heads/{target}", check=False)
        assert "You may push only to branches named bob/" in said
    assert {branch.name for branch in here.repo().get_branches()} == {"main", "bob/leaf"}


def test_refs_of_pull_requests_are_read_only(here: World) -> None:
    here.open()
    folder = here.clone()
    said = git(folder, "push", "origin", "HEAD:refs/pull/1/head", check=False)
    assert "rejected" in said
    assert "Only branches and tags" in git(folder, "push", "origin", "HEAD:refs/odd/x", check=False)


def test_a_deleted_branch_closes_and_a_pushed_merge_merges(here: World) -> None:
    one, two = here.open("one"), here.open("two")
    folder = here.clone()
    git(folder, "push", "-q", "origin", ":one")
    assert here.repo().get_pull(one.number).state == "closed"
    git(folder, "push", "-q", "origin", "two:main")
    merged = here.repo().get_pull(two.number)
    assert (merged.merged, merged.merge_commit_sha, merged.merged_by.login) == (True, two.head.sha, "alice")
    assert [file.filename for file in merged.get_files()] == ["two.txt"]


def test_a_large_push_is_refused(here: World) -> None:
    bare = here.hub.git(here.hub.repository(NAME))
    bare.run("config", "receive.maxInputSize", "20000")
    folder = here.clone()
    (folder / "big.bin").write_bytes(bytes(range(256)) * 4)
    git(folder, "checkout", "-q", "-b", "big")
    import random

    (folder / "big.bin").write_bytes(random.Random(0).randbytes(60_000))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "big")
    assert "maximum allowed size" in git(folder, "push", "origin", "big", check=False)
    assert [branch.name for branch in here.repo().get_branches()] == ["main"]


def test_an_empty_repository_takes_its_first_push(here: World) -> None:
    here.hub.create_repository("alice", "fresh")
    assert "This repository is empty" in requests.get(f"{here.server.url}/alice/fresh", timeout=5).text
    folder = here.clone()
    git(folder, "push", "-q", here.remote("alice").replace(NAME, "alice/fresh"), "main")
    assert here.github("alice").get_repo("alice/fresh").get_branch("main").commit.commit.message == "First commit"


def test_a_push_that_nobody_watched_is_seen_at_the_next_start(tmp_path: Path) -> None:
    with world(tmp_path) as made, receiver() as inbox:
        pull = made.open()
        made.hub.add_hook(NAME, inbox.url, "x", ["*"])
        inbox.wait_for("ping")
        bare = made.hub.git(made.hub.repository(NAME))
        made.server.stop()
        made.hub.close()
        tree = bare.text("rev-parse", f"{pull.head.sha}^{{tree}}")
        person = made.hub.__class__(tmp_path / "other").person("alice")
        moved = bare.commit_tree(tree, (pull.head.sha,), "Behind its back", person)
        bare.update_ref("refs/heads/leaf", moved)
        hub = Hub(tmp_path / "state")
        with serve(hub):
            assert inbox.wait_for("pull_request.synchronize").payload["after"] == moved
        hub.close()
