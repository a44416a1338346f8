"""The GitHub adapter when the server misbehaves: lost answers, refusals, rate limits. Real HTTP, scripted answers."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.forge.github import GitHubForge
from bot.forge.port import Annotation, Check, ForgeError, NotFound

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

        do_GET = do_POST = do_PATCH = handle_one

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_port}/api/v3"
    yield script
    server.shutdown()
    server.server_close()


@pytest.fixture
def forge(script: Script) -> GitHubForge:
    return GitHubForge("o/r", token="secret-token", api_url=script.url, login="bot", pause_s=0)


def a_comment(script: Script, id: int, body: str, login: str = "bot") -> dict[str, Any]:
    url = f"{script.url}{REPO}/issues/comments/{id}"
    return {"id": id, "url": url, "body": body, "user": {"login": login, "url": f"{script.url}/users/{login}"}}


def test_a_read_is_repeated_over_a_short_outage(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (503, {"message": "busy"}), None, (200, {"commit": {"sha": SHA}}))
    assert forge.branch_head("main") == SHA
    assert script.count("GET", f"{REPO}/branches/main") == 3


def test_an_outage_that_lasts_is_reported_with_what_was_asked(script: Script, forge: GitHubForge) -> None:
    script.on("GET", f"{REPO}/branches/main", (503, {"message": "busy"}))
    with pytest.raises(ForgeError, match=r"o/r: branch 'main': http://127\.0\.0\.1:\d+/api/v3 cannot be reached"):
        forge.branch_head("main")
    assert script.count("GET", f"{REPO}/branches/main") == 4


def test_nobody_listening_is_reported() -> None:
    forge = GitHubForge("o/r", token="t", api_url="http://127.0.0.1:9", login="bot", pause_s=0)
    with pytest.raises(ForgeError, match=r"o/r: pull request #3: .* cannot be reached"):
        forge.pull(3)


def test_a_refusal_carries_status_and_message_and_no_token(script: Script, forge: GitHubForge) -> None:
    script.on("POST", f"{REPO}/issues/3/comments", (403, {"message": "Resource not accessible by integration"}))
    with pytest.raises(ForgeError) as caught:
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
    with pytest.raises(ForgeError, match="answered 502: Bad Gateway"):
        forge.ensure_comment(4, MARKER, MARKER)
    assert script.count("POST", f"{REPO}/issues/4/comments") == 2


def test_a_write_refused_for_its_rate_is_repeated(script: Script, forge: GitHubForge) -> None:
    limited = (403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "0"})
    script.on("POST", f"{REPO}/issues/3/comments", limited, (201, a_comment(script, 9, "hello")))
    assert forge.comment(3, "hello") == 9


def test_a_rate_limit_that_lasts_fails_instead_of_blocking(script: Script, forge: GitHubForge) -> None:
    answer = (403, {"message": "API rate limit exceeded for x"}, {"X-RateLimit-Reset": "32503680000"})
    script.on("GET", f"{REPO}/branches/main", answer)
    with pytest.raises(ForgeError, match="answered 403: API rate limit exceeded"):
        forge.branch_head("main")


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
        "o/r", token="t", api_url=script.url, login="bot", git_url="https://u:p@example.org/o/r.git", pause_s=0
    )
    assert forge.clone_url == "https://example.org/o/r.git"
    orphan = {**a_comment(script, 1, MARKER), "user": None}
    script.on("GET", f"{REPO}/issues/3/comments", (200, [orphan]))
    assert forge.find_comment(3, MARKER) is None
