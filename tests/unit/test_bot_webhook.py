"""The webhook: what is taken, what is refused, and with which code."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.requests import Request

from bot import doorbell, webhook
from bot.app import create_app
from bot.engine.memory import MemoryEngine
from bot.inbox import Inbox
from bot.metrics import Metrics
from bot.settings import Settings, SettingsError
from pipeline.store.memory import MemoryStore

NEW, OLD = b"new-secret", b"old-secret"
REPOSITORY = "seedbed/taxonomy"
SHA = "a" * 40


def settings(**changes: Any) -> Settings:
    return Settings(repository=REPOSITORY, webhook_secrets="new-secret, old-secret", push_delay_seconds=0, **changes)


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
    "raw bytes, as they came": (json.dumps(opened(), indent=3, ensure_ascii=False).encode() + b"\n ", {}, 202),
    "no JSON and not signed": (b"{", {SIGNATURE: sign(BODY)}, 401),
    "too deep and not signed": (b"[" * 200_000, {SIGNATURE: None}, 401),
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
    "unknown action": (json.dumps(opened(action="enqueued")).encode(), {}, 204),
    "action of a wrong type": (json.dumps(opened(action=["opened"])).encode(), {}, 204),
    "event that no forge has": (BODY, {EVENT: "no_such_event"}, 204),
    "event for the App itself": (
        json.dumps({"action": "created", "installation": {"id": 5}}).encode(),
        {EVENT: "installation"},
        204,
    ),
    "an unsigned form": (
        b"payload=%7B%7D",
        {SIGNATURE: None, "Content_Type": "application/x-www-form-urlencoded"},
        401,
    ),
    "no content type": (BODY, {"Content_Type": ""}, 415),
    "unknown fields": (json.dumps(opened(news={"of": ["tomorrow"]}, enterprise=None)).encode(), {}, 202),
    "contradicts itself": (
        json.dumps(
            opened(action="reopened", number=9, pull_request={"number": 7, "state": "closed", "head": {"sha": SHA}})
        ).encode(),
        {},
        202,
    ),
    "a head that is no hash": (
        json.dumps(opened(pull_request={"number": 7, "head": {"sha": "main"}})).encode(),
        {},
        204,
    ),
    "a number that is none": (
        json.dumps(opened(pull_request={"number": True, "head": {"sha": SHA}})).encode(),
        {},
        204,
    ),
    "a number beyond all numbers": (b'{"pull_request": {"number": ' + b"9" * 5000 + b"}}", {}, 400),
    "lone surrogate": (BODY[:-1] + b', "title": "\\ud800"}', {}, 202),
    "not UTF-8": (b'{"a": "\xff"}', {}, 400),
    "empty body": (b"", {}, 400),
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
        def enqueue(self, *_: Any, **__: Any) -> bool:
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


def test_every_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As bytes, since `compare_digest` takes no text beyond ASCII; and all of them, whichever holds."""
    compared: list[tuple[object, object]] = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(webhook.hmac, "compare_digest", spy)
    assert webhook.verify((NEW, OLD), BODY, sign(BODY))
    assert len(compared) == 2
    assert all(type(part) is bytes and len(part) == 64 for pair in compared for part in pair)


def test_nothing_is_parsed_before_it_is_verified(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "parse", lambda *_: pytest.fail("an unsigned body was parsed"))
    for signature in (None, sign(BODY, b"guess")):
        given = headers(BODY, X_Hub_Signature_256=signature)
        assert client.post("/webhook", content=BODY, headers=given).status_code == 401


def test_what_was_not_stored_is_no_replay() -> None:
    """A delivery that was refused for want of a database is taken when it is sent again, under the same GUID."""

    class Moody(MemoryEngine):
        broken = True

        def enqueue(self, *given: Any, **more: Any) -> bool:
            if self.broken:
                raise OSError("disk full")
            return super().enqueue(*given, **more)

    engine = Moody()
    client = TestClient(create_app(settings(), engine, MemoryStore()))
    assert client.post("/webhook", content=BODY, headers=headers(BODY)).status_code == 503
    engine.broken = False
    again = client.post("/webhook", content=BODY, headers=headers(BODY))
    assert (again.status_code, again.json()["new"]) == (202, True)
    assert len(engine.jobs()) == 1


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


