"""Forks, and removing a repository."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from bot.localhub import forks
from bot.localhub.api.context import Page, Where
from bot.localhub.api.route import OneHop
from bot.localhub.errors import HubError
from bot.localhub.shapes import core
from bot.localhub.shapes.core import JSON

router = APIRouter(prefix="/repos/{owner}/{repo}", route_class=OneHop)


class NewFork(BaseModel):
    """How a fork shall be named."""

    organization: str | None = None
    name: str | None = None
    default_branch_only: bool = False


@router.post("/forks", status_code=202)
def create_fork(where: Where, new: NewFork | None = None) -> JSON:
    """Fork into one's own account."""
    user = where.user()
    if new and new.organization:
        raise HubError(422, "localhub forks into accounts only: leave organization out.")
    made = forks.fork(where.hub, where.repository, user, name=(new.name or "") if new else "")
    return core.full_repository(where.view, made, user)


@router.get("/forks")
def list_forks(where: Where, page: Page) -> list[JSON]:
    """Forks, newest first."""
    found = page.cut(forks.listed(where.hub, where.repository))
    return [core.repository(where.view, row, where.account) for row in found]


@router.delete("", status_code=204)
def delete_repository(where: Where) -> None:
    """Remove the repository; needs admin."""
    where.needs("admin")
    forks.delete(where.hub, where.repository)
