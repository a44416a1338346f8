"""The REST API of localhub, seen through unmodified PyGithub."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from github import BadCredentialsException, GithubException, UnknownObjectException

from tests.integration.localhub_world import NAME, README, World, git, world


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_accounts_and_permissions(here: World) -> None:
    bot = here.github("seedbed[bot]")
    assert bot.get_user().login == "seedbed[bot]"
    assert bot.get_user("carol").type == "User"
    repo = bot.get_repo(NAME)
    levels = {login: repo.get_collaborator_permission(login) for login in ("carol", "alice", "bob")}
    assert levels == {"carol": "admin", "alice": "write", "bob": "read"}
    here.hub.set_permission(NAME, "bob", "triage")
    assert repo.get_collaborator_permission("bob") == "read"
    assert repo.get_collaborator_role_name("bob") == "triage"
    with pytest.raises(UnknownObjectException):
        bot.get_user("nobody")
    with pytest.raises(GithubException) as refused:
        here.repo("bob").get_collaborator_permission("alice")
    assert refused.value.status == 403


def test_a_wrong_token_is_401_even_for_public_things(here: World) -> None:
    with pytest.raises(BadCredentialsException):
        here.github_with("0" * 40).get_repo(NAME)
    answer = requests.get(f"{here.server.api_url}/user", timeout=5)
    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")
    assert "documentation_url" in answer.json()


def test_git_data(here: World) -> None:
    repo = here.repo()
    assert [branch.name for branch in repo.get_branches()] == ["main"]
    head = repo.get_branch("main").commit.sha
    assert repo.get_git_ref("heads/main").object.sha == head
    tree = {entry.path: entry for entry in repo.get_git_tree(head, recursive=True).tree}
    assert list(tree) == ["README.md", "compositional_skills", "compositional_skills/seed.txt"]
    assert tree["compositional_skills"].type == "tree"
    blob = repo.get_git_blob(tree["compositional_skills/seed.txt"].sha)
    assert (base64.b64decode(blob.content), blob.encoding) == (b"one\ntwo\nthree\n", "base64")
    assert repo.get_contents("README.md", ref="main").decoded_content.decode() == README  # type: ignore[union-attr]
    assert [item.type for item in repo.get_contents("")] == ["file", "dir"]  # type: ignore[union-attr]
    commit = repo.get_commit("main")
    assert (commit.sha, commit.commit.message, commit.files[0].filename) == (head, "First commit", "README.md")
    with pytest.raises(UnknownObjectException):
        repo.get_contents("missing.md")
    with pytest.raises(GithubException, match="404"):
        repo.get_branch("main@{0}")


def test_a_pull_request_from_open_to_merged(here: World) -> None:
    sha = here.push("leaf/one", {"compositional_skills/seed.txt": "one\n2\nthree\n", "new.txt": "new\n"})
    repo = here.repo()
    pull = repo.create_pull(base="main", head="leaf/one", title="A leaf", body="Please look.")
    assert (pull.number, pull.state, pull.head.sha, pull.user.login) == (1, "open", sha, "alice")
    assert (pull.mergeable, pull.commits, pull.changed_files, pull.additions, pull.deletions) == (True, 1, 2, 2, 1)
    files = {file.filename: file for file in pull.get_files()}
    assert files["new.txt"].status == "added"
    assert files["compositional_skills/seed.txt"].patch == "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three"
    assert [commit.sha for commit in pull.get_commits()] == [sha]
    assert [found.number for found in repo.get_commit(sha).get_pulls()] == [1]
    with pytest.raises(GithubException, match="already exists"):
        repo.create_pull(base="main", head="leaf/one", title="Again", body="")
    with pytest.raises(GithubException) as refused:
        here.repo("bob").get_pull(1).merge()
    assert refused.value.status == 403
    done = pull.merge()
    assert done.merged
    merged = repo.get_pull(1)
    assert (merged.merged, merged.state, merged.merge_commit_sha) == (True, "closed", done.sha)
    commit = repo.get_commit(done.sha)
    assert commit.commit.message == "Merge pull request #1 from club/leaf/one\n\nA leaf"
    assert [parent.sha for parent in commit.parents][1] == sha
    assert repo.get_branch("main").commit.sha == done.sha
    assert [found.number for found in commit.get_pulls()] == [1]
    assert [found.number for found in repo.get_commit(sha).get_pulls()] == [1]
    assert {file.filename for file in merged.get_files()} == set(files)


def test_a_conflict_is_not_mergeable(here: World) -> None:
    path = "compositional_skills/seed.txt"
    one = here.open("one", {path: "one\n2\nthree\n"})
    two = here.open("two", {path: "one\nII\nthree\n"})
    one.merge()
    assert here.repo().get_pull(two.number).mergeable is False
    with pytest.raises(GithubException) as refused:
        two.merge()
    assert (refused.value.status, refused.value.data["message"]) == (405, "Pull Request is not mergeable")
    with pytest.raises(GithubException) as stale:
        two.merge(sha="0" * 40)
    assert stale.value.status == 409


def test_bad_pull_requests(here: World) -> None:
    repo = here.repo()
    for head, base in (("main", "main"), ("missing", "main"), ("main", "missing")):
        with pytest.raises(GithubException) as refused:
            repo.create_pull(base=base, head=head, title="Nothing", body="")
        assert refused.value.status == 422
    with pytest.raises(UnknownObjectException):
        repo.get_pull(9)
    url = f"{here.server.api_url}/repos/{NAME}/pulls"
    headers = {"Authorization": f"Bearer {here.tokens['alice']}"}
    assert requests.post(url, data="{", headers=headers, timeout=5).json()["message"] == "Problems parsing JSON"
    assert requests.post(url, json={"title": 1}, headers=headers, timeout=5).status_code == 422


def test_close_edit_reopen(here: World) -> None:
    pull = here.open()
    pull.edit(title="Another title", body="")
    assert here.repo().get_pull(1).title == "Another title"
    pull.edit(state="closed")
    assert [found.number for found in here.repo().get_pulls(state="closed")] == [1]
    pull.edit(state="open")
    assert [found.number for found in here.repo().get_pulls()] == [1]
    with pytest.raises(GithubException) as refused:
        here.repo("bob").get_pull(1).edit(state="closed")
    assert refused.value.status == 403


def test_lists_come_in_pages(here: World) -> None:
    pull = here.open()
    written = [pull.create_issue_comment(f"comment {number}").id for number in range(7)]
    few = here.github("alice")
    few.per_page = 3
    comments = few.get_repo(NAME).get_issue(1).get_comments()
    assert [comment.id for comment in comments] == written
    assert comments.totalCount == 7
    url = f"{here.server.api_url}/repos/{NAME}/issues/1/comments?per_page=3&page=2"
    links = requests.get(url, timeout=5).links
    assert set(links) == {"first", "prev", "next", "last"}
    assert "page=3" in links["next"]["url"]
    for number in range(3):
        here.open(f"more{number}")
    repo = few.get_repo(NAME)
    assert [found.number for found in repo.get_pulls(sort="created", direction="asc")] == [1, 2, 3, 4]
    assert [found.number for found in repo.get_pulls()] == [4, 3, 2, 1]


def test_comments_and_reactions(here: World) -> None:
    here.open()
    comment = here.repo("bob").get_pull(1).create_issue_comment("Hello")
    comment.edit("Hello again")
    seen = here.repo("seedbed[bot]").get_pull(1).get_issue_comment(comment.id)
    assert (seen.body, seen.user.login) == ("Hello again", "bob")
    first, second = seen.create_reaction("eyes"), seen.create_reaction("eyes")
    assert (first.id, first.content) == (second.id, "eyes")
    seen.create_reaction("rocket")
    assert [reaction.content for reaction in seen.get_reactions()] == ["eyes", "rocket"]
    assert here.repo().get_pull(1).get_issue_comment(comment.id).reactions["eyes"] == 1
    here.hub.add_user("dave")
    bobs = here.repo("bob").get_pull(1)
    bots = here.repo("seedbed[bot]").get_pull(1).create_issue_comment("Mine")
    with pytest.raises(GithubException) as refused:
        bobs.get_issue_comment(bots.id).edit("Yours")
    assert refused.value.status == 403
    with pytest.raises(GithubException) as blank:
        bobs.create_issue_comment("  ")
    assert blank.value.status == 422
    comment.delete()
    assert [left.body for left in bobs.get_issue_comments()] == ["Mine"]


def test_labels(here: World) -> None:
    pull = here.open()
    here.repo().create_label("seedbed:lint", "d73a4a")
    pull.add_to_labels("seedbed:lint", "new")
    assert [label.name for label in pull.get_labels()] == ["new", "seedbed:lint"]
    pull.remove_from_labels("new")
    pull.set_labels("other")
    assert [label.name for label in here.repo().get_pull(1).labels] == ["other"]
    assert {label.name for label in here.repo().get_labels()} == {"new", "other", "seedbed:lint"}
    with pytest.raises(GithubException) as refused:
        here.repo("bob").get_pull(1).add_to_labels("mine")
    assert refused.value.status == 403


def _notes(count: int) -> list[dict[str, str | int]]:
    level = {"annotation_level": "warning", "message": "Too short.", "title": "SB101"}
    return [{"path": "leaf.txt", "start_line": n, "end_line": n, **level} for n in range(1, count + 1)]


def test_check_runs_and_their_limits(here: World) -> None:
    pull = here.open()
    repo = here.repo("seedbed[bot]")
    output = {"title": "50 faults", "summary": "See below.", "annotations": _notes(50)}
    run = repo.create_check_run(
        "seedbed/lint", pull.head.sha, external_id=f"{NAME}#1", status="in_progress", output=output
    )
    assert (run.status, run.conclusion, run.external_id, run.app.slug) == ("in_progress", None, f"{NAME}#1", "seedbed")
    assert [found.number for found in run.pull_requests] == [1]
    run.edit(conclusion="failure", output={**output, "annotations": _notes(10)})
    assert (run.status, run.conclusion, run.output.annotations_count) == ("completed", "failure", 60)
    assert [note.start_line for note in run.get_annotations()] == [*range(1, 51), *range(1, 11)]
    for wrong in ({"annotations": _notes(51)}, {"summary": "é" * 32768}):
        with pytest.raises(GithubException) as refused:
            run.edit(output={**output, "annotations": [], **wrong})
        assert refused.value.status == 422
    repo.create_check_run("seedbed/preview", pull.head.sha, conclusion="neutral")
    commit = repo.get_commit(pull.head.sha)
    assert {found.name for found in commit.get_check_runs()} == {"seedbed/lint", "seedbed/preview"}
    assert [found.id for found in commit.get_check_runs(check_name="seedbed/lint")] == [run.id]
    again = repo.create_check_run("seedbed/lint", pull.head.sha)
    assert [found.id for found in commit.get_check_runs(check_name="seedbed/lint")] == [again.id]
    assert commit.get_check_runs(check_name="seedbed/lint", filter="all").totalCount == 2


def test_only_apps_write_check_runs(here: World) -> None:
    pull = here.open()
    with pytest.raises(GithubException) as refused:
        here.repo("carol").create_check_run("mine", pull.head.sha)
    assert (refused.value.status, refused.value.data["message"]) == (403, "You must authenticate via a GitHub App.")
    bot = here.repo("seedbed[bot]")
    for wrong in ({"head_sha": "0" * 40}, {"head_sha": pull.head.sha, "status": "completed"}):
        with pytest.raises(GithubException) as invalid:
            bot.create_check_run("x", **wrong)
        assert invalid.value.status == 422


def test_same_date_same_commits(tmp_path: Path) -> None:
    from bot.localhub import Hub

    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "a.txt").write_text("a\n")
    heads = []
    for name in ("one", "two"):
        hub = Hub(tmp_path / name, commit_date=1_700_000_000)
        bare = hub.create_repository("club", "taxonomy", template=tmp_path / "template")
        heads.append(git(bare, "rev-parse", "main"))
        hub.close()
    assert heads[0] == heads[1]
