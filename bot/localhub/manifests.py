"""Registering an App from a manifest: a page makes the App, a code that works once hands out its secrets."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ValidationError

from bot.localhub import apps, installations
from bot.localhub.apps import Registration
from bot.localhub.errors import invalid, not_found
from bot.localhub.hub import Hub

CODE_S = 3600
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?\Z|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?\Z")


class HookAttributes(BaseModel):
    """Where the App's events go."""

    url: str
    active: bool = True


class Manifest(BaseModel):
    """What GitHub's documentation of manifests names; fields that say nothing to localhub are passed over."""

    name: str = ""
    url: str
    hook_attributes: HookAttributes | None = None
    redirect_url: str
    description: str = ""
    setup_url: str | None = None
    public: bool = False
    default_permissions: dict[str, str] = {}
    default_events: list[str] = []

    @property
    def slug(self) -> str:
        """The name in small letters, digits and hyphens."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:34]

    @property
    def hook_url(self) -> str:
        """Where events go; empty for a hook that is switched off."""
        return self.hook_attributes.url if self.hook_attributes and self.hook_attributes.active else ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A code that waits to be exchanged."""

    sha256: str
    app_id: int
    pem: str
    client_secret: str
    webhook_secret: str
    expires_at: float


def read(text: str) -> Manifest:
    """The manifest of a form; raises 422 that says what is wrong with it."""
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise invalid("Manifest", "manifest", faults) from error
    origin(manifest.redirect_url)
    return manifest


def origin(url: str) -> str:
    """Scheme and host of an address; raises 422 unless it is plain http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not _HOST.match(parts.netloc):
        raise invalid("Manifest", "redirect_url", f"{url!r} is no http(s) address")
    return f"{parts.scheme}://{parts.netloc}"


def register(hub: Hub, manifest: Manifest, name: str, owner: str) -> str:
    """Make the App under the name that its owner chose; returns the code."""
    named = manifest.model_copy(update={"name": name or manifest.name})
    code = secrets.token_hex(20)
    with hub.db.transaction():
        made = apps.register(
            hub, named.slug, owner, name=named.name, permissions=named.default_permissions,
            events=named.default_events, description=named.description, url=named.url, hook_url=named.hook_url,
        )  # fmt: skip
        hub.db.insert(
            "manifest_codes", sha256=installations.digest(code), app_id=made.app.id, pem=made.pem,
            client_secret=made.client_secret, webhook_secret=made.webhook_secret, expires_at=hub.clock() + CODE_S,
        )  # fmt: skip
    return code


def back(manifest: Manifest, code: str, state: str) -> str:
    """Where the browser goes with the code."""
    parts = urlsplit(manifest.redirect_url)
    extra = urlencode({"code": code, **({"state": state} if state else {})})
    return urlunsplit(parts._replace(query=f"{parts.query}&{extra}" if parts.query else extra, fragment=""))


def convert(hub: Hub, code: str) -> Registration:
    """The App of a code with its secrets; the second time, and after an hour, 404."""
    with hub.db.transaction():
        row = hub.db.row(_Row, "SELECT * FROM manifest_codes WHERE sha256 = ?", installations.digest(code))
        hub.db.run(
            "DELETE FROM manifest_codes WHERE sha256 = ? OR expires_at <= ?", row.sha256 if row else "", hub.clock()
        )
    if row is None or row.expires_at <= hub.clock():
        raise not_found()
    return Registration(apps.get(hub, row.app_id), row.pem, row.client_secret, row.webhook_secret)
