"""Forks of localhub: repositories of their own, pull requests from them, and what maintainers may push there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from github import GithubException, UnknownObjectException
from github.PullRequest import PullRequest

from bot.localhub import Hub
from tests.integration.localhub_world import NAME, SECRET, World, git, receiver, world
from tests.integration.test_localhub_pages import Browser


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


class Fork:
    """bob's fork with a clone, from which he opens pull requests."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.repo = here.repo("bob").create_fork()
        self.folder = here.folder / "fork"
        git(here.folder, "clone", "-q", self.remote("bob"), "fork")

    def remote(self, login: str) -> str:
        return self.here.remote(login).replace(NAME, "bob/taxonomy")

    def push(self, branch: str, text: str, *, login: str = "bob") -> str:
        known = git(self.folder, "branch", "--list", branch)
        git(self.folder, "checkout", "-q", *([branch] if known else ["-b", branch, "origin/main"]))
        (self.folder / f"{branch}.txt").write_text(text)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", f"Work on {branch}")
        git(self.folder, "push", "-q", self.remote(login), branch)
        return git(self.folder, "rev-parse", "HEAD")

    def open(self, branch: str = "leaf", *, lend: bool | None = None) -> PullRequest:
        self.push(branch, "one\n")
        extra = {} if lend is None else {"maintainer_can_modify": lend}
        base = self.here.repo("bob")
        return base.create_pull(base="main", head=f"bob:{branch}", title="A leaf", body="From afar.", **extra)


def test_a_fork_is_a_repository_of_its_own(here: World) -> None:
    base = here.repo("bob")
    fork = base.create_fork()
    assert (fork.full_name, fork.fork, fork.parent.full_name, fork.source.full_name) == (
        "bob/taxonomy", True, NAME, NAME,
    )  # fmt: skip
    assert fork.get_branch("main").commit.sha == base.get_branch("main").commit.sha
    assert [found.full_name for found in base.get_forks()] == ["bob/taxonomy"]
    assert here.repo().forks_count == 1
    assert base.create_fork().id == fork.id  # asked again, the same one comes back
    grand = here.github("carol").get_repo("bob/taxonomy").create_fork()
    assert (grand.parent.full_name, grand.source.full_name) == ("bob/taxonomy", NAME)
    with pytest.raises(GithubException) as refused:
        fork.create_fork()
    assert refused.value.status == 403


def test_a_pull_request_from_a_fork_follows_its_branch(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["*"])
        fork = Fork(here)
        pull = fork.open()
        assert (pull.head.label, pull.head.repo.full_name, pull.base.repo.full_name) == (
            "bob:leaf", "bob/taxonomy", NAME,
        )  # fmt: skip
        assert (pull.user.login, pull.maintainer_can_modify, pull.mergeable, pull.commits) == ("bob", True, True, 1)
        assert here.repo("bob").get_pull(1).get_files()[0].filename == "leaf.txt"
        second = fork.push("leaf", "two\n")
        base = here.repo()
        assert base.get_pull(1).head.sha == second
        assert base.get_git_ref("pull/1/head").object.sha == second
        assert [found.number for found in base.get_pulls(head="bob:leaf")] == [1]
        moved = inbox.wait_for("pull_request.synchronize").payload
        assert (moved["after"], moved["sender"]["login"]) == (second, "bob")
        assert moved["pull_request"]["head"]["repo"]["full_name"] == "bob/taxonomy"
        assert inbox.wait_for("fork").payload["forkee"]["full_name"] == "bob/taxonomy"
        bot = here.repo("seedbed[bot]")
        run = bot.create_check_run("seedbed/lint", second, conclusion="success")
        assert run.pull_requests == []  # as on GitHub
        assert base.get_pull(1).merge(sha=second).merged
        assert "Merge pull request #1 from bob/leaf" in base.get_commit("main").commit.message
        assert inbox.wait_for("pull_request.closed").payload["pull_request"]["merged"] is True


