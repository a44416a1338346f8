"""What GitHub does to its clients, on demand: limits, 404s, 5xx, lost and doubled webhooks. And ETags."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from github import GithubException, RateLimitExceededException

from bot.localhub import Hub, serve
from bot.localhub.edge.failing import SECONDARY
from bot.localhub.faults import CONTENT, DeliveryFaults, Fault
from tests.integration.localhub_world import NAME, SECRET, Receiver, World, receiver, world


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def ask(here: World, method: str, path: str, *, etag: str | None = None, **body: Any) -> requests.Response:
    headers = {"Authorization": f"token {here.tokens['alice']}", **({"If-None-Match": etag} if etag else {})}
    return requests.request(method, here.server.api_url + path, headers=headers, json=body or None, timeout=5)


def test_secondary_limit_after_some_content(here: World) -> None:
    here.hub.faults.add(
        Fault(kind="secondary_limit", methods=("POST",), path=CONTENT, skip=1, times=2, status=429, retry_after_s=7)
    )
    issue = here.open().as_issue()  # creates content, too: the one that passes
    for _ in range(2):
        with pytest.raises(GithubException) as refused:
            issue.create_comment("Hello")
        assert (refused.value.status, refused.value.data["message"]) == (429, SECONDARY)
        assert refused.value.headers is not None
        assert refused.value.headers["retry-after"] == "7"
    assert issue.create_comment("Hello").body == "Hello"
    assert here.hub.faults.owed() == []


def test_primary_limit_on_demand(here: World) -> None:
    here.hub.faults.add(Fault(kind="primary_limit", retry_after_s=30))
    with pytest.raises(RateLimitExceededException) as refused:
        here.repo()
    headers = refused.value.headers or {}
    assert headers["x-ratelimit-remaining"] == "0"
    assert 0 < int(headers["x-ratelimit-reset"]) - time.time() <= 30
    assert here.repo().full_name == NAME


def test_the_primary_limit_itself(here: World) -> None:
    path = f"/repos/{NAME}"
    first = ask(here, "GET", path)
    names = ("limit", "remaining", "used", "resource")
    assert [first.headers[f"x-ratelimit-{name}"] for name in names] == ["100000", "99999", "1", "core"]
    assert ask(here, "GET", path, etag=first.headers["etag"]).headers["x-ratelimit-used"] == "1"
    assert ask(here, "GET", "/rate_limit").json()["rate"]["used"] == 1
    here.hub.rate_limits.limit = 2
    assert ask(here, "GET", path).status_code == 200
    refused = ask(here, "GET", path)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert ask(here, "GET", "/rate_limit").json()["resources"]["core"]["remaining"] == 0
    assert here.repo("carol").full_name == NAME  # another client has its own hour
    before = here.hub.clock
    here.hub.clock = lambda: before() + 3601
    assert ask(here, "GET", path).status_code == 200


def test_conditional_requests(here: World) -> None:
    pull = here.open()
    path = f"/repos/{NAME}/pulls/{pull.number}"
    first = ask(here, "GET", path)
    etag = first.headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        same = ask(here, "GET", path, etag=known)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert ask(here, "GET", path, etag='W/"other"').status_code == 200
    pull.edit(title="Another title")
    changed = ask(here, "GET", path, etag=etag)
    assert (changed.status_code, changed.json()["title"]) == (200, "Another title")
    assert changed.headers["etag"] != etag
    assert "etag" not in ask(here, "GET", "/repos/club/nothing").headers


def test_what_is_fresh_is_missing_for_some_reads(here: World) -> None:
    issue = here.open().as_issue()
    here.hub.faults.add(Fault(kind="missing_after_creation", path="/comments$", reads=2))
    path = f"/repos/{NAME}/issues/comments/{issue.create_comment('Hello').id}"
    assert ask(here, "GET", path).status_code == 404
    assert ask(here, "PATCH", path, body="Hello!").status_code == 200
    assert ask(here, "POST", f"{path}/reactions", content="eyes").status_code == 404
    assert ask(here, "POST", f"{path}/reactions", content="eyes").status_code == 201
    assert ask(here, "GET", path).json()["body"] == "Hello!"


def test_a_server_error_before_and_after_the_work(here: World) -> None:
    pull = here.open()
    path = f"/repos/{NAME}/issues/{pull.number}/comments"
    here.hub.faults.add(Fault(kind="error_before"), Fault(kind="error_after", status=500))
    codes = [ask(here, "POST", path, body=text).status_code for text in ("lost", "kept", "fine")]
    assert codes == [502, 500, 201]
    assert [row["body"] for row in ask(here, "GET", path).json()] == ["kept", "fine"]


def test_a_slow_answer(here: World) -> None:
    here.hub.faults.add(Fault(kind="slow", delay_s=0.3))
    started = time.monotonic()
    assert ask(here, "GET", f"/repos/{NAME}").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_rate_of_faults_is_the_same_in_every_run(here: World) -> None:
    def codes() -> list[int]:
        here.hub.faults.clear()
        here.hub.faults.add(Fault(kind="error_before", rate=0.5, times=None))
        return [ask(here, "GET", f"/repos/{NAME}").status_code for _ in range(20)]

    here.hub.faults.seed = 3
    first = codes()
    here.hub.faults.clear()
    assert 0 < Counter(first)[502] < 20
    other = Hub(here.folder / "other")
    other.faults.seed = 3
    other.faults.add(Fault(kind="error_before", rate=0.5, times=None))
    assert [502 if other.faults.take("GET", "/") else 200 for _ in range(20)] == first
    other.close()


def test_webhooks_are_lost_and_doubled(here: World, inbox: Receiver) -> None:
    here.hub.faults.seed = 11
    hook = here.hub.add_hook(NAME, inbox.url, SECRET, ["*"])
    here.hub.faults.deliveries = DeliveryFaults(drop=0.2, duplicate=0.3)
    issue = here.open().as_issue()
    for number in range(40):
        issue.create_comment(f"Comment {number}")
    assert here.hub.deliveries.wait_idle(20)
    log = here.hub.deliveries.listed(hook, limit=100)
    dropped = {row.guid for row in log if row.status == "failed to connect to host"}
    assert dropped == {row.guid for row in log if here.hub.faults.drops(row.id)}
    counts = Counter(one.headers["x-github-delivery"] for one in inbox.got)
    twice = {row.guid for row in log if here.hub.faults.duplicates(row.id)} - dropped
    assert counts == {row.guid: 2 if row.guid in twice else 1 for row in log if row.guid not in dropped}
    assert 2 <= len(dropped) <= 16
    assert len(twice) >= 3
    assert {row.status_code for row in here.hub.deliveries.listed(hook, limit=100, seen="failure")} == {0}


def test_a_burst_is_sent_in_order_over_one_connection(here: World) -> None:
    got: list[str] = []
    peers: set[tuple[str, int]] = set()
    enough = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            peers.add(self.client_address)
            got.append(body.get("ref", ""))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if len(got) == 301:
                enough.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hook = here.hub.add_hook(NAME, f"http://127.0.0.1:{server.server_address[1]}/", SECRET, ["push"])
    slow = here.hub.add_hook(NAME, "http://127.0.0.1:9/", SECRET, ["push"])
    with here.hub.db.transaction():
        for number in range(300):
            here.hub.deliveries.record(hook, "push", {"ref": str(number)})
            here.hub.deliveries.record(slow, "push", {"ref": str(number)})
    assert enough.wait(20)
    assert here.hub.deliveries.wait_idle(20)
    assert got == ["", *map(str, range(300))]
    assert len(peers) == 1
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_closed_connection_is_opened_again(here: World, inbox: Receiver) -> None:
    hook = here.hub.add_hook(NAME, inbox.url, SECRET, ["push"])  # this receiver closes after every answer
    for number in range(5):
        here.hub.deliveries.record(hook, "push", {"ref": str(number)})
    assert here.hub.deliveries.wait_idle(10)
    assert {row.status for row in here.hub.deliveries.listed(hook)} == {"OK"}
    assert [one.payload.get("ref") for one in inbox.got] == [None, "0", "1", "2", "3", "4"]


def test_a_hook_without_receiver_does_not_hold_up_another(tmp_path: Path, inbox: Receiver) -> None:
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # accepts, and never answers
    hub = Hub(tmp_path / "state")
    hub.create_repository("club", "taxonomy")
    with serve(hub):
        hub.add_hook(NAME, f"http://127.0.0.1:{silent.server_address[1]}/", SECRET, ["push"])
        hub.add_hook(NAME, inbox.url, SECRET, ["push"])
        inbox.wait_for("ping")
        silent.server_close()
    hub.close()


def test_faults_of_a_process_of_its_own(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    faults = tmp_path / "faults.json"
    apps = {"gardener": {"owner": "alice", "permissions": {"checks": "write"}, "install": ["alice/taxonomy"]}}
    users.write_text(json.dumps({"users": {"alice": {}}, "repositories": {"alice/taxonomy": {}}, "apps": apps}))
    faults.write_text(json.dumps({"seed": 1, "requests": [{"kind": "error_before", "status": 503}]}))
    command = [sys.executable, "-m", "bot.localhub", "--state", str(tmp_path / "state"), "--port", "0"]
    with subprocess.Popen(
        [*command, "--users", users, "--faults", faults], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        answers = [requests.get(f"{told['api_url']}/meta", timeout=5).status_code for _ in range(2)]
        process.terminate()
    assert answers == [503, 200]
    assert told["apps"]["gardener"]["pem"].startswith("-----BEGIN")
    assert told["apps"]["gardener"]["installations"] == {"alice/taxonomy": 1}
    faults.write_text(json.dumps({"requests": [{"kind": "nothing"}]}))
    wrong = subprocess.run([*command, "--faults", faults], capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, "kind" in wrong.stderr) == (2, True)
