"""Statuses, assignees, labels, issues, check buttons and folded comments, through PyGithub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from github import GithubException, UnknownObjectException

from tests.integration.localhub_world import NAME, SECRET, World, receiver, world
from tests.integration.test_localhub_pages import Browser

BUTTONS = [
    {"label": "Preview", "description": "Show what the teacher writes", "identifier": "preview"},
    {"label": "Fix", "description": "Mend what can be mended", "identifier": "fix"},
]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_statuses(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["status"])
        pull = here.open()
        commit = here.repo("alice").get_commit(pull.head.sha)
        assert commit.get_combined_status().state == "pending"
        commit.create_status("failure", target_url="http://example.org/", description="Bad", context="seedbed/lint")
        commit.create_status("success", description="Good", context="seedbed/lint")
        made = commit.create_status("pending", context="seedbed/preview")
        assert (made.creator.login, made.state, made.context) == ("alice", "pending", "seedbed/preview")
        together = commit.get_combined_status()
        assert (together.state, together.total_count) == ("pending", 2)
        assert [one.state for one in commit.get_statuses()] == ["pending", "success", "failure"]
        commit.create_status("success", context="seedbed/preview")
        assert commit.get_combined_status().state == "success"
        assert inbox.wait_for("status").payload["context"] == "seedbed/lint"
        with pytest.raises(GithubException) as refused:
            here.repo("bob").get_commit(pull.head.sha).create_status("success")
        assert refused.value.status == 403
        for state, extra in (
            ("great", {}),
            ("success", {"description": "x" * 141}),
            ("success", {"target_url": "x:y"}),
        ):
            with pytest.raises(GithubException) as refused:
                commit.create_status(state, **extra)
            assert refused.value.status == 422
        page = Browser(here.server.url).get(f"/{NAME}/pull/1")
        assert "seedbed/preview" in page
        assert "Good" in page


def test_assignees(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["pull_request"])
        here.open()
        repo = here.repo("carol")
        assert {user.login for user in repo.get_assignees()} == {"carol", "alice"}
        assert repo.has_in_assignees("alice")
        assert not repo.has_in_assignees("bob")
        assert not repo.has_in_assignees("nobody")
        issue = repo.get_issue(1)
        issue.add_to_assignees("carol", "bob", "nobody", "CAROL")
        assert [user.login for user in issue.assignees] == ["carol"]
        pull = repo.get_pull(1)
        assert ([user.login for user in pull.assignees], pull.assignee.login) == (["carol"], "carol")
        told = inbox.wait_for("pull_request.assigned").payload
        assert (told["assignee"]["login"], told["pull_request"]["assignees"][0]["login"]) == ("carol", "carol")
        here.repo("bob").get_issue(1).create_comment("I would.")
        issue.add_to_assignees("bob")  # who took part may be assigned
        assert [user.login for user in repo.get_issue(1).assignees] == ["carol", "bob"]
        issue.remove_from_assignees("carol")
        assert [user.login for user in repo.get_issue(1).assignees] == ["bob"]
        inbox.wait_for("pull_request.unassigned")
        with pytest.raises(GithubException) as refused:
            here.repo("bob").get_issue(1).add_to_assignees("bob")
        assert refused.value.status == 403
        assert "bob" in Browser(here.server.url).get(f"/{NAME}/pull/1")


def test_labels_change_and_go(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["pull_request"])
        here.open()
        repo = here.repo("seedbed[bot]")
        label = repo.create_label("triage", "ff0000", "To look at")
        repo.create_label("other", "00ff00")
        repo.get_issue(1).add_to_labels("triage", "other")
        told = inbox.wait_for("pull_request.labeled").payload
        assert (told["label"]["name"], told["label"]["color"]) == ("triage", "ff0000")
        label.edit("ready", "0000FF", "Seen")
        assert [(one.name, one.color) for one in repo.get_pull(1).labels] == [("other", "00ff00"), ("ready", "0000ff")]
        for name, color in (("OTHER", "0000ff"), ("ready", "blue")):
            with pytest.raises(GithubException) as refused:
                label.edit(name, color)
            assert refused.value.status == 422
        label.delete()
        assert [one.name for one in repo.get_pull(1).labels] == ["other"]
        repo.get_issue(1).remove_from_labels("other")
        inbox.wait_for("pull_request.unlabeled")
        with pytest.raises(UnknownObjectException):
            repo.get_label("ready")


def test_issues_are_pull_requests(here: World) -> None:
    for number in range(1, 5):
        here.open(f"leaf{number}")
    repo = here.repo("seedbed[bot]")
    repo.get_pull(2).merge()
    repo.get_pull(3).edit(state="closed")
    repo.get_issue(4).add_to_labels("a", "b")
    repo.get_issue(1).add_to_labels("a")
    repo.get_issue(1).add_to_assignees("carol")

    def numbers(**wanted: object) -> list[int]:
        return [issue.number for issue in repo.get_issues(**wanted)]  # type: ignore[arg-type]

    assert numbers() == [4, 1]
    assert numbers(state="all") == [4, 3, 2, 1]
    assert numbers(state="closed", creator="alice") == [3, 2]
    assert numbers(state="all", creator="bob") == []
    assert numbers(labels=["a"]) == [4, 1]
    assert numbers(labels=["a", "b"]) == [4]
    assert numbers(assignee="carol") == [1]
    assert numbers(assignee="none") == [4]
    assert numbers(assignee="*") == [1]
    assert numbers(state="all", direction="asc") == [1, 2, 3, 4]
    merged = [i.number for i in repo.get_issues(state="closed") if i.raw_data["pull_request"]["merged_at"]]
    assert merged == [2]
    answer = requests.get(f"{here.server.api_url}/repos/{NAME}/issues?state=all&per_page=1", timeout=5)
    assert 'rel="next"' in answer.headers["Link"]


def test_buttons_of_check_runs(here: World) -> None:
    with receiver() as inbox:
        here.hub.add_hook(NAME, inbox.url, SECRET, ["check_run", "check_suite"])
        pull = here.open()
        bot = here.repo("seedbed[bot]")
        run = bot.create_check_run("seedbed/lint", pull.head.sha, conclusion="failure", actions=BUTTONS)
        browser = Browser(here.server.url)
        page = f"/{NAME}/runs/{run.id}"
        browser.become("bob")
        assert "Preview" not in browser.get(page)
        assert browser.send(page, f"{page}/press", identifier="preview").status_code == 403
        browser.become("alice")
        assert "Show what the teacher writes" in browser.get(page)
        assert browser.send(page, f"{page}/press", identifier="fix").status_code == 200
        pressed = inbox.wait_for("check_run.requested_action").payload
        assert pressed["requested_action"] == {"identifier": "fix"}
        assert (pressed["check_run"]["id"], pressed["sender"]["login"]) == (run.id, "alice")
        assert browser.send(page, f"{page}/press", identifier="else").status_code == 422
        run.edit(status="completed", conclusion="success", actions=[])
        assert "Show what the teacher writes" not in browser.get(page)
        suites = bot.get_commit(pull.head.sha).get_check_suites()
        assert [(suite.status, suite.conclusion, suite.head_sha) for suite in suites] == [
            ("completed", "success", pull.head.sha)
        ]
        assert [one.id for one in suites[0].get_check_runs()] == [run.id]
        assert bot.get_check_suite(suites[0].id).latest_check_runs_count == 1
        assert suites[0].rerequest()
        assert inbox.wait_for("check_suite.rerequested").payload["check_suite"]["head_sha"] == pull.head.sha
        for bad in (
            [*BUTTONS, *BUTTONS],
            [{**BUTTONS[0], "label": "x" * 21}],
            [{**BUTTONS[0], "description": "x" * 41}],
            [{**BUTTONS[0], "identifier": "x" * 21}],
            [{**BUTTONS[0], "identifier": ""}],
        ):
            with pytest.raises(GithubException) as refused:
                bot.create_check_run("x", pull.head.sha, actions=bad)
            assert refused.value.status == 422


def test_comments_are_folded(here: World) -> None:
    here.open()
    issue = here.repo("seedbed[bot]").get_issue(1)
    comment = issue.create_comment("An old preview.")
    assert comment.minimize("OUTDATED")
    browser = Browser(here.server.url)
    page = browser.get(f"/{NAME}/pull/1")
    assert "This comment was marked as outdated." in page
    assert "<details" in page
    assert comment.unminimize()
    assert "marked as outdated" not in browser.get(f"/{NAME}/pull/1")
    theirs = here.repo("bob").get_issue(1).get_comment(comment.id)
    with pytest.raises(GithubException) as refused:
        theirs.minimize()
    assert refused.value.data["errors"][0]["type"] == "FORBIDDEN"
    assert here.repo("alice").get_issue(1).get_comment(comment.id).minimize("RESOLVED")
    with pytest.raises(GithubException):
        comment.minimize("BORING")
    url, auth = f"{here.server.url}/api/graphql", {"Authorization": f"Bearer {here.tokens['bob']}"}
    answer = requests.post(url, json={"query": "query { viewer { login } }"}, headers=auth, timeout=5)
    assert (answer.status_code, "errors" in answer.json()) == (200, True)
    assert requests.post(url, json={"query": "query { viewer { login } }"}, timeout=5).status_code == 401
