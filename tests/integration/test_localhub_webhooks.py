"""Webhooks of localhub: shapes, signature, order, log, redelivery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from github import GithubException

from bot.localhub import Hub, serve
from tests.integration.localhub_world import NAME, SECRET, Receiver, World, receiver, world


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, inbox: Receiver) -> Iterator[World]:
    with world(tmp_path) as made:
        made.hub.add_hook(NAME, inbox.url, SECRET, ["*"])
        yield made


def test_the_life_of_a_pull_request_is_told_in_order(here: World, inbox: Receiver) -> None:
    pull = here.open()
    first = pull.head.sha
    second = here.push("leaf", {"leaf.txt": "Größe: 3 µm\n"})
    comment = pull.create_issue_comment("/preview ✓")
    comment.edit("/help")
    run = here.repo("seedbed[bot]").create_check_run("seedbed/lint", second, external_id=f"{NAME}#1")
    run.edit(conclusion="success")
    pull.add_to_labels("good")
    pull.merge()
    got = inbox.wait(lambda got: sum(one.key == "pull_request.closed" for one in got) == 1)
    assert [one.key for one in got] == [
        "ping", "push", "pull_request.opened", "push", "pull_request.synchronize", "issue_comment.created",
        "issue_comment.edited", "check_run.created", "check_run.completed", "pull_request.labeled", "push",
        "pull_request.closed",
    ]  # fmt: skip
    assert all(one.is_signed() for one in got)
    assert len({one.headers["x-github-delivery"] for one in got}) == len(got)
    assert all(one.headers["content-type"] == "application/json" for one in got)
    _, pushed, opened, _, moved, said, edited, _, _, labeled, _, closed = (one.payload for one in got)
    assert (pushed["ref"], pushed["before"], pushed["after"]) == ("refs/heads/leaf", "0" * 40, first)
    assert pushed["commits"][0]["added"] == ["leaf.txt"]
    assert (opened["number"], opened["sender"]["login"]) == (1, "alice")
    assert opened["repository"]["full_name"] == NAME
    assert opened["pull_request"]["url"].startswith(here.server.url)
    assert (moved["before"], moved["after"], moved["pull_request"]["head"]["sha"]) == (first, second, second)
    assert (said["comment"]["body"], said["issue"]["number"]) == ("/preview ✓", 1)
    assert "pull_request" in said["issue"]
    assert edited["changes"]["body"]["from"] == "/preview ✓"
    assert labeled["label"]["name"] == "good"
    assert closed["pull_request"]["merged"] is True


def test_redelivery_has_the_same_guid_and_body(here: World, inbox: Receiver) -> None:
    inbox.wait_for("ping")
    inbox.status = 500
    here.open()
    inbox.wait_for("pull_request.opened")
    assert here.hub.deliveries.wait_idle(10)
    repo = here.repo("carol")
    hook = next(iter(repo.get_hooks()))
    log = list(repo.get_hook_deliveries(hook.id))
    assert [entry.event for entry in log] == ["pull_request", "push", "ping"]
    assert [entry.status_code for entry in log] == [500, 500, 202]
    inbox.status = 200
    full = repo.get_hook_delivery(hook.id, log[0].id)
    assert full.request is not None
    assert full.request.payload["action"] == "opened"
    repo.requester.requestJsonAndCheck("POST", f"{repo.url}/hooks/{hook.id}/deliveries/{log[0].id}/attempts")
    got = inbox.wait(lambda got: len(got) == 4)
    assert got[3].body == got[2].body
    assert got[3].headers["x-github-delivery"] == got[2].headers["x-github-delivery"] == log[0].guid
    assert here.hub.deliveries.wait_idle(10)
    newest = next(iter(repo.get_hook_deliveries(hook.id)))
    assert (newest.redelivery, newest.status_code, newest.status) == (True, 200, "OK")
    with pytest.raises(GithubException) as refused:
        list(here.repo("alice").get_hook_deliveries(hook.id))
    assert refused.value.status == 403


def test_hooks_through_the_api(here: World, inbox: Receiver) -> None:
    inbox.wait_for("ping")
    repo = here.repo("carol")
    config = {"url": inbox.url, "content_type": "json", "secret": SECRET}
    hook = repo.create_hook("web", config, events=["check_run"], active=True)
    inbox.wait(lambda got: len(got) == 2)
    assert hook.config["secret"] == "********"
    with pytest.raises(GithubException) as wrong:
        repo.create_hook("web", {**config, "url": "file:///etc/passwd"}, events=["push"])
    assert wrong.value.status == 422
    hook.delete()
    assert len(list(repo.get_hooks())) == 1


def test_nobody_listens(here: World, inbox: Receiver) -> None:
    hook = here.hub.add_hook(NAME, "http://127.0.0.1:9/nothing", SECRET, ["push"])
    assert here.hub.deliveries.wait_idle(10)
    row = here.hub.deliveries.listed(hook)[0]
    assert (row.status, row.status_code) == ("failed to connect to host", 0)


def test_what_waits_in_the_log_survives_a_stop(tmp_path: Path, inbox: Receiver) -> None:
    hub = Hub(tmp_path / "state")
    hub.create_repository("club", "taxonomy")
    hub.add_hook(NAME, inbox.url, SECRET, ["*"])
    hub.close()
    again = Hub(tmp_path / "state")
    with serve(again):
        assert inbox.wait_for("ping").payload["repository"]["full_name"] == NAME
    again.close()


def test_rerequest(here: World, inbox: Receiver) -> None:
    pull = here.open()
    run = here.repo("seedbed[bot]").create_check_run("seedbed/lint", pull.head.sha, external_id=f"{NAME}#1")
    repo = here.repo("alice")
    repo.requester.requestJsonAndCheck("POST", f"{repo.url}/check-runs/{run.id}/rerequest")
    told = inbox.wait_for("check_run.rerequested").payload
    assert (told["check_run"]["external_id"], told["sender"]["login"]) == (f"{NAME}#1", "alice")