REVIEW = {"action": "submitted", "pull_request": {"number": 7}, "sender": {"login": "ada", "type": "User"}}
CHECK = {"name": "seedbed/lint", "external_id": f"{REPOSITORY}#7"}
ADA = {"login": "ada", "type": "User"}
ROBOT = {"login": "helper[bot]", "type": "Bot"}
OURSELVES = {"login": "seedbed[bot]", "type": "User"}  # an account with a plain token is a user to the forge


def moved(action: str, sender: dict[str, str] = ADA) -> dict[str, Any]:
    return opened(action=action, sender=sender)


def press(identifier: str, **changes: Any) -> dict[str, Any]:
    base = {
        "action": "requested_action",
        "check_run": CHECK,
        "requested_action": {"identifier": identifier},
        "sender": ADA,
    }
    return base | changes


ROUTES: list[tuple[str, dict[str, Any], str | None]] = [
    ("pull_request", moved("synchronize"), "lint"),
    ("pull_request", moved("synchronize", OURSELVES), "lint"),
    ("pull_request", moved("reopened"), "lint"),
    ("pull_request", moved("ready_for_review"), "lint"),
    ("pull_request", moved("closed"), "triage"),
    ("pull_request", moved("converted_to_draft"), "triage"),
    ("pull_request", moved("labeled"), "triage"),
    ("pull_request", moved("labeled", OURSELVES), None),
    ("pull_request", moved("unlabeled", ROBOT), None),
    ("pull_request", moved("assigned"), "triage"),
    ("pull_request", moved("edited") | {"changes": {"base": {"ref": {"from": "old"}}}}, "lint"),
    ("pull_request", moved("edited") | {"changes": {"title": {"from": "old"}}}, None),
    ("pull_request", moved("locked"), None),
    ("pull_request_review", REVIEW, "triage"),
    ("pull_request_review", REVIEW | {"action": "dismissed"}, "triage"),
    ("pull_request_review", REVIEW | {"action": "edited"}, None),
    ("pull_request_review", REVIEW | {"sender": OURSELVES}, None),
    ("issue_comment", comment("/lint"), "command"),
    ("issue_comment", comment("/previw"), "command"),
    ("issue_comment", comment("what a nice leaf"), None),
    ("issue_comment", comment("/lint", action="edited"), None),
    ("issue_comment", comment("/lint", issue={"number": 7}), None),
    ("issue_comment", comment("/lint", sender={"type": "Bot"}), None),
    ("issue_comment", comment("/lint", sender=OURSELVES), None),
    ("issue_comment", comment("/lint", comment={"id": 5, "body": "/lint", "user": None}), None),
    ("push", {"ref": "refs/heads/main", "after": SHA}, "merge"),
    ("push", {"ref": "refs/heads/seedbed/builds", "after": SHA}, None),
    ("push", {"ref": "refs/heads/main", "after": "0" * 40}, None),
    ("check_run", {"action": "rerequested", "check_run": CHECK}, "lint"),
    (
        "check_run",
        {"action": "rerequested", "check_run": CHECK | {"name": "seedbed/preview"}, "sender": ADA},
        "command",
    ),
    ("check_run", {"action": "rerequested", "check_run": {"name": "ci", "external_id": "7"}}, None),
    ("check_run", {"action": "rerequested", "check_run": CHECK | {"external_id": "other/place#7"}}, None),
    ("check_run", {"action": "completed", "check_run": CHECK}, None),
    ("check_run", press("preview"), "command"),
    ("check_run", press("fix"), "command"),
    ("check_run", press("approve"), None),
    ("check_run", press("fix", sender={"login": None}), None),
    ("check_suite", {"action": "rerequested", "check_suite": {"head_sha": SHA, "pull_requests": []}}, "reconcile"),
    ("check_suite", {"action": "completed", "check_suite": {"head_sha": SHA}}, None),
]