def test_the_same_branch_name_in_base_and_fork_are_two(here: World) -> None:
    fork = Fork(here)
    fork.open("leaf")
    here.open("leaf", {"other.txt": "x\n"})
    assert {pull.head.label for pull in here.repo().get_pulls()} == {"bob:leaf", "club:leaf"}
    here.push("leaf", {"other.txt": "y\n"})
    first, second = here.repo().get_pull(1), here.repo().get_pull(2)
    assert first.commits == 1
    assert second.commits == 2
    with pytest.raises(GithubException, match="already exists for bob:leaf"):
        here.repo("bob").create_pull(base="main", head="bob:leaf", title="Again", body="")
    with pytest.raises(GithubException) as refused:
        here.repo("bob").create_pull(base="main", head="carol:leaf", title="Nobody's", body="")
    assert refused.value.status == 422


def test_maintainers_push_where_the_author_lets_them(here: World) -> None:
    fork = Fork(here)
    pull = fork.open("leaf")
    fork.push("leaf", "by alice\n", login="alice")
    assert here.repo().get_pull(1).commits == 2
    git(fork.folder, "checkout", "-q", "-b", "other")
    said = git(fork.folder, "push", fork.remote("alice"), "other", check=False)
    assert "You may not push to refs/heads/other of this repository" in said
    pull.edit(maintainer_can_modify=False)
    assert here.repo().get_pull(1).maintainer_can_modify is False
    git(fork.folder, "checkout", "-q", "leaf")
    git(fork.folder, "commit", "-q", "--allow-empty", "-m", "More")
    said = git(fork.folder, "push", fork.remote("alice"), "leaf", check=False)
    assert "You may not push to refs/heads/leaf" in said
    with pytest.raises(GithubException) as refused:
        here.repo().get_pull(1).edit(maintainer_can_modify=True)
    assert refused.value.status == 403


def test_maintainers_commit_through_the_api_where_the_author_lets_them(here: World) -> None:
    fork = Fork(here)
    fork.open("leaf")
    theirs = here.github("seedbed[bot]").get_repo("bob/taxonomy")
    made = theirs.update_file(
        "leaf.txt", "Mend it", "mended\n", theirs.get_contents("leaf.txt", ref="leaf").sha, branch="leaf"
    )  # type: ignore[union-attr]
    assert here.repo().get_pull(1).head.sha == made["commit"].sha
    with pytest.raises(GithubException) as refused:
        theirs.update_file("README.md", "No", "x", theirs.get_contents("README.md").sha, branch="main")  # type: ignore[union-attr]
    assert refused.value.status == 403
    strict = fork.open("strict", lend=False)
    assert strict.maintainer_can_modify is False
    with pytest.raises(GithubException) as refused:
        theirs.create_file("new.txt", "No", "x", branch="strict")
    assert refused.value.status == 403


def test_deleting_a_fork_leaves_its_pull_requests(here: World) -> None:
    fork = Fork(here)
    pull = fork.open()
    with pytest.raises(GithubException):
        here.github("alice").get_repo("bob/taxonomy").delete()
    fork.repo.delete()
    with pytest.raises(UnknownObjectException):
        here.github("bob").get_repo("bob/taxonomy")
    left = here.repo().get_pull(1)
    assert (left.state, left.head.repo, left.head.label, left.head.sha) == ("open", None, "bob:leaf", pull.head.sha)
    assert left.get_files()[0].filename == "leaf.txt"
    assert left.mergeable
    page = requests.get(f"{here.server.url}/{NAME}/pull/1", timeout=5)
    assert page.status_code == 200
    assert left.merge().merged
    assert [entry.path for entry in here.repo().get_git_tree("main").tree] == [
        "README.md", "compositional_skills", "leaf.txt",
    ]  # fmt: skip


