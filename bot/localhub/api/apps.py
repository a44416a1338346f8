"""Apps as they see themselves: the App, its installations, and their tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from bot.localhub import app_tokens, apps, installations, manifests
from bot.localhub.api.context import Page, Seen, hub_of, token_of
from bot.localhub.errors import HubError, not_found
from bot.localhub.models import App, Grant, Installation
from bot.localhub.shapes import apps as shapes
from bot.localhub.shapes import core
from bot.localhub.shapes.core import JSON

router = APIRouter()


class Narrowing(BaseModel):
    """What a token shall be narrowed to; nothing: all of the installation."""

    repositories: list[str] | None = None
    repository_ids: list[int] | None = None
    permissions: dict[str, str] | None = None


def signer(request: Request) -> App:
    """The App whose JWT came along; raises 401."""
    return app_tokens.app_of_jwt(hub_of(request), token_of(request) or "")


def grant_of(request: Request) -> Grant:
    """What the installation token of the request allows; raises 401 and, for other tokens, 403."""
    hub, token = hub_of(request), token_of(request)
    if token is None:
        raise HubError(401, "Requires authentication")
    allowed = installations.grant(hub.db, token, hub.clock())
    if allowed is None:
        if hub.account_of_token(token) is None:
            raise HubError(401, "Bad credentials")
        raise HubError(403, "You must authenticate with an installation access token in order to list repositories.")
    return allowed


Signer = Annotated[App, Depends(signer)]
Allowed = Annotated[Grant, Depends(grant_of)]


def _installation(view: core.View, app: App, installation_id: int) -> Installation:
    row = apps.installation(view.hub, installation_id)
    if row.app_id != app.id:
        raise not_found()
    return row


@router.get("/app")
def get_authenticated_app(view: Seen, app: Signer) -> JSON:
    """The App that asks."""
    return shapes.integration(view, app)


@router.get("/apps/{slug}")
def get_app(view: Seen, slug: str) -> JSON:
    """An App by its slug."""
    return core.app(view, apps.of_slug(view.hub, slug).login)


@router.get("/app/installations")
def list_installations(view: Seen, app: Signer, page: Page) -> list[JSON]:
    """Where the App is installed, oldest first."""
    return [shapes.installation(view, app, row) for row in page.cut(installations.installations_of(view.hub.db, app))]


@router.get("/app/installations/{installation_id}")
def get_installation(view: Seen, app: Signer, installation_id: int) -> JSON:
    """One installation of the App."""
    return shapes.installation(view, app, _installation(view, app, installation_id))


@router.post("/app/installations/{installation_id}/access_tokens", status_code=201)
def create_token(view: Seen, app: Signer, installation_id: int, wanted: Narrowing | None = None) -> JSON:
    """A token for an hour."""
    row, narrow = _installation(view, app, installation_id), wanted or Narrowing()
    secret, allowed = app_tokens.issue(
        view.hub, row, permissions=narrow.permissions, names=narrow.repositories, ids=narrow.repository_ids
    )
    return shapes.token(view, secret, allowed, row.selection)


@router.get("/repos/{owner}/{repo}/installation")
def get_repository_installation(view: Seen, app: Signer, owner: str, repo: str) -> JSON:
    """The installation that covers a repository."""
    row = installations.installed_on(view.hub.db, app, view.hub.repository(f"{owner}/{repo}"))
    if row is None:
        raise not_found()
    return shapes.installation(view, app, row)


@router.get("/installation/repositories")
def list_repositories(view: Seen, allowed: Allowed, page: Page) -> JSON:
    """What the token reaches."""
    rows = installations.granted_repositories(view.hub.db, allowed)
    row = apps.installation(view.hub, allowed.installation_id)
    selection = row.selection if allowed.repositories is None else "selected"
    shown = [core.repository(view, repository) for repository in page.cut(rows)]
    return {"total_count": len(rows), "repository_selection": selection, "repositories": shown}


@router.delete("/installation/token", status_code=204)
def revoke_token(view: Seen, allowed: Allowed) -> None:
    """The token is worth nothing from now on."""
    view.hub.db.run("DELETE FROM installation_tokens WHERE sha256 = ?", allowed.sha256)


@router.post("/app-manifests/{code}/conversions", status_code=201)
def convert_manifest(view: Seen, code: str) -> JSON:
    """The secrets of an App that was made from a manifest, once."""
    made = manifests.convert(view.hub, code)
    secrets = {"client_secret": made.client_secret, "webhook_secret": made.webhook_secret, "pem": made.pem}
    return {**shapes.integration(view, made.app), **secrets}