@pytest.mark.parametrize(("event", "payload", "job"), ROUTES)
def test_routes(client: TestClient, engine: MemoryEngine, event: str, payload: dict[str, Any], job: str | None) -> None:
    assert route(client, event, payload) == (202 if job else 204)
    assert [j.name for j in engine.jobs()] == ([job] if job else [])


def test_a_button_goes_the_way_of_the_command() -> None:
    from bot import events

    work = events.route(delivery("check_run", press("fix")), events.Here("seedbed[bot]", "main"))
    assert work is not None
    assert (work.payload["pull"], work.payload["comment"], work.payload["author"], work.key) == (7, None, "ada", "7")
    assert [asked["name"] for asked in work.payload["asked"]] == ["fix"]


def test_pushes_wait_and_everything_about_a_pull_request_is_in_order() -> None:
    from bot import events

    here = events.Here("seedbed[bot]", "main", push_delay_s=1.5)
    pushed, first = (events.route(delivery("pull_request", moved(a)), here) for a in ("synchronize", "opened"))
    assert pushed is not None
    assert first is not None
    assert (pushed.delay_s, first.delay_s) == (1.5, 0.0)
    assert {pushed.key, first.key} == {"7"}


def delivery(event: str, payload: dict[str, Any]) -> webhook.Delivery:
    return webhook.parse(event, "1", json.dumps({"repository": {"full_name": REPOSITORY}, **payload}).encode())


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (opened(installation={"id": 5}), 202),
        (opened(installation={"id": 6}), 404),
        (opened(installation={"id": "5"}), 404),
        (opened(), 404),
        ({"zen": "Keep it logically awesome."}, 404),
    ],
)
def test_an_app_serves_its_own_installation_only(engine: MemoryEngine, payload: dict[str, Any], status: int) -> None:
    client = TestClient(create_app(settings(app_id="1", app_installation=5), engine, MemoryStore()))
    assert route(client, "pull_request", payload) == status
    assert len(engine.jobs()) == (status == 202)


def test_an_app_without_a_known_installation_is_not_served(engine: MemoryEngine) -> None:
    with pytest.raises(SettingsError, match="SEEDBED_APP_INSTALLATION"):
        create_app(settings(app_id="1"), engine, MemoryStore())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3),
    max_leaves=5,
)


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = [p for key, v in value.items() for p in paths(v, (*path, key))] if isinstance(value, dict) else []
    return [*([path] if path else []), *inner]


def mutated(payload: dict[str, Any], path: tuple[str, ...], value: Any, *, drop: bool) -> dict[str, Any]:
    made = json.loads(json.dumps(payload))
    place = made
    for key in path[:-1]:
        place = place[key]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


_ENGINE = MemoryEngine()
_SHARED = TestClient(create_app(settings(), _ENGINE, MemoryStore())), _ENGINE


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.sampled_from(ROUTES), st.data(), _JSON, st.booleans())
def test_a_mutated_payload_is_never_our_fault(
    row: tuple[str, dict[str, Any], str | None], data: st.DataObject, value: Any, drop: bool
) -> None:
    event, payload, _ = row
    whole = {"repository": {"full_name": REPOSITORY}, **payload}
    body = json.dumps(mutated(whole, data.draw(st.sampled_from(paths(whole))), value, drop=drop)).encode()
    client, engine = _SHARED
    before = len(engine.jobs(limit=10_000))
    given = headers(body, X_GitHub_Event=event, X_GitHub_Delivery=str(uuid.uuid4()))
    response = client.post("/webhook", content=body, headers=given)
    assert response.status_code in (202, 204, 404)
    assert len(engine.jobs(limit=10_000)) - before == (response.status_code == 202)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=300) | st.sampled_from([BODY, b"", b"null", b'{"a":1e999}', b"\xef\xbb\xbf{}"]),
    signature=st.none() | st.binary(max_size=80),
    event=st.binary(max_size=40) | st.sampled_from([b"pull_request", b"push"]),
    guid=st.binary(max_size=80),
    kind=st.binary(max_size=40) | st.just(b"application/json"),
)
def test_any_bytes_get_an_answer_and_start_nothing(
    body: bytes, signature: bytes | None, event: bytes, guid: bytes, kind: bytes
) -> None:
    """Headers as raw as a socket gives them; `None` stands for a body that is well signed."""
    client, engine = _SHARED
    before = len(engine.jobs(limit=10_000))
    sent = [(b"x-github-event", event), (b"x-github-delivery", guid), (b"content-type", kind)]
    sent.append((b"x-hub-signature-256", sign(body).encode() if signature is None else signature))
    assert raw_answer(client.app, body, sent) in (202, 204, 400, 401, 404, 415)
    assert len(engine.jobs(limit=10_000)) - before == 0 or (signature is None and body == BODY)