def test_deleting_the_base_leaves_the_fork(here: World) -> None:
    fork = Fork(here)
    fork.open()
    here.github("carol").get_repo(NAME).delete()
    left = here.github("bob").get_repo("bob/taxonomy")
    assert (left.fork, left.get_commits(sha="leaf").totalCount) == (False, 2)
    git(fork.folder, "fetch", "-q", "origin")


def test_a_name_that_is_taken_gets_a_number(here: World) -> None:
    here.hub.create_repository("bob", "taxonomy")
    assert here.repo("bob").create_fork().full_name == "bob/taxonomy-1"


def test_comparing_with_a_fork(here: World) -> None:
    fork = Fork(here)
    sha = fork.push("leaf", "one\n")
    found = here.repo().compare("main", "bob:leaf")
    assert (found.ahead_by, found.files[0].filename, found.commits[0].sha) == (1, "leaf.txt", sha)


def test_a_state_folder_of_an_earlier_version_opens(tmp_path: Path) -> None:
    """The database as it was before forks: its pull requests get their own repository as head."""
    import sqlite3

    from bot.localhub import schema

    (tmp_path / "state").mkdir()
    with sqlite3.connect(tmp_path / "state" / "localhub.db") as old:
        old.executescript(schema.FIRST)
        old.execute("INSERT INTO accounts (login, kind, created_at) VALUES ('club', 'Organization', 1)")
        old.execute("INSERT INTO repositories VALUES (7, 'club', 'taxonomy', 'main', '', 1, 1)")
        old.execute(
            "INSERT INTO pulls VALUES (3, 7, 1, 'Old', '', 'club', 'closed', 0, 'b', 'c', 'main', 'd', 1, 1, 1, NULL, "
            "NULL, NULL)"
        )
    for _ in range(2):
        hub = Hub(tmp_path / "state")
        row = hub.db.value("SELECT head_repository_id || head_owner || maintainer_can_modify FROM pulls")
        assert row == "7club0"
        assert hub.db.value("PRAGMA user_version") == len(schema.STEPS)
        hub.close()


def test_forking_and_proposing_in_the_browser(here: World) -> None:
    browser = Browser(here.server.url)
    assert "Fork</button>" not in browser.get(f"/{NAME}")
    browser.become("bob")
    assert "Fork</button>" in browser.get(f"/{NAME}")
    assert browser.send(f"/{NAME}", f"/{NAME}/fork").url.endswith("/bob/taxonomy")
    assert f'Forked from <a href="/{NAME}">' in browser.get("/bob/taxonomy")
    fork = Fork(here)
    fork.push("leaf", "one\n")
    for page in (f"/{NAME}/pulls", "/bob/taxonomy/pulls"):
        assert f"/{NAME}/compare/bob%3Aleaf" in browser.get(page)
    form = browser.get(f"/{NAME}/compare/bob:leaf")
    assert "Allow edits by maintainers" in form
    fields = {"title": "A leaf", "head": "bob:leaf", "base": "main"}
    assert browser.send(f"/{NAME}/compare/bob:leaf", f"/{NAME}/pulls", **fields, lend="1").status_code == 200
    pull = here.repo().get_pull(1)
    assert (pull.head.label, pull.maintainer_can_modify) == ("bob:leaf", True)
    shown = browser.get(f"/{NAME}/pull/1")
    assert "bob:leaf" in shown
    assert "Stop allowing" in shown
    browser.send(f"/{NAME}/pull/1", f"/{NAME}/pull/1/lend", allow="")
    assert here.repo().get_pull(1).maintainer_can_modify is False
    assert "bob%3Aleaf" not in browser.get(f"/{NAME}/pulls")
    fork.push("two", "two\n")
    browser.send(f"/{NAME}/compare/bob:two", f"/{NAME}/pulls", title="Two", head="bob:two", base="main")
    assert here.repo().get_pull(2).maintainer_can_modify is False
    here.open("own")
    assert "Allow edits by maintainers" not in browser.get(f"/{NAME}/compare/own")
