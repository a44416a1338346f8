"""Apps of localhub: JWTs, installations and their tokens through PyGithub, webhooks, the log, and the manifest."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from github import Auth, Github, GithubException, GithubIntegration

from bot.localhub import create_app, installations
from bot.localhub.app_access import needed
from bot.localhub.apps import Registration
from tests.integration.localhub_world import NAME, Receiver, World, git, receiver, world

PERMISSIONS = {"checks": "write", "contents": "read", "issues": "write", "pull_requests": "write"}
EVENTS = ["pull_request", "issue_comment", "check_run", "push"]


@dataclass
class Bot:
    """An App that is installed on the repository of the world, and hears of it."""

    world: World
    made: Registration
    installation: int

    @property
    def auth(self) -> Auth.AppAuth:
        return Auth.AppAuth(self.made.app.id, self.made.pem)

    def jwt(self, **claims: Any) -> str:
        now = int(time.time())
        wanted = {"iat": now - 60, "exp": now + 540, "iss": str(self.made.app.id), **claims}
        return jwt.encode({k: v for k, v in wanted.items() if v is not None}, self.made.pem, algorithm="RS256")

    def ask(self, method: str, path: str, token: str | None = None, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.jwt()}"}
        return requests.request(method, self.world.server.api_url + path, headers=headers, json=body or None, timeout=5)

    def token(self, **narrow: Any) -> str:
        answer = self.ask("POST", f"/app/installations/{self.installation}/access_tokens", **narrow)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def bot(here: World, inbox: Receiver) -> Bot:
    made = here.hub.add_app("gardener", "carol", permissions=PERMISSIONS, events=EVENTS, hook_url=inbox.url)
    return Bot(here, made, here.hub.install_app(made.app, NAME).id)


def test_pygithub_works_as_an_app_and_as_its_installation(here: World, bot: Bot) -> None:
    with GithubIntegration(auth=bot.auth, base_url=here.server.api_url) as integration:
        app = integration.get_app()
        assert (app.slug, app.owner.login, app.permissions["checks"]) == ("gardener", "carol", "write")
        assert [one.id for one in integration.get_installations()] == [bot.installation]
        found = integration.get_repo_installation(*NAME.split("/"))
        assert (found.id, found.app_slug, found.target_type) == (bot.installation, "gardener", "Organization")
        assert [repo.full_name for repo in found.get_repos()] == [NAME]
    pull = here.open()
    auth = bot.auth.get_installation_auth(bot.installation, {"checks": "write", "issues": "write"})
    github = Github(auth=auth, base_url=here.server.api_url, seconds_between_writes=0, retry=None)
    repo = github.get_repo(NAME)
    comment = repo.get_issue(pull.number).create_comment("Thank you.")
    assert comment.user.login == "gardener[bot]"
    run = repo.create_check_run("seedbed/lint", pull.head.sha, conclusion="success")
    assert (run.app.id, run.app.slug) == (bot.made.app.id, "gardener")
    assert repo.get_check_run(run.id).app.owner.login == "carol"


def test_what_an_app_is_not_told(here: World, bot: Bot) -> None:
    other = here.hub.add_app("weeder", "carol", permissions={})
    theirs = Bot(here, other, bot.installation)
    assert theirs.ask("GET", f"/app/installations/{bot.installation}").status_code == 404
    assert theirs.ask("GET", f"/repos/{NAME}/installation").status_code == 404
    assert theirs.ask("POST", f"/app/installations/{bot.installation}/access_tokens").status_code == 404
    with here.hub.db.transaction():
        stored = here.hub.db.rows(dict, "SELECT * FROM apps")
    assert "PRIVATE" not in json.dumps(stored)


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"exp": int(time.time()) - 1}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": int(time.time()) + 3600}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"iat": int(time.time()) + 3600}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": None}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iss": "12"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
    ],
)
def test_a_wrong_jwt(bot: Bot, claims: dict[str, Any], status: int, message: str) -> None:
    answer = bot.ask("GET", "/app", bot.jwt(**claims))
    assert (answer.status_code, answer.json()["message"].startswith(message)) == (status, True), answer.text


def test_who_signs_with_another_key_or_not_at_all_is_nobody(here: World, bot: Bot) -> None:
    other = here.hub.add_app("weeder", "carol", permissions={})
    forged = jwt.encode(jwt.decode(bot.jwt(), options={"verify_signature": False}), other.pem, algorithm="RS256")
    unsigned = jwt.encode({"iss": str(bot.made.app.id), "exp": time.time() + 60, "iat": 1}, None, algorithm="none")
    for token in (forged, unsigned, "no JWT", here.tokens["alice"], bot.token()):
        answer = bot.ask("GET", "/app", token)
        assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")
    assert bot.ask("GET", "/app", bot.jwt(iss=bot.made.app.client_id)).json()["id"] == bot.made.app.id


def test_a_token_is_narrowed_and_ends(here: World, bot: Bot) -> None:
    here.hub.create_repository("club", "garden")
    path = f"/app/installations/{bot.installation}/access_tokens"
    narrow = bot.ask("POST", path, repositories=["taxonomy"], permissions={"checks": "read"}).json()
    assert narrow["token"].startswith("ghs_")
    assert narrow["permissions"] == {"checks": "read", "metadata": "read"}
    assert (narrow["repository_selection"], [row["full_name"] for row in narrow["repositories"]]) == (
        "selected",
        [NAME],
    )
    for body in ({"permissions": {"contents": "write"}}, {"permissions": {"secrets": "read"}}):
        refused = bot.ask("POST", path, **body)
        assert (refused.status_code, "not granted" in refused.json()["message"]) == (422, True)
    assert bot.ask("POST", path, repositories=["garden"]).status_code == 422
    token = bot.token()
    assert bot.ask("GET", "/installation/repositories", token).json()["total_count"] == 1
    before = here.hub.clock
    here.hub.clock = lambda: before() + 3601
    late = bot.ask("GET", f"/repos/{NAME}", token)
    assert (late.status_code, late.json()["message"]) == (401, "Bad credentials")
    here.hub.clock = before
    assert bot.ask("DELETE", "/installation/token", token).status_code == 204
    assert bot.ask("GET", f"/repos/{NAME}", token).status_code == 401


def test_a_token_does_what_its_permissions_say_where_it_is_installed(here: World, bot: Bot) -> None:
    here.hub.create_repository("club", "garden", template=here.folder.parent / "template")
    pull = here.open()
    comments, checks = f"/repos/{NAME}/issues/{pull.number}/comments", f"/repos/{NAME}/check-runs"
    run = {"name": "lint", "head_sha": pull.head.sha}
    reader, talker = bot.token(permissions={"checks": "read"}), bot.token(permissions={"issues": "write"})
    cases = [
        ("POST", comments, reader, {"body": "Hello"}),
        ("POST", checks, reader, run),
        ("POST", checks, talker, run),
        ("PUT", f"/repos/{NAME}/pulls/{pull.number}/merge", bot.token(), {"merge_method": "merge"}),
        ("POST", "/repos/club/garden/labels", bot.token(), {"name": "good"}),
        ("POST", f"/repos/{NAME}/hooks", bot.token(), {"config": {"url": "http://127.0.0.1:9/"}}),
        ("GET", "/user", bot.token(), {}),
    ]
    for method, path, token, body in cases:
        answer = bot.ask(method, path, token, **body)
        assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration"), path
    assert bot.ask("POST", comments, talker, body="Hello").status_code == 201
    assert bot.ask("GET", "/repos/club/garden", talker).status_code == 200
    assert bot.ask("POST", "/repos/club/nothing/labels", talker, name="x").status_code == 404


def test_every_endpoint_that_writes_to_a_repository_has_a_permission(here: World) -> None:
    app = create_app(here.hub)
    routes = [(route.path, route.methods) for route in app.routes if getattr(route, "methods", None)]  # type: ignore[attr-defined]
    below = "/api/v3/repos/{owner}/{repo}/"
    writes = [path for path, methods in routes if path.startswith(below) and methods - {"GET", "HEAD"}]
    assert len(writes) > 20
    assert [path for path in writes if not needed(re.sub(r"\{[^}]*\}", "1", path.removeprefix(below)))] == []


def test_git_over_http_with_a_token(here: World, bot: Bot) -> None:
    writer = here.hub.add_app("planter", "carol", permissions={"contents": "write"})
    planter = Bot(here, writer, here.hub.install_app(writer.app, NAME).id)
    folder = here.folder / "planter"
    url = here.remote("x-access-token", planter.token())
    git(here.folder, "clone", "-q", url, "planter")
    (folder / "new.txt").write_text("new\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Plant")
    git(folder, "push", "-q", url, "HEAD:refs/heads/planted")
    assert here.repo().get_branch("planted").commit.sha == git(folder, "rev-parse", "HEAD")
    for token in (bot.token(), planter.token(permissions={"contents": "read"})):
        said = git(folder, "push", here.remote("x-access-token", token), "HEAD:refs/heads/other", check=False)
        assert "403" in said
    assert "other" not in {branch.name for branch in here.repo().get_branches()}


def test_an_app_hears_of_what_it_is_installed_on(here: World, bot: Bot, inbox: Receiver) -> None:
    other = here.hub.add_app("weeder", "carol", permissions={}, events=EVENTS, hook_url=inbox.url)
    inbox.wait(lambda got: len(got) == 3)
    assert [one.key for one in inbox.got] == ["ping", "installation.created", "ping"]
    created = inbox.got[1].payload
    assert [row["full_name"] for row in created["repositories"]] == [NAME]
    assert created["installation"]["account"]["login"] == "club"
    pull = here.open()
    got = inbox.wait_for("pull_request.opened")
    signed = "sha256=" + hmac.new(bot.made.webhook_secret.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == signed
    assert got.headers["x-github-hook-installation-target-type"] == "integration"
    assert got.headers["x-github-hook-installation-target-id"] == str(bot.made.app.id)
    assert got.payload["installation"]["id"] == bot.installation
    assert got.payload["repository"]["full_name"] == NAME
    here.hub.install_app(other.app, NAME)
    run = bot.ask("POST", f"/repos/{NAME}/check-runs", bot.token(), name="lint", head_sha=pull.head.sha).json()
    seen = inbox.wait(lambda got: sum(one.key == "check_run.created" for one in got) == 2)
    assert {one.payload["check_run"]["app"]["slug"] for one in seen if one.key == "check_run.created"} == {"gardener"}
    repo = here.repo("alice")
    repo.requester.requestJsonAndCheck("POST", f"{repo.url}/check-runs/{run['id']}/rerequest")
    asked = inbox.wait_for("check_run.rerequested")
    assert here.hub.deliveries.wait_idle(10)
    assert [one.key for one in inbox.got].count("check_run.rerequested") == 1
    assert asked.headers["x-github-hook-installation-target-id"] == str(bot.made.app.id)


def test_more_repositories(here: World, bot: Bot, inbox: Receiver) -> None:
    here.hub.create_repository("club", "garden")
    here.hub.install_app(bot.made.app, "club/garden")
    told = inbox.wait_for("installation_repositories.added").payload
    assert [row["full_name"] for row in told["repositories_added"]] == ["club/garden"]
    assert told["installation"]["repository_selection"] == "selected"
    here.hub.create_repository("club", "meadow")
    assert here.hub.install_app(bot.made.app, "club").selection == "all"
    assert bot.ask("GET", "/installation/repositories", bot.token()).json()["total_count"] == 3


def test_the_log_of_an_app(here: World, bot: Bot, inbox: Receiver) -> None:
    inbox.wait_for("installation.created")
    inbox.status = 500
    here.open()
    inbox.wait_for("pull_request.opened")
    assert here.hub.deliveries.wait_idle(10)
    assert bot.ask("GET", "/app/hook/config").json()["secret"] == "********"
    log = bot.ask("GET", "/app/hook/deliveries?per_page=3")
    assert [row["event"] for row in log.json()] == ["pull_request", "push", "installation"]
    rest = requests.get(log.links["next"]["url"], headers={"Authorization": f"Bearer {bot.jwt()}"}, timeout=5)
    assert [row["event"] for row in rest.json()] == ["ping"]
    failed = bot.ask("GET", "/app/hook/deliveries?status=failure").json()
    assert [(row["status_code"], row["installation_id"]) for row in failed] == [(500, bot.installation)] * 2
    full = bot.ask("GET", f"/app/hook/deliveries/{failed[0]['id']}").json()
    assert full["request"]["payload"]["action"] == "opened"
    inbox.status = 200
    secret = "another"
    assert bot.ask("PATCH", "/app/hook/config", secret=secret).status_code == 200
    assert bot.ask("POST", f"/app/hook/deliveries/{full['id']}/attempts").status_code == 202
    assert here.hub.deliveries.wait_idle(10)
    again = inbox.got[-1]
    assert again.headers["x-github-delivery"] == full["guid"]
    signed = "sha256=" + hmac.new(secret.encode(), again.body, hashlib.sha256).hexdigest()
    assert again.headers["x-hub-signature-256"] == signed
    newest = bot.ask("GET", "/app/hook/deliveries").json()[0]
    assert (newest["redelivery"], newest["status"]) == (True, "OK")


MANIFEST = {
    "name": "Seed Bed",
    "url": "http://127.0.0.1:8000",
    "hook_attributes": {"url": "http://127.0.0.1:9/webhook"},
    "redirect_url": "http://127.0.0.1:8000/setup/done?x=1",
    "public": False,
    "default_permissions": {"checks": "write"},
    "default_events": ["pull_request"],
}


def _browser(here: World, login: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{here.server.url}/", timeout=5).text
    form = {"login": login, "csrf": _csrf(page)}
    assert session.post(f"{here.server.url}/session", form, timeout=5).ok
    return session


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found, page
    return found[1]


def test_an_app_from_a_manifest(here: World) -> None:
    browser, url = _browser(here, "carol"), here.server.url
    form = {"manifest": json.dumps(MANIFEST)}
    shown = browser.post(f"{url}/settings/apps/new?state=abc", form, timeout=5)
    assert "Create GitHub App for carol" in shown.text
    assert "form-action 'self' http://127.0.0.1:8000;" in shown.headers["content-security-policy"]
    wanted = {**form, "name": "Seed Bed 2", "state": "abc", "csrf": _csrf(shown.text)}
    assert browser.post(f"{url}/settings/apps", {**wanted, "csrf": "0"}, timeout=5).status_code == 403
    made = browser.post(f"{url}/settings/apps", wanted, timeout=5, allow_redirects=False)
    target = urlsplit(made.headers["location"])
    query = parse_qs(target.query)
    assert (made.status_code, target.path, query["state"], query["x"]) == (303, "/setup/done", ["abc"], ["1"])
    conversion = f"{here.server.api_url}/app-manifests/{query['code'][0]}/conversions"
    answer = requests.post(conversion, timeout=5)
    app = answer.json()
    assert (answer.status_code, app["slug"], app["owner"]["login"]) == (201, "seed-bed-2", "carol")
    assert {"id", "client_id", "client_secret", "webhook_secret", "html_url"} <= app.keys()
    assert app["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert requests.post(conversion, timeout=5).status_code == 404
    with GithubIntegration(auth=Auth.AppAuth(app["id"], app["pem"]), base_url=here.server.api_url) as integration:
        assert integration.get_app().name == "Seed Bed 2"
        install = browser.get(f"{url}/apps/seed-bed-2/installations/new", timeout=5).text
        chosen = {"csrf": _csrf(install), "repository": NAME}
        assert NAME in browser.post(f"{url}/apps/seed-bed-2/installations", chosen, timeout=5).text
        assert integration.get_repo_installation(*NAME.split("/")).app_id == app["id"]


def test_an_app_for_an_organization(here: World) -> None:
    form = {"manifest": json.dumps(MANIFEST)}
    settings = f"{here.server.url}/organizations/club/settings/apps"
    for login, status in (("bob", 403), ("carol", 303)):
        browser = _browser(here, login)
        shown = browser.post(f"{settings}/new?state=abc", form, timeout=5).text
        assert "Create GitHub App for club" in shown
        wanted = {**form, "name": "Seed Bed", "state": "abc", "csrf": _csrf(shown)}
        made = browser.post(settings, wanted, timeout=5, allow_redirects=False)
        assert made.status_code == status
    owners = {app.owner for app in installations.apps(here.hub.db)}
    assert owners == {"club"}


def test_a_manifest_needs_somebody_and_must_be_right(here: World) -> None:
    url = here.server.url
    shown = requests.post(f"{url}/settings/apps/new", {"manifest": json.dumps(MANIFEST)}, timeout=5).text
    assert "Create GitHub App" not in shown
    assert 'value="/settings/apps/new?manifest=' in shown
    for change in ({"redirect_url": "javascript:alert(1)"}, {"redirect_url": "http://a;b/"}, {"url": None}):
        wrong = requests.post(f"{url}/settings/apps/new", {"manifest": json.dumps(MANIFEST | change)}, timeout=5)
        assert wrong.status_code == 422, change
    bob = _browser(here, "bob")
    here.hub.add_app("gardener", "carol", permissions={})
    page = bob.get(f"{url}/apps/gardener/installations/new", timeout=5).text
    assert "administers no repository" in page
    form = {"csrf": _csrf(page), "repository": NAME}
    assert bob.post(f"{url}/apps/gardener/installations", form, timeout=5).status_code == 403


def test_a_slug_is_taken_once(here: World, bot: Bot) -> None:
    for slug, fields in (("gardener", {}), ("No Slug", {}), ("weeder", {"events": ["nothing"]})):
        with pytest.raises(Exception, match="Validation Failed"):
            here.hub.add_app(slug, "carol", permissions={}, **fields)
    with pytest.raises(GithubException):
        here.github("alice").get_repo("club/nothing")
