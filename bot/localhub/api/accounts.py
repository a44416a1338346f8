"""Users, repositories and permissions."""

from __future__ import annotations

from fastapi import APIRouter

from bot.localhub.api.context import Caller, Page, Seen, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError, not_found
from bot.localhub.shapes import core
from bot.localhub.shapes.core import JSON

router = APIRouter(route_class=OneHop)
_LEGACY = {"admin": "admin", "write": "write", "triage": "read", "read": "read", "none": "none"}


@router.get("/user")
def get_authenticated_user(view: Seen, account: Caller) -> JSON:
    """The account of the token."""
    if account is None:
        raise HubError(401, "Requires authentication")
    return core.full_user(view, account)


@router.get("/users/{login}")
def get_user(login: str, view: Seen, account: Caller) -> JSON:
    """An account by its login."""
    found = view.hub.account(login)
    if found is None:
        raise not_found()
    return core.full_user(view, found)


@router.get("/meta")
def get_meta() -> JSON:
    """What this server is."""
    return {"verifiable_password_authentication": False, "installed_version": "localhub"}


@router.get("/user/repos")
def list_repositories(view: Seen, account: Caller, page: Page) -> list[JSON]:
    """All repositories; on localhub everyone sees all."""
    return [core.repository(view, repo, account) for repo in page.cut(view.hub.repositories())]


@router.get("/repos/{owner}/{repo}")
def get_repository(where: Where) -> JSON:
    """One repository."""
    return core.full_repository(where.view, where.repository, where.account)


@router.get("/repos/{owner}/{repo}/collaborators/{login}/permission")
def get_permission(where: Where, login: str) -> JSON:
    """What a login may do: `permission` as GitHub always said it, and the finer `role_name`."""
    asker = where.user()
    if asker.kind != "Bot" and asker.login.lower() != login.lower():
        where.needs("write")
    account = where.hub.account(login)
    if account is None:
        raise HubError(404, f"{login} is not a user")
    level = where.hub.level(where.repository, account)
    permissions = core.permissions(where.view, where.repository, account)
    user = {**core.user(where.view, account), "permissions": permissions, "role_name": level}
    return {"permission": _LEGACY[level], "role_name": level, "user": user}
