"""Writing to git through localhub's API, as PyGithub does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import GithubException, InputGitAuthor, InputGitTreeElement, UnknownObjectException
from github.Repository import Repository

from tests.integration.localhub_world import NAME, SECRET, World, receiver, world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def paths(repo: Repository, sha: str) -> list[str]:
    return [entry.path for entry in repo.get_git_tree(sha, recursive=True).tree if entry.type == "blob"]


def test_a_commit_made_of_blobs_and_trees_moves_a_pull_request(here: World) -> None:
    with receiver() as inbox:
        pull = here.open("leaf", {"a/b/c.txt": "c\n", "a/d.txt": "d\n"})
        here.hub.add_hook(NAME, inbox.url, SECRET, ["*"])
        repo = here.repo("seedbed[bot]")
        head = repo.get_git_commit(pull.head.sha)
        blob = repo.create_git_blob("bmV3Cg==", "base64")
        tree = repo.create_git_tree(
            [
                InputGitTreeElement("a/b/new.txt", "100755", "blob", sha=blob.sha),
                InputGitTreeElement("a/b/c.txt", "100644", "blob", sha=None),
                InputGitTreeElement("x.txt", "100644", "blob", content="x\n"),
            ],
            head.tree,
        )
        commit = repo.create_git_commit("Mend", tree, [head])
        assert paths(repo, commit.sha) == [
            "README.md",
            "a/b/new.txt",
            "a/d.txt",
            "compositional_skills/seed.txt",
            "x.txt",
        ]
        assert {entry.path: entry.mode for entry in repo.get_git_tree(f"{commit.sha}", recursive=True).tree}[
            "a/b/new.txt"
        ] == "100755"
        assert (commit.author.name, commit.author.email) == ("seedbed[bot]", "seedbed[bot]@users.noreply.localhub")
        repo.get_git_ref("heads/leaf").edit(commit.sha)
        assert here.repo().get_pull(1).head.sha == commit.sha
        moved = inbox.wait_for("pull_request.synchronize").payload
        assert (moved["before"], moved["after"], moved["sender"]["login"]) == (head.sha, commit.sha, "seedbed[bot]")
        assert inbox.wait_for("push").payload["after"] == commit.sha


def test_refs_move_forwards_unless_forced(here: World) -> None:
    sha = here.push("leaf", {"leaf.txt": "1\n"})
    repo = here.repo()
    main = repo.get_branch("main").commit.sha
    ref = repo.get_git_ref("heads/leaf")
    with pytest.raises(GithubException, match="Update is not a fast forward") as refused:
        ref.edit(main)
    assert refused.value.status == 422
    ref.edit(main, force=True)
    assert repo.get_branch("leaf").commit.sha == main
    made = repo.create_git_ref("refs/heads/other/one", sha)
    assert repo.get_git_ref("heads/other/one").object.sha == sha
    for name, target, why in (
        ("refs/heads/other/one", sha, "Reference already exists"),
        ("refs/heads/other", sha, "Reference update failed"),
        ("refs/heads/new", "0" * 40, "Object does not exist"),
        ("refs/pull/1/head", sha, "must start with"),
    ):
        with pytest.raises(GithubException, match=why):
            repo.create_git_ref(name, target)
    made.delete()
    with pytest.raises(UnknownObjectException):
        repo.get_git_ref("heads/other/one")


def test_bad_trees_and_commits(here: World) -> None:
    repo = here.repo()
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    blob = repo.create_git_blob("x", "utf-8")
    for element, why in (
        (InputGitTreeElement("../out", "100644", "blob", sha=blob.sha), "malformed"),
        (InputGitTreeElement(".git/config", "100644", "blob", sha=blob.sha), "malformed"),
        (InputGitTreeElement("a", "100644", "blob", sha="0" * 40), "not a valid blob"),
        (InputGitTreeElement("a", "040000", "tree", sha=blob.sha), "not a valid tree"),
        (InputGitTreeElement("missing", "100644", "blob", sha=None), "BadObjectState"),
    ):
        with pytest.raises(GithubException, match=why) as refused:
            repo.create_git_tree([element], head.tree)
        assert refused.value.status == 422
    with pytest.raises(GithubException, match="422"):
        repo.create_git_blob("no base64!", "base64")
    for make in (
        lambda bob: bob.create_git_blob("x", "utf-8"),
        lambda bob: bob.create_git_ref("refs/heads/mine", head.sha),
        lambda bob: bob.get_git_ref("heads/main").edit(head.sha, force=True),
        lambda bob: bob.get_git_ref("heads/main").delete(),
    ):
        with pytest.raises(GithubException) as refused:
            make(here.repo("bob"))
        assert refused.value.status == 403


def test_files_are_written_and_removed_by_a_commit_each(here: World) -> None:
    repo = here.repo()
    made = repo.create_file("docs/a.md", "Add a", "one\n", author=InputGitAuthor("Ann", "ann@example.org"))
    assert (made["content"].path, made["commit"].raw_data["message"], made["commit"].raw_data["author"]["name"]) == (
        "docs/a.md",
        "Add a",
        "Ann",
    )
    changed = repo.update_file("docs/a.md", "Change a", "two\n", made["content"].sha)
    assert repo.get_contents("docs/a.md").decoded_content == b"two\n"  # type: ignore[union-attr]
    with pytest.raises(GithubException) as refused:
        repo.update_file("docs/a.md", "Again", "three\n", made["content"].sha)
    assert refused.value.status == 409
    with pytest.raises(GithubException, match="wasn't supplied"):
        repo.create_file("docs/a.md", "Again", "three\n")
    repo.delete_file("docs/a.md", "Remove a", changed["content"].sha)
    assert paths(repo, "main") == ["README.md", "compositional_skills/seed.txt"]
    with pytest.raises(UnknownObjectException):
        repo.create_file("a", "b", "c", branch="nowhere")
    assert [commit.commit.message for commit in repo.get_commits()][:3] == ["Remove a", "Change a", "Add a"]


def test_people_and_dates_that_git_does_not_take(here: World) -> None:
    repo = here.repo()
    head = repo.get_git_commit(repo.get_branch("main").commit.sha)
    dated = repo.create_git_commit("x", head.tree, [head], InputGitAuthor("Ann", "a@b", "2020-02-03T04:05:06Z"))
    assert dated.author.date.isoformat() == "2020-02-03T04:05:06+00:00"
    for person in (InputGitAuthor("", "a@b"), InputGitAuthor("Ann", "a@b", "1900-01-01T00:00:00Z")):
        with pytest.raises(GithubException, match="Invalid author") as refused:
            repo.create_git_commit("x", head.tree, [head], person)
        assert refused.value.status == 422