def raw_answer(app: Any, body: bytes, sent: list[tuple[bytes, bytes]]) -> int:
    """The status of one request, whose headers no client has looked at."""
    scope = {"type": "http", "method": "POST", "path": "/webhook", "headers": sent, "query_string": b""}
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(app(scope, receive, send))
    status: int = told[0]["status"]
    return status


def test_a_body_that_never_ends_is_given_up(
    engine: MemoryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither too slow a sender nor one that hangs up leaves anything behind."""
    monkeypatch.setattr(doorbell, "BODY_S", 0.01)
    never, gone = asyncio.Event(), {"type": "http.disconnect"}

    async def hang() -> Any:
        await never.wait()

    async def hang_up() -> Any:
        return gone

    async def answer(receive: Any) -> int:
        scope = {"type": "http", "method": "POST", "path": "/webhook", "headers": []}
        scope["headers"] = [(b"x-hub-signature-256", sign(b"").encode())]
        inbox = Inbox(tmp_path, engine)
        bell = doorbell.Doorbell(settings(), inbox, Metrics(engine, inbox))
        return (await bell.answer(Request(scope, receive))).status_code

    assert asyncio.run(answer(hang)) == 408
    assert asyncio.run(answer(hang_up)) == 400
    assert engine.jobs() == []


def test_figures_for_monitoring(client: TestClient, engine: MemoryEngine) -> None:
    client.post("/webhook", content=BODY, headers=headers(BODY))
    client.post("/webhook", content=BODY, headers=headers(BODY, X_GitHub_Event="made_up"))
    client.post("/webhook", content=BODY, headers=headers(BODY, X_Hub_Signature_256=None))
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = set(answer.text.splitlines())
    assert 'seedbed_deliveries_total{answer="202",event="pull_request"} 1.0' in lines
    assert 'seedbed_deliveries_total{answer="204",event="other"} 1.0' in lines
    assert 'seedbed_deliveries_total{answer="401",event="pull_request"} 1.0' in lines
    assert "seedbed_delivery_seconds_count 3.0" in lines
    assert 'seedbed_jobs{queue="lint",state="queued"} 1.0' in lines
    assert "seedbed_dead_letters 0.0" in lines


def test_the_front_page_shows_dead_letters_and_how_to_retry(client: TestClient, engine: MemoryEngine) -> None:
    token = "ghp_" + "q7Zx0Lk3VbN9tRw2YpSd" + "8FhJ5mCe1GuA4oQi"

    def fail(*_: Any) -> None:
        raise OSError(f"disk full while asking with {token}")

    engine.enqueue("lint", {}, id="gh-1", queue="lint", key="7")
    engine.drain({"lint": fail})
    engine.enqueue("lint", {}, id="gh-2", queue="lint", key="8")
    page = client.get("/").text
    assert "disk full" in page
    assert token not in page
    assert "seedbed jobs retry" in page
    assert f'<a href="https://github.com/{REPOSITORY}/pull/7">#7</a>' in page


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
