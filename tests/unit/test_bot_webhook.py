"""The webhook: what is taken, what is refused, and with which code."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from bot import webhook
from bot.app import create_app
from bot.engine.memory import MemoryEngine
from bot.engine.port import JSON, Queue
from bot.settings import Settings, SettingsError
from pipeline.store.memory import MemoryStore

NEW, OLD = b"new-secret", b"old-secret"
REPOSITORY = "seedbed/taxonomy"
SHA = "a" * 40


def settings(**changes: Any) -> Settings:
    return Settings(repository=REPOSITORY, webhook_secrets="new-secret, old-secret", **changes)


def sign(body: bytes, secret: bytes = NEW) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def opened(**changes: Any) -> dict[str, Any]:
    pull = {"number": 7, "head": {"sha": SHA}}
    return {"action": "opened", "pull_request": pull, "repository": {"full_name": REPOSITORY}} | changes


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def client(engine: MemoryEngine) -> Iterator[TestClient]:
    with TestClient(create_app(settings(), engine, MemoryStore()), raise_server_exceptions=False) as client:
        yield client


def headers(body: bytes, **changes: str | bytes | None) -> dict[str, str | bytes]:
    base: dict[str, str | bytes | None] = {
        "X-Hub-Signature-256": sign(body),
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "11111111-2222-3333-4444-555555555555",
        "Content-Type": "application/json",
    }
    named = {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in (base | named).items() if value is not None}


BODY = json.dumps(opened()).encode()
SIGNATURE = "X_Hub_Signature_256"
EVENT = "X_GitHub_Event"
CASES: dict[str, tuple[bytes, Mapping[str, Any], int]] = {
    "well": (BODY, {}, 202),
    "old key during rotation": (BODY, {SIGNATURE: sign(BODY, OLD)}, 202),
    "no signature": (BODY, {SIGNATURE: None}, 401),
    "empty signature": (BODY, {SIGNATURE: ""}, 401),
    "sha1": (BODY, {SIGNATURE: "sha1=" + hmac.new(NEW, BODY, "sha1").hexdigest()}, 401),
    "sha1 digest said to be sha256": (BODY, {SIGNATURE: "sha256=" + hmac.new(NEW, BODY, "sha1").hexdigest()}, 401),
    "other prefix": (BODY, {SIGNATURE: sign(BODY).replace("sha256", "sha512")}, 401),
    "short": (BODY, {SIGNATURE: sign(BODY)[:-1]}, 401),
    "long": (BODY, {SIGNATURE: sign(BODY) + "0"}, 401),
    "capitals": (BODY, {SIGNATURE: "sha256=" + sign(BODY)[7:].upper()}, 401),
    "non-ascii": (BODY, {SIGNATURE: b"sha256=" + "é".encode() * 32}, 401),
    "wrong key": (BODY, {SIGNATURE: sign(BODY, b"guess")}, 401),
    "empty key": (BODY, {SIGNATURE: sign(BODY, b"")}, 401),
    "other body": (BODY, {SIGNATURE: sign(BODY + b" ")}, 401),
    "form-encoded": (BODY, {"Content_Type": "application/x-www-form-urlencoded"}, 415),
    "content type with charset": (BODY, {"Content_Type": "application/json; charset=utf-8"}, 202),
    "not JSON": (b"{", {}, 400),
    "nested too deep": (b"[" * 200_000, {}, 400),
    "JSON, no object": (b"[1]", {}, 400),
    "no delivery": (BODY, {"X_GitHub_Delivery": None}, 400),
    "no event": (BODY, {EVENT: None}, 400),
    "odd delivery": (BODY, {"X_GitHub_Delivery": "../x"}, 400),
    "unknown event": (BODY, {EVENT: "watch"}, 204),
    "unknown action": (json.dumps(opened(action="labeled")).encode(), {}, 204),
    "ping": (BODY, {EVENT: "ping"}, 204),
    "unknown repository": (json.dumps(opened(repository={"full_name": "other/place"})).encode(), {}, 404),
    "no repository": (json.dumps({"action": "opened"}).encode(), {}, 404),
    "payload without what it needs": (json.dumps(opened(pull_request={})).encode(), {}, 204),
}


@pytest.mark.parametrize("case", CASES)
def test_answers(client: TestClient, engine: MemoryEngine, case: str) -> None:
    body, changes, status = CASES[case]
    if SIGNATURE not in changes:
        changes = {**changes, SIGNATURE: sign(body)}
    response = client.post("/webhook", content=body, headers=headers(body, **changes))
    assert response.status_code == status, response.text
    assert len(engine.jobs()) == (1 if status == 202 else 0)
    if status >= 400:
        assert response.json()["error"]


def test_a_replay_is_the_same_job(client: TestClient, engine: MemoryEngine) -> None:
    first = client.post("/webhook", content=BODY, headers=headers(BODY))
    second = client.post("/webhook", content=BODY, headers=headers(BODY))
    job = "gh-11111111-2222-3333-4444-555555555555"
    assert (first.status_code, first.json()) == (202, {"job": job, "new": True})
    assert (second.status_code, second.json()) == (202, {"job": job, "new": False})
    assert [j.id for j in engine.jobs()] == [job]


@pytest.mark.parametrize("declared", [True, False])
def test_oversized(client: TestClient, declared: bool) -> None:
    """Refused by its declared length, and without one as soon as more than the limit has come."""
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(11):
            sent += 1
            yield b" " * (1 << 20)

    given = headers(b"") | ({"Content-Length": str(11 << 20)} if declared else {})
    response = client.post("/webhook", content=chunks(), headers=given)
    assert response.status_code == 413


def test_a_broken_database_is_a_503(engine: MemoryEngine) -> None:
    class Broken(MemoryEngine):
        def enqueue(self, name: str, payload: JSON, *, id: str, queue: Queue) -> bool:
            raise OSError("disk full")

        def jobs(self, *_: Any, **__: Any) -> Any:
            raise OSError("disk full")

    client = TestClient(create_app(settings(), Broken(), MemoryStore()))
    response = client.post("/webhook", content=BODY, headers=headers(BODY))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_no_secret_no_server() -> None:
    for secrets in ("", " , "):
        with pytest.raises(SettingsError, match="SEEDBED_WEBHOOK_SECRETS"):
            create_app(Settings(repository=REPOSITORY, webhook_secrets=secrets), MemoryEngine(), MemoryStore())


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=80)))
def test_verify_never_raises_and_never_agrees_by_chance(body: bytes, header: str | None) -> None:
    assert not webhook.verify((NEW,), body, header)
    assert webhook.verify((OLD, NEW), body, sign(body))


def route(client: TestClient, event: str, payload: dict[str, Any]) -> int:
    body = json.dumps({"repository": {"full_name": REPOSITORY}, **payload}).encode()
    return client.post("/webhook", content=body, headers=headers(body, X_GitHub_Event=event)).status_code


def comment(body: str, **changes: Any) -> dict[str, Any]:
    base = {
        "action": "created",
        "issue": {"number": 7, "pull_request": {}},
        "comment": {"id": 5, "body": body, "user": {"login": "ada", "type": "User"}},
        "sender": {"type": "User"},
    }
    return base | changes


ROUTES: list[tuple[str, dict[str, Any], str | None]] = [
    ("pull_request", opened(action="synchronize"), "lint"),
    ("pull_request", opened(action="reopened"), "lint"),
    ("pull_request", opened(action="ready_for_review"), "lint"),
    ("pull_request", opened(action="closed"), None),
    ("issue_comment", comment("/lint"), "command"),
    ("issue_comment", comment("/previw"), "command"),
    ("issue_comment", comment("what a nice leaf"), None),
    ("issue_comment", comment("/lint", action="edited"), None),
    ("issue_comment", comment("/lint", issue={"number": 7}), None),
    ("issue_comment", comment("/lint", sender={"type": "Bot"}), None),
    ("push", {"ref": "refs/heads/main", "after": SHA}, "merge"),
    ("push", {"ref": "refs/heads/seedbed/builds", "after": SHA}, None),
    ("push", {"ref": "refs/heads/main", "after": "0" * 40}, None),
    (
        "check_run",
        {"action": "rerequested", "check_run": {"name": "seedbed/lint", "external_id": f"{REPOSITORY}#7"}},
        "lint",
    ),
    (
        "check_run",
        {
            "action": "rerequested",
            "check_run": {"name": "seedbed/preview", "external_id": f"{REPOSITORY}#7"},
            "sender": {"login": "ada"},
        },
        "command",
    ),
    ("check_run", {"action": "rerequested", "check_run": {"name": "ci", "external_id": "7"}}, None),
]


@pytest.mark.parametrize(("event", "payload", "job"), ROUTES)
def test_routes(client: TestClient, engine: MemoryEngine, event: str, payload: dict[str, Any], job: str | None) -> None:
    assert route(client, event, payload) == (202 if job else 204)
    assert [j.name for j in engine.jobs()] == ([job] if job else [])


def test_pages_escape_what_they_show(client: TestClient, engine: MemoryEngine) -> None:
    engine.enqueue("<b>lint</b>", {}, id="x<script>", queue="lint")
    page = client.get("/")
    assert page.status_code == 200
    assert "x&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_no_samples_yet(client: TestClient) -> None:
    page = client.get("/pulls/7/samples")
    assert page.status_code == 404
    assert "/preview" in page.text


def test_settings_name_what_is_wrong(tmp_path: Path) -> None:
    from bot.settings import load

    file = tmp_path / "seedbed.toml"
    file.write_text('repository = "no slash"\nsamples = 0\nsampels = 3\n')
    with pytest.raises(SettingsError) as caught:
        load(file)
    for name in ("SEEDBED_REPOSITORY", "SEEDBED_SAMPLES", "sampels"):
        assert name in str(caught.value)
    with pytest.raises(SettingsError, match="No settings file"):
        load(tmp_path / "missing.toml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.settings import load

    file = tmp_path / "seedbed.toml"
    file.write_text('repository = "a/b"\nwebhook_secrets = "x"\ndocument_hosts = ["one.example"]\nsamples = 3\n')
    monkeypatch.setenv("SEEDBED_REPOSITORY", "c/d")
    monkeypatch.setenv("SEEDBED_DOCUMENT_HOSTS", "two.example, three.example")
    found = load(file, samples=5)
    assert found.repository == "c/d"
    assert found.document_hosts == ("two.example", "three.example")
    assert found.samples == 5
    assert found.secrets() == (b"x",)
    assert "x" not in repr(found.webhook_secrets)
