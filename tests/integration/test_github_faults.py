"""The GitHub adapter when the server misbehaves: lost answers, refusals, rate limits. Real HTTP, scripted answers."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.forge.github import AppCredentials, GitHubForge
from bot.forge.port import (
    Action,
    Annotation,
    Check,
    Forbidden,
    ForgeError,
    Label,
    NotFound,
    RateLimited,
    Sent,
    Unreachable,
)
from bot.settings import SettingsError, load
from bot.wiring import open_forge

REPO = "/repos/o/r"
MARKER = "<!-- mine -->"
SHA = "a" * 40
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | None


class Script:
    """Answers by method and path, in order; the last one stays. None closes the connection without an answer."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        self.url = ""
        self.busy = self.busiest = 0
        self.delay_s = 0.0
        self.lock = threading.Lock()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def count(self, method: str, path: str) -> int:
        return sum((m, p) == (method, path) for m, p, _ in self.requests)

    def next(self, method: str, path: str) -> Answer:
        answers = self.answers.get((method, path), [(404, {"message": "Not Found"})])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            with script.lock:
                script.busy += 1
                script.busiest = max(script.busiest, script.busy)
            time.sleep(script.delay_s)
            try:
                self.answer()
            finally:
                with script.lock:
                    script.busy -= 1

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0].removeprefix("/api/v3")
            script.requests.append((self.command, path, body))
            script.headers.append({key.lower(): value for key, value in self.headers.items()})
            answer = script.next(self.command, path)
            if answer is None:
                self.close_connection = True
                return
            content = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            for key, value in (answer[2] if len(answer) == 3 else {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                for start in range(0, len(content), 2**16):
                    self.wfile.write(content[start : start + 2**16])
                    script.sent = start
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_port}/api/v3"
    yield script
    server.shutdown()
    server.server_close()


@pytest.fixture
def slept() -> list[float]:
    """Each pause that the adapter made, in seconds; none takes real time."""
    return []


@pytest.fixture
def forge(script: Script, slept: list[float]) -> GitHubForge:
    return GitHubForge("o/r", "secret-token", api_url=script.url, login="bot[bot]", pause_s=0, sleep=slept.append)


def a_comment(script: Script, id: int, body: str, login: str = "bot[bot]") -> dict[str, Any]:
    url = f"{script.url}{REPO}/issues/comments/{id}"
    return {"id": id, "url": url, "body": body, "user": {"login": login, "url": f"{script.url}/users/{login}"}}


def test_a_read_is_repeated_over_a_short_outage(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (503, {"message": "busy"}), None, (200, {"commit": {"sha": SHA}}))
    assert forge.branch_head("main") == SHA
    assert script.count("GET", f"{REPO}/branches/main") == 3


def test_an_outage_that_lasts_is_reported_with_what_was_asked(
    script: Script, forge: GitHubForge, slept: list[float]
) -> None:
    script.on("GET", f"{REPO}/branches/main", (503, {"message": "busy"}))
    with pytest.raises(Unreachable, match=r"o/r: branch 'main': http://127\.0\.0\.1:\d+/api/v3 answered 503: busy"):
        forge.branch_head("main")
    assert script.count("GET", f"{REPO}/branches/main") == 4
    assert 0 < sum(slept) < 3


def test_nobody_listening_is_reported() -> None:
    forge = GitHubForge("o/r", "t", api_url="http://127.0.0.1:9", login="bot[bot]", pause_s=0, sleep=lambda _: None)
    with pytest.raises(Unreachable, match=r"o/r: pull request #3: .* cannot be reached"):
        forge.pull(3)


def test_a_refusal_carries_status_and_message_and_no_token(script: Script, forge: GitHubForge) -> None:
    script.on("POST", f"{REPO}/issues/3/comments", (403, {"message": "Resource not accessible by integration"}))
    with pytest.raises(Forbidden) as caught:
        forge.comment(3, "hello")
    assert str(caught.value) == (
        f"o/r: a comment on pull request #3: {script.url} answered 403: Resource not accessible by integration"
    )
    assert "secret-token" not in repr(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("lost", [None, (502, {"message": "Bad Gateway"})])
def test_a_comment_whose_answer_was_lost_is_not_written_twice(script: Script, forge: GitHubForge, lost: Answer) -> None:
    body = f"{MARKER} text"
    script.on("GET", f"{REPO}/issues/3/comments", (200, []), (200, [a_comment(script, 7, body)]))
    script.on("POST", f"{REPO}/issues/3/comments", lost)
    assert forge.ensure_comment(3, MARKER, body) == 7
    assert script.count("POST", f"{REPO}/issues/3/comments") == 1


def test_a_write_that_was_not_made_is_made_again_once(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/issues/3/comments", (200, []))
    script.on("POST", f"{REPO}/issues/3/comments", (502, {}), (201, a_comment(script, 8, MARKER)))
    assert forge.ensure_comment(3, MARKER, MARKER) == 8
    script.on("POST", f"{REPO}/issues/4/comments", (502, {"message": "Bad Gateway"}))
    script.on("GET", f"{REPO}/issues/4/comments", (200, []))
    with pytest.raises(Unreachable, match="answered 502: Bad Gateway"):
        forge.ensure_comment(4, MARKER, MARKER)
    assert script.count("POST", f"{REPO}/issues/4/comments") == 2


IN_AN_HOUR = str(int(time.time()) + 3600)


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        ((403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "17"}), 17, 17),
        ((403, {"message": "You have exceeded a secondary rate limit."}), 60, 60),
        ((429, {"message": "Too many"}, {"Retry-After": "5"}), 5, 5),
        ((429, {"message": "Too many"}), 60, 60),
        ((403, {"message": "no"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": IN_AN_HOUR}), 3000, 3601),
        ((403, {"message": "API rate limit exceeded for x"}, {"X-RateLimit-Reset": IN_AN_HOUR}), 3000, 3601),
        # A secondary limit says nothing by the reset of the primary one, which is not used up.
        (
            (403, {"message": "You have exceeded a secondary rate limit."},
             {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": IN_AN_HOUR}), 60, 60,
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_rate_limit_is_reported_at_once_and_says_how_long(
    script: Script, forge: GitHubForge, slept: list[float], answer: Answer, least: float, most: float, verb: str
) -> None:
    path = f"{REPO}/branches/main" if verb == "GET" else f"{REPO}/issues/3/comments"
    script.on(verb, path, answer)
    with pytest.raises(RateLimited) as caught:
        forge.branch_head("main") if verb == "GET" else forge.comment(3, "hello")
    assert least <= float(caught.value.after_s or 0) <= most
    assert script.count(verb, path) == 1
    assert sum(slept) == 0


def test_nobody_asks_again_before_a_rate_limit_is_over(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (429, {"message": "Too many"}, {"Retry-After": "100"}))
    with pytest.raises(RateLimited):
        forge.branch_head("main")
    with pytest.raises(RateLimited, match="was not asked") as caught:
        forge.pull(3)
    assert 90 < float(caught.value.after_s or 0) <= 100
    assert len(script.requests) == 1


def test_a_rate_limit_that_is_over_is_forgotten(script: Script, forge: GitHubForge) -> None:
    limited = (403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "0"})
    script.on("POST", f"{REPO}/issues/3/comments", limited, (201, a_comment(script, 9, "hello")))
    with pytest.raises(RateLimited):
        forge.comment(3, "hello")
    assert forge.comment(3, "hello") == 9


def test_a_reaction_waits_for_a_comment_that_is_not_seen_yet(
    script: Script, forge: GitHubForge, slept: list[float]
) -> None:
    path = f"{REPO}/issues/comments/7/reactions"
    script.on("POST", path, (404, {"message": "Not Found"}), (404, {"message": "Not Found"}), (201, {"id": 1}))
    forge.react(7, "eyes")
    assert script.count("POST", path) == 3
    script.on("POST", path, (404, {"message": "Not Found"}))
    with pytest.raises(NotFound):
        forge.react(7, "eyes")
    assert script.count("POST", path) == 7
    assert sum(slept) < 5


def test_what_was_read_before_is_asked_for_conditionally(script: Script, forge: GitHubForge) -> None:
    path = f"{REPO}/branches/main"
    body = {"commit": {"sha": SHA}}
    changed = (200, {"commit": {"sha": "b" * 40}}, {"ETag": '"2"'})
    script.on("GET", path, (200, body, {"ETag": '"1"'}), (304, b""), (304, b""), changed)
    assert [forge.branch_head("main") for _ in range(4)] == [SHA, SHA, SHA, "b" * 40]
    assert [headers.get("if-none-match") for headers in script.headers] == [None, '"1"', '"1"', '"1"']
    script.on("GET", path, (304, b""))
    assert forge.branch_head("main") == "b" * 40
    assert script.headers[-1]["if-none-match"] == '"2"'


def test_pages_of_a_list_are_followed_and_kept(script: Script, forge: GitHubForge) -> None:
    path = f"{REPO}/issues/3/comments"
    link = f'<{script.url}{REPO}/issues/3/more?page=2>; rel="next", <{script.url}/x>; rel="last"'
    theirs, ours = a_comment(script, 1, "hello", "eve"), a_comment(script, 2, MARKER)
    script.on("GET", path, (200, [theirs], {"ETag": '"1"', "Link": link}), (304, b""))
    script.on("GET", f"{REPO}/issues/3/more", (200, [ours], {"ETag": '"2"'}), (304, b""))
    for _ in range(2):
        found = forge.find_comment(3, MARKER)
        assert found is not None
        assert found.id == 2
    assert len(script.requests) == 4


def test_a_full_last_page_hides_nothing_that_comes_after_it(script: Script, forge: GitHubForge) -> None:
    """Its ETag stays when a page is added behind it, and an answer without a body need not name that page."""
    path, more = f"{REPO}/issues/3/comments", f"{REPO}/issues/3/more"
    full = [a_comment(script, id, "hello", "eve") for id in range(100)]
    link = {"Link": f'<{script.url}{more}?page=2>; rel="next"'}
    script.on("GET", path, (200, full, {"ETag": '"1"'}), (200, full, {"ETag": '"1"', **link}))
    script.on("GET", more, (200, [a_comment(script, 101, MARKER)], {"ETag": '"2"'}))
    assert forge.find_comment(3, MARKER) is None
    found = forge.find_comment(3, MARKER)
    assert found is not None
    assert found.id == 101
    assert [headers.get("if-none-match") for headers in script.headers] == [None, None, None]


def test_reads_run_side_by_side_and_writes_one_at_a_time(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (200, {"commit": {"sha": SHA}}))
    script.on("POST", f"{REPO}/issues/3/comments", (201, a_comment(script, 8, "hello")))
    script.delay_s = 0.05
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: forge.branch_head("main"), range(8))) == [SHA] * 8
        assert script.busiest == 4
        script.busiest = 0
        assert list(pool.map(lambda _: forge.comment(3, "hello"), range(8))) == [8] * 8
    assert script.busiest == 1


def test_writes_keep_the_pause_that_github_asks_for(script: Script) -> None:
    slept: list[float] = []
    forge = GitHubForge("o/r", "t", api_url=script.url, login="bot[bot]", sleep=slept.append)
    script.on("POST", f"{REPO}/issues/3/comments", (201, a_comment(script, 8, "hello")))
    forge.comment(3, "hello")
    forge.comment(3, "hello")
    assert slept[0] == 0
    assert 0.5 < slept[1] <= 1


def test_no_more_of_a_huge_blob_is_fetched_than_the_limit(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/git/blobs/{SHA}", (200, bytes(64 * 2**20)))
    assert forge.blob(SHA, limit=1000) is None
    assert script.sent < 32 * 2**20
    headers = script.headers[-1]
    assert headers["accept"] == "application/vnd.github.raw+json"
    assert headers["authorization"] == "token secret-token"
    with pytest.raises(NotFound, match=f"blob {'b' * 40}"):
        forge.blob("b" * 40, limit=1000)


@pytest.mark.parametrize("content", [b"", b"\xff\x00binary", b"x" * 1000])
def test_a_server_without_the_raw_form_is_understood(script: Script, forge: GitHubForge, content: bytes) -> None:
    text = base64.encodebytes(content).decode()
    body = {"sha": SHA, "size": len(content), "encoding": "base64", "content": text}
    script.on("GET", f"{REPO}/git/blobs/{SHA}", (200, body, {"Content-Type": "application/json; charset=utf-8"}))
    assert forge.blob(SHA, limit=len(content)) == content
    assert forge.blob(SHA, limit=len(content) - 1) is None


def run_of(script: Script, body: dict[str, Any], annotations: int) -> dict[str, Any]:
    return {
        "id": 5,
        "url": f"{script.url}{REPO}/check-runs/5",
        "name": "lint",
        "head_sha": SHA,
        "external_id": "x",
        "status": body["status"],
        "conclusion": body.get("conclusion"),
        "details_url": None,
        "app": {"slug": "bot"},
        "output": {**body["output"], "annotations_count": annotations},
    }


def test_a_check_is_completed_by_its_last_batch_and_resumed_after_a_cut(script: Script, forge: GitHubForge) -> None:
    check = Check("lint", SHA, "x", "title", "summary", "failure", [note(n) for n in range(1, 131)])
    runs = f"{REPO}/commits/{SHA}/check-runs"
    script.on("GET", runs, (200, {"total_count": 0, "check_runs": []}))
    started = run_of(script, {"status": "in_progress", "output": {"title": "title", "summary": "summary"}}, 50)
    script.on("POST", f"{REPO}/check-runs", (201, started))
    script.on("PATCH", f"{REPO}/check-runs/5", (403, {"message": "no"}))
    with pytest.raises(ForgeError):
        forge.ensure_check(check)
    (created,) = [body for method, _, body in script.requests if method == "POST"]
    assert created["status"] == "in_progress"
    assert "conclusion" not in created
    assert len(created["output"]["annotations"]) == 50

    script.requests.clear()
    script.on("GET", runs, (200, {"total_count": 1, "check_runs": [started]}))
    script.on("GET", f"{REPO}/check-runs/5/annotations", (200, created["output"]["annotations"]))
    script.on("PATCH", f"{REPO}/check-runs/5", (200, started))
    forge.ensure_check(check)
    edits = [body for method, _, body in script.requests if method == "PATCH"]
    assert [len(edit["output"]["annotations"]) for edit in edits] == [50, 30]
    assert [edit.get("conclusion") for edit in edits] == [None, "failure"]
    assert [edit["output"]["annotations"][0]["start_line"] for edit in edits] == [51, 101]
    assert script.count("POST", f"{REPO}/check-runs") == 0


def test_buttons_go_with_every_write_of_a_run(script: Script, forge: GitHubForge) -> None:
    check = Check(
        "lint", SHA, "x", "title", "s", "failure", [note(n) for n in range(60)], None, (Action("a", "b", "c"),)
    )
    script.on("GET", f"{REPO}/commits/{SHA}/check-runs", (200, {"total_count": 0, "check_runs": []}))
    started = run_of(script, {"status": "in_progress", "output": {"title": "title", "summary": "s"}}, 50)
    script.on("POST", f"{REPO}/check-runs", (201, started))
    script.on("PATCH", f"{REPO}/check-runs/5", (200, started))
    forge.ensure_check(check)
    assert [body["actions"] for method, _, body in script.requests if method != "GET"] == [
        [{"label": "a", "description": "b", "identifier": "c"}]
    ] * 2


def test_an_account_that_is_no_app_writes_statuses_instead(script: Script, forge: GitHubForge) -> None:
    check = Check("lint", SHA, "x", "T" * 200, "summary", "failure", [note(1)], "https://bot.example/1")
    script.on("GET", f"{REPO}/commits/{SHA}/check-runs", (200, {"total_count": 0, "check_runs": []}))
    script.on("POST", f"{REPO}/check-runs", (403, {"message": "You must authenticate via a GitHub App."}))
    script.on("GET", f"{REPO}/commits/{SHA}/statuses", (200, []))
    script.on("POST", f"{REPO}/statuses/{SHA}", (201, {}))
    forge.ensure_check(check)
    sent = {"context": "lint", "state": "failure", "description": "T" * 140, "target_url": "https://bot.example/1"}
    assert script.requests[-1] == ("POST", f"{REPO}/statuses/{SHA}", sent)

    other = {**sent, "state": "success", "creator": {"login": "eve"}}
    script.on("GET", f"{REPO}/commits/{SHA}/statuses", (200, [other, {**sent, "creator": {"login": "bot[bot]"}}]))
    forge.ensure_check(check)
    assert forge.check("lint", SHA, "x") == "failure"
    assert forge.check("preview", SHA, "x") is None
    assert script.count("POST", f"{REPO}/check-runs") == 1
    assert script.count("POST", f"{REPO}/statuses/{SHA}") == 1
    for conclusion, state in (("neutral", "success"), (None, "pending"), ("timed_out", "error")):
        forge.ensure_check(replace(check, conclusion=conclusion))  # type: ignore[arg-type]
        assert script.requests[-1][2]["state"] == state


def test_a_run_of_another_app_is_not_ours(script: Script, forge: GitHubForge) -> None:
    ours = run_of(script, {"status": "in_progress", "output": {"title": "t", "summary": "s"}}, 0)
    theirs = {**ours, "id": 6, "status": "completed", "conclusion": "success", "app": {"slug": "github-actions"}}
    orphan = {**theirs, "id": 7, "app": None}
    runs = {"total_count": 3, "check_runs": [ours, theirs, orphan]}
    script.on("GET", f"{REPO}/commits/{SHA}/check-runs", (200, runs))
    assert forge.check("lint", SHA, "x") == "in_progress"


def test_a_write_to_a_repository_that_moved_is_refused_with_words(script: Script, forge: GitHubForge) -> None:
    script.on("POST", f"{REPO}/issues/3/comments", (307, {"message": "Moved Permanently"}))
    with pytest.raises(ForgeError, match="answered 307: Moved Permanently"):
        forge.comment(3, "hello")


def test_a_label_that_another_made_meanwhile_is_no_error(script: Script, forge: GitHubForge) -> None:
    taken = {
        "message": "Validation Failed",
        "errors": [{"resource": "Label", "code": "already_exists", "field": "name"}],
    }
    script.on("GET", f"{REPO}/issues/3/labels", (200, [{"name": "old"}]))
    script.on("POST", f"{REPO}/labels", (422, taken))
    script.on("POST", f"{REPO}/issues/3/labels", (200, []))
    script.on("DELETE", f"{REPO}/issues/3/labels/old", (404, {"message": "Label does not exist"}))
    forge.ensure_labels(3, add=[Label("a/b", "ffffff", "")], remove=["old"])
    assert script.count("POST", f"{REPO}/issues/3/labels") == 1
    assert script.count("GET", f"{REPO}/labels/a%2Fb") == 1
    script.on("POST", f"{REPO}/labels", (422, {"message": "Validation Failed", "errors": [{"field": "color"}]}))
    with pytest.raises(ForgeError, match="answered 422: Validation Failed; color"):
        forge.ensure_labels(3, add=[Label("a/b", "purple", "")])


def test_a_refusal_of_graphql_comes_with_status_200(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/issues/comments/7", (200, {**a_comment(script, 7, "old"), "node_id": "IC_7"}))
    script.on("POST", "/api/graphql", (200, {"errors": [{"type": "FORBIDDEN", "message": "not yours"}]}))
    with pytest.raises(Forbidden, match=r"comment 7: .* answered: not yours"):
        forge.minimize(7)
    assert script.requests[-1][2]["variables"] == {"input": {"subjectId": "IC_7", "classifier": "OUTDATED"}}


def test_an_answer_that_is_no_json_is_an_outage(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (200, b"<html>Please log in</html>"))
    with pytest.raises(Unreachable, match="answered no JSON"):
        forge.branch_head("main")


def test_the_log_of_deliveries_is_read_no_further_than_asked(script: Script, forge: GitHubForge) -> None:
    hooks = [{"id": 1, "active": True, "config": {"url": "https://other.example"}}]
    script.on("GET", f"{REPO}/hooks", (200, hooks))
    link = {"Link": f'<{script.url}{REPO}/hooks/1/deliveries?cursor=v1_9>; rel="next"'}
    times = ("2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T10:00:00Z")
    rows = [
        {"id": n, "guid": f"g{n}", "event": "push", "status_code": 500, "delivered_at": at}
        for n, at in enumerate(times)
    ]
    script.on("GET", f"{REPO}/hooks/1/deliveries", (200, rows, link))
    since = datetime(2026, 1, 1, 11, tzinfo=UTC).timestamp()
    assert [sent.id for sent in forge.deliveries(since)] == [0, 1]
    assert script.count("GET", f"{REPO}/hooks/1/deliveries") == 1
    script.on("GET", f"{REPO}/hooks", (200, hooks * 2))  # which of them is ours, nothing says
    assert forge.deliveries(since) == []
    script.on("GET", f"{REPO}/hooks", (404, {"message": "Not Found"}))
    assert forge.deliveries(since) == []
    with pytest.raises(NotFound):
        forge.redeliver(Sent(1, "g1", "push", ok=False, at=since))


def test_an_app_asks_for_no_delivery_of_another_repository_again(script: Script) -> None:
    forge = GitHubForge("o/r", AppCredentials("7", pem(), 42), api_url=script.url, pause_s=0)
    script.on("POST", "/app/installations/42/access_tokens", a_token("first", 3600))
    script.on("GET", REPO, (200, {"id": 5}))
    of = [(42, 5), (42, 6), (43, 5), (42, None)]
    rows = [
        {"id": n, "guid": f"g{n}", "event": "push", "status_code": 404, "delivered_at": "2026-01-01T12:00:00Z",
         "installation_id": installation, "repository_id": repository}
        for n, (installation, repository) in enumerate(of)
    ]  # fmt: skip
    script.on("GET", "/app/hook/deliveries", (200, rows))
    assert [sent.guid for sent in forge.deliveries(0)] == ["g0", "g3"]


def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def a_token(token: str, seconds: int) -> Answer:
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return 201, {"token": token, "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_an_app_gets_a_narrow_token_and_renews_it_in_time(script: Script) -> None:
    app = AppCredentials("Iv1.abc", pem())
    forge = GitHubForge("o/r", app, api_url=script.url, pause_s=0)
    tokens = "/app/installations/42/access_tokens"
    script.on("GET", f"{REPO}/installation", (200, {"id": 42}))
    script.on("GET", "/app", (200, {"slug": "seedbed"}))
    script.on("POST", tokens, a_token("first", 100), a_token("second", 3600))
    script.on("GET", f"{REPO}/branches/main", (200, {"commit": {"sha": SHA}}))
    assert (forge.login, forge.installation) == ("seedbed[bot]", 42)
    assert forge.branch_head("main") == SHA  # by the first, which is about to expire
    assert forge.branch_head("main") == SHA
    assert forge.git_token() == "second"
    signed = [h["authorization"] for h, (_, path, _) in zip(script.headers, script.requests, strict=True)
              if path.endswith("/main")]  # fmt: skip
    assert signed == ["token first", "token second"]
    asked = [body for method, _, body in script.requests if method == "POST"]
    assert len(asked) == 2
    assert asked[0] == {
        "repositories": ["r"],
        "permissions": {
            "metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "checks": "write",
            "statuses": "write",
        },
    }  # fmt: skip
    scheme, _, bearer = script.headers[0]["authorization"].partition(" ")
    assert scheme == "Bearer"
    claims = jwt.decode(bearer, options={"verify_signature": False})
    assert claims["iss"] == "Iv1.abc"
    assert claims["exp"] - claims["iat"] <= 600  # GitHub takes no longer one
    assert app.private_key not in repr(app) + repr(forge)


def test_an_app_whose_token_was_revoked_gets_another(script: Script) -> None:
    forge = GitHubForge("o/r", AppCredentials("7", pem(), 42), api_url=script.url, pause_s=0)
    script.on("POST", "/app/installations/42/access_tokens", a_token("first", 3600), a_token("second", 3600))
    bad = (401, {"message": "Bad credentials"})
    script.on("POST", f"{REPO}/issues/3/comments", bad, (201, a_comment(script, 8, "hello")))
    assert forge.comment(3, "hello") == 8
    assert script.headers[-1]["authorization"] == "token second"
    script.on("POST", f"{REPO}/issues/3/comments", bad)
    with pytest.raises(ForgeError, match="answered 401: Bad credentials"):
        forge.comment(3, "hello")


def test_a_download_by_a_token_that_was_revoked_is_made_by_another(script: Script) -> None:
    forge = GitHubForge("o/r", AppCredentials("7", pem(), 42), api_url=script.url, pause_s=0)
    script.on("POST", "/app/installations/42/access_tokens", a_token("first", 3600), a_token("second", 3600))
    bad = (401, {"message": "Bad credentials"})
    script.on("GET", f"{REPO}/git/blobs/{SHA}", bad, (200, b"seeds", {"Content-Type": "application/octet-stream"}))
    assert forge.blob(SHA, limit=100) == b"seeds"
    assert script.headers[-1]["authorization"] == "token second"
    script.on("GET", f"{REPO}/git/blobs/{SHA}", bad)
    with pytest.raises(ForgeError, match="answered 401: Bad credentials"):
        forge.blob(SHA, limit=100)


def test_threads_share_the_token_of_an_app(script: Script) -> None:
    forge = GitHubForge("o/r", AppCredentials("7", pem(), 42), api_url=script.url, pause_s=0)
    script.on("POST", "/app/installations/42/access_tokens", a_token("first", 3600))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: forge.git_token(), range(8))) == {"first"}
    assert len(script.requests) == 1


def test_an_app_that_is_not_installed_is_told_what_to_do(script: Script) -> None:
    forge = GitHubForge("o/r", AppCredentials("7", pem()), api_url=script.url, pause_s=0)
    with pytest.raises(ForgeError, match=r"Install the App on o/r"):
        forge.branch_head("main")
    with pytest.raises(ForgeError, match="private key of the App 7 cannot sign"):
        GitHubForge("o/r", AppCredentials("7", "no key"), api_url=script.url)


def test_settings_open_an_app_or_an_account(script: Script, tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_text(pem())
    common = {"repository": "o/r", "forge_api_url": script.url, "state_dir": tmp_path}
    script.on("GET", "/user", (200, {"login": "robot"}))
    script.on("GET", "/app", (200, {"slug": "seedbed"}))
    assert open_forge(load(forge_token="t", **common)).login == "robot"
    assert open_forge(load(forge_token="t", forge_login="given", **common)).login == "given"
    assert open_forge(load(forge_token="t", app_id="7", app_private_key=str(file), **common)).login == "seedbed[bot]"
    file.write_text("-----BEGIN nothing")
    for wrong in ({}, {"app_id": "7", "app_private_key": str(file)}):
        with pytest.raises(SettingsError):
            open_forge(load(**wrong, **common))


def note(line: int) -> Annotation:
    return Annotation("a/qna.yaml", line, line, "failure", "rule", f"line {line}", 1, 2)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"permission": "write", "role_name": "maintain"}, "write"),
        ({"permission": "read", "role_name": "triage"}, "triage"),
        ({"permission": "admin", "role_name": "admin"}, "admin"),
        ({"permission": "none", "role_name": "none"}, "none"),
        ({"permission": "write", "role_name": "our-own-role"}, "write"),
        ({"permission": "write"}, "write"),
    ],
)
def test_roles_map_to_levels(script: Script, forge: GitHubForge, answer: Any, expected: str) -> None:
    script.on("GET", f"{REPO}/collaborators/dependabot%5Bbot%5D/permission", (200, answer))
    assert forge.permission("dependabot[bot]") == expected


def test_an_unknown_permission_is_an_error_and_never_a_grant(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/collaborators/eve/permission", (200, {"permission": "owner"}))
    with pytest.raises(ForgeError, match="unknown to this program"):
        forge.permission("eve")
    with pytest.raises(NotFound):
        forge.permission("nobody")


def test_an_account_that_is_gone_and_a_secret_in_the_clone_url(script: Script) -> None:
    forge = GitHubForge(
        "o/r", "t", api_url=script.url, login="bot[bot]", git_url="https://u:p@example.org/o/r.git", pause_s=0
    )
    assert forge.clone_url == "https://example.org/o/r.git"
    orphan = {**a_comment(script, 1, MARKER), "user": None}
    script.on("GET", f"{REPO}/issues/3/comments", (200, [orphan]))
    assert forge.find_comment(3, MARKER) is None
