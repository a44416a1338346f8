"""From no App to a bot that answers as one: the setup page, clicked through over HTTP against localhub."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from fastapi.testclient import TestClient

from bot.app import create_app
from bot.engine.memory import MemoryEngine
from bot.forge.port import ForgeError
from bot.settings import APP_FILE, Settings, load
from bot.setup.app import create_setup_app
from bot.setup.credentials import Credentials, SetupError, exchange, keep
from bot.setup.manifest import manifest
from bot.setup.missing import credentials, missing
from bot.wiring import open_forge, resolved
from pipeline.store.memory import MemoryStore
from tests.integration.localhub_world import NAME, World, world
from tests.integration.test_localhub_pages import Browser

TOKEN = "a-token-that-only-the-console-shows"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "hub") as made:
        yield made


@pytest.fixture
def given(here: World, tmp_path: Path) -> dict[str, Any]:
    state = tmp_path / "bot"
    state.mkdir()
    return {"repository": NAME, "forge_api_url": here.server.api_url, "state_dir": state}


def pressed(page: str, label: str) -> tuple[str, str]:
    """Where the form with this button goes, and the manifest that it carries."""
    form = next(form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if label in form)
    action, value = re.search(r'action="([^"]+)"', form), re.search(r'name="manifest" value="([^"]+)"', form)
    assert action is not None
    assert value is not None
    return html.unescape(action[1]), html.unescape(value[1])


def register(here: World, web: TestClient) -> tuple[dict[str, str], Browser]:
    """Click through; returns what the forge sends back to our page."""
    page = web.get("/setup", params={"token": TOKEN})
    assert page.status_code == 200
    assert f"form-action {here.server.url};" in page.headers["content-security-policy"]
    address, wanted = pressed(page.text, "the organization club")
    browser = Browser(here.server.url)
    browser.become("carol")
    shown = browser.session.post(address, data={"manifest": wanted}, timeout=5)
    assert shown.status_code == 200, shown.text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    confirm = {name: html.unescape(value) for name, value in fields.items() if name in ("csrf", "manifest", "state")}
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', shown.text)
    assert token is not None
    confirm |= {"csrf": token[1], "name": json.loads(wanted)["name"]}
    back = browser.session.post(f"{here.server.url}/settings/apps", data=confirm, allow_redirects=False, timeout=5)
    assert back.status_code == 303, back.text
    target = urlsplit(back.headers["location"])
    assert (target.netloc, target.path) == ("bot.example", "/setup/done")
    return {name: values[0] for name, values in parse_qs(target.query).items()}, browser


def test_one_click_makes_an_app_that_works(here: World, given: dict[str, Any]) -> None:
    with TestClient(create_setup_app(Settings(**given, public_url="https://bot.example"), TOKEN)) as web:
        answer, browser = register(here, web)
        assert web.get("/setup/done", params={**answer, "state": "guessed"}).status_code == 404
        done = web.get("/setup/done", params=answer)
        assert done.status_code == 200, done.text
        assert web.get("/setup", params={"token": TOKEN}).status_code == 404  # once
        assert web.get("/setup/done", params=answer).status_code == 404
    file = given["state_dir"] / APP_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    install = re.search(r'href="([^"]+/installations/new)"', done.text)
    assert install is not None
    settings = load(**given)
    secrets = {settings.private_key().strip(), settings.secrets()[0].decode()}
    assert not any(secret in done.text for secret in secrets)
    assert settings.app_id.isdecimal()
    assert missing(settings) == []
    assert f"as the App {settings.app_id}" in credentials(settings)
    with pytest.raises(ForgeError, match="Install the App"):
        resolved(settings)
    slug = urlsplit(install[1]).path.split("/")[2]
    assert browser.get(f"/apps/{slug}/installations/new")
    browser.send(f"/apps/{slug}/installations/new", f"/apps/{slug}/installations", repository=NAME)
    known = resolved(settings)
    assert known.app_installation > 0
    assert known.forge_login == f"{slug}[bot]"
    rings(here, known)


def rings(here: World, settings: Settings) -> None:
    """What the forge now sends to the App is signed with its secret, names its installation, and is accepted."""
    forge = open_forge(settings)
    number = here.open().number
    assert forge.pull(number).author == "alice"
    assert forge.git_token()
    engine = MemoryEngine()
    client = TestClient(create_app(settings, engine, MemoryStore()))
    log = forge.deliveries(0)
    assert {sent.event for sent in log} >= {"pull_request"}
    id = settings.app_installation
    body = json.dumps(
        {
            "action": "closed",
            "pull_request": {"number": number},
            "repository": {"full_name": NAME},
            "installation": {"id": id},
        }
    )
    assert client.post("/webhook", content=body, headers=signed(settings, body)).status_code == 202
    other = body.replace(f'"id": {id}', f'"id": {id + 1}')
    assert client.post("/webhook", content=other, headers=signed(settings, other)).status_code == 404


def signed(settings: Settings, body: str) -> dict[str, str]:
    digest = hmac.new(settings.secrets()[0], body.encode(), hashlib.sha256).hexdigest()
    return {
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "1",
        "Content-Type": "application/json",
    }


def test_without_the_token_there_is_nothing(given: dict[str, Any]) -> None:
    web = TestClient(create_setup_app(Settings(**given), TOKEN))
    for token in ("", "guess", "é"):
        page = web.get("/setup", params={"token": token})
        assert (page.status_code, "manifest" in page.text) == (404, False)
    assert web.get("/setup/done", params={"code": "x", "state": ""}).status_code == 404
    assert web.get("/healthz").status_code == 200
    for path in ("/", "/metrics", "/webhook", "/pulls/1/samples"):
        assert web.get(path).status_code == 404
    assert not (given["state_dir"] / APP_FILE).exists()


def test_a_code_that_is_wrong_is_told(here: World, given: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="answered 404"):
        exchange(here.server.api_url, "0" * 40)
    with pytest.raises(SetupError, match="holds no code"):
        exchange(here.server.api_url, "../../user")
    with pytest.raises(SetupError, match="no credentials"):
        exchange("http://127.0.0.1:1", "abc")


def test_credentials_never_replace_others_and_never_show(tmp_path: Path) -> None:
    one = Credentials("1", "bot", "https://forge.example/apps/bot", "KEY\nTEXT", 'se"cret')
    assert "TEXT" not in repr(one)
    assert "cret" not in repr(one)
    path = keep(one, tmp_path)
    with pytest.raises(SetupError, match="by hand"):
        keep(one, tmp_path)
    assert 'webhook_secrets = "se\\"cret"' in path.read_text()
    settings = load(repository="a/b", state_dir=tmp_path)
    assert settings.secrets() == (b'se"cret',)
    assert settings.app_private_key.get_secret_value() == "KEY\nTEXT"
    assert settings.forge_login == "bot[bot]"


def test_a_machine_that_the_forge_cannot_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", silent)
    page = TestClient(create_setup_app(Settings(repository="club/t", state_dir=tmp_path), TOKEN)).get(
        f"/setup?token={TOKEN}"
    )
    assert "SEEDBED_PUBLIC_URL" in page.text
    assert "https://github.com/organizations/club/settings/apps/new?state=" in page.text
    assert "https://github.com/settings/apps/new?state=" in page.text


def test_the_manifest_is_what_the_documentation_shows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "register-the-app.md").read_text()
    block = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert block is not None
    assert json.loads(block[1]) == manifest("our-org/taxonomy", "https://seedbed.example.org")


@pytest.mark.parametrize(
    ("api", "pages"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.example.org/api/v3", "https://git.example.org"),
        ("https://api.club.ghe.com", "https://club.ghe.com"),
        ("http://127.0.0.1:8081/api/v3", "http://127.0.0.1:8081"),
    ],
)
def test_the_forge_of_an_api(api: str, pages: str) -> None:
    assert Settings(repository="a/b", forge_api_url=api).forge_url == pages


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    nothing = Settings(repository="a/b")
    assert [m.variable.split()[0] for m in missing(nothing)] == ["SEEDBED_WEBHOOK_SECRETS", "SEEDBED_APP_ID", "or"]
    half = Settings(repository="a/b", app_id="1", app_private_key=str(key), webhook_secrets="s")
    assert [m.variable for m in missing(half)] == ["SEEDBED_APP_PRIVATE_KEY"]
    key.write_text("-----BEGIN RSA PRIVATE KEY-----\n")
    assert missing(half) == []
    assert missing(Settings(repository="a/b", forge_token="t", webhook_secrets="s")) == []
    assert "plain token" in credentials(Settings(repository="a/b", forge_token="t"))
    assert "without credentials" in credentials(nothing)
