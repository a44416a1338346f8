"""Pages that register a GitHub App from a manifest and install it on repositories."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.localhub import apps, installations, manifests
from bot.localhub.api.context import hub_of
from bot.localhub.errors import HubError
from bot.localhub.hub import Hub
from bot.localhub.models import Account, Repository
from bot.localhub.pages.session import author_of, signed_in
from bot.localhub.pages.show import POLICY, page

router = APIRouter()
Text = Annotated[str, Form()]


def _organization(request: Request) -> str:
    """Whose settings these are; empty for one's own."""
    return str(request.path_params.get("organization", ""))


Organization = Annotated[str, Depends(_organization)]


@router.post("/settings/apps/new")
@router.post("/organizations/{organization}/settings/apps/new")
def propose(request: Request, owner: Organization, manifest: Text, state: str = "") -> HTMLResponse:
    """What another site's form asks for. Nothing happens until someone confirms it here."""
    return _proposal(request, owner, manifest, state)


@router.get("/settings/apps/new")
@router.get("/organizations/{organization}/settings/apps/new")
def propose_again(request: Request, owner: Organization, manifest: str = "", state: str = "") -> HTMLResponse:
    """The same page after one has chosen who one is."""
    if not manifest:
        raise HubError(422, "Start from the setup page of the App: it sends the manifest along.")
    return _proposal(request, owner, manifest, state)


def _proposal(request: Request, owner: str, text: str, state: str) -> HTMLResponse:
    manifest = manifests.read(text)
    settings = f"/organizations/{quote(owner)}/settings/apps" if owner else "/settings/apps"
    here = f"{settings}/new?{urlencode({'manifest': text, 'state': state})}"
    values = {"manifest": manifest, "text": text, "state": state, "here": here, "settings": settings, "owner": owner}
    response = page(request, "app_new.html", values)
    # The form leads on to the App's own site, which a browser must be told beforehand.
    response.headers["Content-Security-Policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {manifests.origin(manifest.redirect_url)}"
    )
    return response


@router.post("/settings/apps")
@router.post("/organizations/{organization}/settings/apps")
def register(
    request: Request, owner: Organization, csrf: Text, manifest: Text, name: Text, state: Text = ""
) -> RedirectResponse:
    """Make the App, for oneself or for an organization. Leads back to where the manifest came from, with a code."""
    author, hub = author_of(request, csrf), hub_of(request)
    if owner and not any(row.owner.lower() == owner.lower() for row in _administered(hub, author)):
        raise HubError(403, f"Registering an App for {owner} needs admin permission to a repository of it.")
    wanted = manifests.read(manifest)
    code = manifests.register(hub, wanted, name, owner or author.login)
    return RedirectResponse(manifests.back(wanted, code, state), 303)


@router.get("/apps/{slug}")
def show(request: Request, slug: str) -> HTMLResponse:
    """An App: what it may do, what it hears of, and where it is installed."""
    hub = hub_of(request)
    app = apps.of_slug(hub, slug)
    rows = installations.installations_of(hub.db, app)
    values = {
        "app": app,
        "permissions": json.loads(app.permissions),
        "covered": {row: installations.repositories(hub.db, row) for row in rows},
    }
    return page(request, "app.html", values)


@router.get("/apps/{slug}/installations/new")
def choose(request: Request, slug: str) -> HTMLResponse:
    """The repositories on which one may install the App."""
    hub, me = hub_of(request), signed_in(request)
    app = apps.of_slug(hub, slug)
    values = {"app": app, "permissions": json.loads(app.permissions), "offered": _administered(hub, me) if me else []}
    return page(request, "app_install.html", values)


@router.post("/apps/{slug}/installations")
def install(request: Request, slug: str, csrf: Text, repository: Text) -> RedirectResponse:
    """Install the App on a repository; needs admin."""
    author, hub = author_of(request, csrf), hub_of(request)
    app, wanted = apps.of_slug(hub, slug), hub.repository(repository)
    if not hub.allows(wanted, author, "admin"):
        raise HubError(403, f"Installing an App needs admin permission to {wanted.full_name}.")
    apps.install(hub, app, wanted.full_name, author.login)
    return RedirectResponse(f"/apps/{app.slug}", 303)


def _administered(hub: Hub, person: Account) -> list[Repository]:
    return [repository for repository in hub.repositories() if hub.allows(repository, person, "admin")]
