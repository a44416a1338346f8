"""Registering a GitHub App and installing it on repositories."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.localhub import app_events, installations
from bot.localhub.errors import HubError, invalid, not_found
from bot.localhub.hub import HOOK_URL, Hub
from bot.localhub.models import EVENTS, App, Installation, Repository

FIRST_ID = 1_000_000  # App ids stand apart from account ids: plain bots show theirs as the App's
PERMISSIONS = (
    "actions", "administration", "checks", "contents", "issues", "members", "metadata", "pull_requests",
    "repository_hooks", "statuses", "workflows",
)  # fmt: skip
LEVELS = ("read", "write")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,33})\Z")


@dataclass(frozen=True, slots=True)
class Registration:
    """A new App and its secrets. localhub keeps the public key only: this is the one time that `pem` can be read."""

    app: App
    pem: str
    client_secret: str
    webhook_secret: str


def register(
    hub: Hub, slug: str, owner: str, *, permissions: Mapping[str, str], events: Sequence[str] = (), name: str = "",
    description: str = "", url: str = "", hook_url: str = "", hook_secret: str = "",
) -> Registration:  # fmt: skip
    """Make an App, its account `slug[bot]` and its webhook, which is pinged when it has an address.

    `permissions`: name → "read" or "write". Raises 422 for a slug that is taken and for unknown names.
    """
    _check(hub, slug, owner, permissions, events, hook_url)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = hook_secret or secrets.token_hex(20)
    now = hub.clock()
    with hub.db.transaction():
        account = hub.db.insert("accounts", login=f"{slug}[bot]", kind="Bot", created_at=now)
        app_id = hub.db.insert(
            "apps", id=FIRST_ID + account, slug=slug, name=name or slug, owner=owner, description=description, url=url,
            client_id=f"Iv23li{secrets.token_hex(7)}", public_key=_public(key),
            permissions=json.dumps({"metadata": "read", **permissions}, sort_keys=True), events=",".join(events),
            created_at=now,
        )  # fmt: skip
        hub.db.insert(
            "hooks", repository_id=0, url=hook_url, secret=secret, events=",".join(events), created_at=now,
            app_id=app_id,
        )  # fmt: skip
        app = get(hub, app_id)
        app_events.ping(hub, app)
    return Registration(app, _private(key), secrets.token_hex(20), secret)


def get(hub: Hub, app_id: int) -> App:
    """One App; raises 404."""
    found = installations.app(hub.db, app_id)
    if found is None:
        raise not_found()
    return found


def of_slug(hub: Hub, slug: str) -> App:
    """The App with this slug; raises 404."""
    found = installations.app_of_slug(hub.db, slug)
    if found is None:
        raise not_found()
    return found


def install(hub: Hub, app: App, target: str, sender: str) -> Installation:
    """Install an App on the repository `owner/name`, or on all repositories of an owner.

    Emits `installation.created`, or `installation_repositories.added` where the owner had it already.
    """
    owner, _, name = target.partition("/")
    account = hub.account(owner)
    if account is None:
        raise not_found()
    wanted = hub.repository(target) if name else None
    with hub.db.transaction():
        known = next((row for row in installations.installations_of(hub.db, app) if row.owner == account.login), None)
        if known is None:
            row = _first(hub, app, account.login, wanted)
            app_events.installed(hub, app, row, sender)
        else:
            row = _more(hub, app, known, wanted, sender)
    return row


def _first(hub: Hub, app: App, owner: str, wanted: Repository | None) -> Installation:
    now = hub.clock()
    row_id = hub.db.insert(
        "installations", app_id=app.id, owner=owner, selection="selected" if wanted else "all",
        permissions=app.permissions, events=app.events, created_at=now, updated_at=now,
    )  # fmt: skip
    if wanted is not None:
        hub.db.insert("installation_repositories", installation_id=row_id, repository_id=wanted.id)
    return installation(hub, row_id)


def _more(hub: Hub, app: App, row: Installation, wanted: Repository | None, sender: str) -> Installation:
    before = {repository.id for repository in installations.repositories(hub.db, row)}
    if wanted is None:
        hub.db.update("installations", row.id, selection="all", updated_at=hub.clock())
    elif wanted.id not in before:
        hub.db.insert("installation_repositories", installation_id=row.id, repository_id=wanted.id)
        hub.db.update("installations", row.id, updated_at=hub.clock())
    new = installation(hub, row.id)
    added = [repository for repository in installations.repositories(hub.db, new) if repository.id not in before]
    if added:
        app_events.repositories_added(hub, app, new, added, sender)
    return new


def installation(hub: Hub, installation_id: int) -> Installation:
    """One installation; raises 404."""
    found = installations.installation(hub.db, installation_id)
    if found is None:
        raise not_found()
    return found


def _check(
    hub: Hub, slug: str, owner: str, permissions: Mapping[str, str], events: Sequence[str], hook_url: str
) -> None:
    if not _SLUG.match(slug):
        raise invalid("Integration", "slug", f"{slug!r} is no slug: up to 34 lower-case letters, digits and hyphens")
    if hub.account(f"{slug}[bot]") is not None:
        raise invalid("Integration", "name", f"{slug} is already taken")
    if hub.account(owner) is None:
        raise invalid("Integration", "owner", f"there is no account {owner!r}")
    wrong = {name: level for name, level in permissions.items() if name not in PERMISSIONS or level not in LEVELS}
    if wrong:
        raise invalid("Integration", "permissions", f"{wrong} is not read or write on one of {', '.join(PERMISSIONS)}")
    unknown = set(events) - set(EVENTS)
    if unknown:
        raise HubError(422, f"Validation Failed: unknown events {sorted(unknown)}; known: {', '.join(EVENTS)}")
    if hook_url and not HOOK_URL.match(hook_url):
        raise invalid("Integration", "hook_attributes", f"{hook_url!r} is no http(s) address")


def _public(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _private(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL  # "BEGIN RSA PRIVATE KEY", as GitHub hands it out
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
